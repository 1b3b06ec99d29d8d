package documenttest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// same fails the test for every field in which got differs from want. Times are equal if they are the same instant,
// lists and maps also if both are empty. ReadAt is not compared: each answer has its own.
func same[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	for _, line := range differ("", reflect.ValueOf(&want).Elem(), reflect.ValueOf(&got).Elem()) {
		t.Errorf("%s: %s", what, line)
	}
}

// sameRecord compares two records except for the fields that the store sets in every commit.
func sameRecord(t *testing.T, what string, want document.Record, got *document.Record) {
	t.Helper()
	want.Updated, want.Write = got.Updated, got.Write
	same(t, what, want, *got)
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	storedType = reflect.TypeFor[document.Stored]()
)

// differ lists the paths at which two values of one type differ.
func differ(path string, want, got reflect.Value) []string {
	switch {
	case want.Type() == timeType:
		if want.Interface().(time.Time).Equal(got.Interface().(time.Time)) {
			return nil
		}
	case want.Kind() == reflect.Struct:
		return differFields(path, want, got)
	case want.Kind() == reflect.Pointer:
		if !want.IsNil() && !got.IsNil() {
			return differ(path, want.Elem(), got.Elem())
		}
		if want.IsNil() && got.IsNil() {
			return nil
		}
	case want.Kind() == reflect.Slice:
		return differElements(path, want, got)
	case want.Kind() == reflect.Map && want.Len() == 0 && got.Len() == 0:
		return nil
	case reflect.DeepEqual(want.Interface(), got.Interface()):
		return nil
	}
	return []string{fmt.Sprintf("%s is %s, want %s", path, short(got), short(want))}
}

func differFields(path string, want, got reflect.Value) (lines []string) {
	for i := range want.NumField() {
		name := path + "." + want.Type().Field(i).Name
		if want.Type() == storedType && want.Type().Field(i).Name == "ReadAt" {
			continue
		}
		lines = append(lines, differ(name, want.Field(i), got.Field(i))...)
	}
	return lines
}

func differElements(path string, want, got reflect.Value) (lines []string) {
	if want.Len() != got.Len() {
		return []string{fmt.Sprintf("%s has %d elements, want %d", path, got.Len(), want.Len())}
	}
	for i := range want.Len() {
		lines = append(lines, differ(fmt.Sprintf("%s[%d]", path, i), want.Index(i), got.Index(i))...)
	}
	return lines
}

// short formats a value for a message, cut, because texts may have 900,000 bytes.
func short(v reflect.Value) string {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	s := fmt.Sprintf("%#v", v.Interface())
	if len(s) > 200 {
		s = fmt.Sprintf("%.100s... (%d bytes)", s, len(s))
	}
	return s
}
