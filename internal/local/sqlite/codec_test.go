package sqlite

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

func TestReopenKeepsEveryField(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	var r document.Record
	var p document.Page
	fill(reflect.ValueOf(&r).Elem(), new(int64))
	fill(reflect.ValueOf(&p).Elem(), new(int64))
	p.Generation = r.Generation
	stored := put(t, s, r, p)
	shut(t, s)

	s = open(t, dir)
	again, err := s.Get(t.Context(), r.Object().ID())
	if err != nil || !sameState(again, stored) {
		t.Errorf("after reopening:\n%+v, %v\nwant\n%+v", again, err, stored)
	}
	inUTC(reflect.ValueOf(&r).Elem())
	r.Write, r.Updated = again.Write, again.Updated
	if !reflect.DeepEqual(again.Record, &r) {
		t.Errorf("record is\n%+v\nwant\n%+v", again.Record, &r)
	}
	pages, err := s.Pages(t.Context(), r.Object().ID(), r.Generation)
	inUTC(reflect.ValueOf(&p).Elem())
	p.Finished = again.Updated // one commit, one time
	if err != nil || len(pages) != 1 || !reflect.DeepEqual(pages[0], p) {
		t.Errorf("pages are\n%+v, %v\nwant\n%+v", pages, err, p)
	}
}

func fill(v reflect.Value, n *int64) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat("x", int(*n)))
	case reflect.Int, reflect.Int64:
		v.SetInt(*n)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			east := time.FixedZone("east", 3600)
			v.Set(reflect.ValueOf(time.Date(2024, 2, 29, 1, 2, 3, int(*n)*1000+1, east)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("a field of kind " + v.Kind().String())
	}
}

func inUTC(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer:
		inUTC(v.Elem())
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(v.Interface().(time.Time).UTC()))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			inUTC(v.Field(i))
		}
	}
}

func TestStoredNames(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	r := retrying(s, "a.png")
	r.Lease = &document.Lease{ID: "L"}
	r.Usage.PromptTokens = 5
	put(t, s, r)
	var got string
	err := s.read.QueryRow(`SELECT json_extract(doc, '$.name') || json_extract(doc, '$.lease.id') ||
		json_extract(doc, '$.usage.promptTokens') || json_extract(doc, '$.schema') FROM records`).Scan(&got)
	if err != nil || got != "a.pngL52" {
		t.Errorf("stored fields read %q, %v", got, err)
	}
}
