package firestore

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"

	"github.com/bucketocr/bucketocr/internal/document"
)

func TestForeignFieldsReadAsZero(t *testing.T) {
	t.Parallel()
	odd := fields{
		"generation": textValue("17"), "text": numberValue(1), "lease": flagValue(true), "warnings": textValue("w"),
		"due":   numberValue(0),
		"error": dictValue(fields{"code": numberValue(1)}), "metadata": listValue(nil), "schema": numberValue(99),
	}
	want := &document.Record{Error: &document.Error{}}
	if got := readRecord(odd); !reflect.DeepEqual(got, want) {
		t.Errorf("readRecord = %+v, want %+v", got, want)
	}
	blocks := listValue([]*pb.Value{textValue("no map"), dictValue(fields{"box": listValue(make([]*pb.Value, 9))})})
	page := readPage(fields{"blocks": blocks})
	if len(page.Blocks) != 2 || page.Blocks[1].Box != [4]int{} {
		t.Errorf("readPage = %+v", page)
	}
}

func TestBlocksComeBack(t *testing.T) {
	t.Parallel()
	want := []document.Block{
		{Label: "text", Box: [4]int{1, 2, 3, 4}, Text: "It goes"},
		{Label: "text", Continued: true, Box: [4]int{5, 6, 7, 8}, Text: "on."},
	}
	if got := readPage(pageFields(document.Page{Blocks: want})).Blocks; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestMetadataNamesAreMadeAcceptable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"plain": "plain", "": "", "__": "__", "___": "___", "____": "-____", "__x__": "-__x__", "__x": "__x",
		"a\xffb": "a\ufffdb", strings.Repeat("k", 1025): strings.Repeat("k", 1024),
		strings.Repeat("k", 1023) + "ü": strings.Repeat("k", 1023),
	} {
		got := fieldName(name)
		if got != want {
			t.Errorf("fieldName(%.20q) = %.20q, want %.20q", name, got, want)
		}
		if again := fieldName(got); again != got {
			t.Errorf("fieldName(%.20q) changes again, to %.20q", got, again)
		}
	}
}

func TestMetadataPrefersTheUnchangedName(t *testing.T) {
	t.Parallel()
	got := readMetadata(metadataValue(map[string]string{
		"-__x__": "exact", "__x__": "made", "": "none", "\ufffd": "exact", "\xff": "made", "\xfe": "made too",
	}).GetMapValue().Fields)
	want := map[string]string{"-__x__": "exact", "\ufffd": "exact"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("metadata = %v, want %v", got, want)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add("name", "text", "key", "value", int64(5), int64(1795428131470921000))
	f.Add("\xff", "\x00\ud7ff", "__x__", "", int64(-1), int64(0))
	f.Fuzz(func(t *testing.T, name, body, key, value string, n, ns int64) {
		r := &document.Record{
			Name: name, Status: document.StatusDone, Text: body, Metadata: map[string]string{key: value}, Generation: n,
			Due: time.Unix(0, ns).UTC(), Error: &document.Error{Message: value}, Lease: &document.Lease{ID: key},
		}
		once := readRecord(recordFields(r))
		if !utf8.ValidString(once.Name + once.Text + once.Error.Message + once.Lease.ID) {
			t.Errorf("not UTF-8: %+v", once)
		}
		if twice := readRecord(recordFields(once)); !reflect.DeepEqual(once, twice) {
			t.Errorf("written again, %+v became %+v", once, twice)
		}
		if utf8.ValidString(name) && once.Name != name || once.Generation != n {
			t.Errorf("%q %d became %q %d", name, n, once.Name, once.Generation)
		}
	})
}

// full returns a record in which no field is zero, including fields added in future.
func full(t *testing.T) *document.Record {
	t.Helper()
	r := &document.Record{}
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case string, document.Status:
			f.SetString("x")
		case int, int64:
			f.SetInt(1)
		case bool:
			f.SetBool(true)
		case time.Time:
			f.Set(reflect.ValueOf(time.Unix(1, 0)))
		case []string:
			f.Set(reflect.ValueOf([]string{"x"}))
		case map[string]string:
			f.Set(reflect.ValueOf(map[string]string{"x": "x"}))
		case document.Usage:
			f.Set(reflect.ValueOf(document.Usage{PromptTokens: 1, CompletionTokens: 1}))
		case *document.Error:
			f.Set(reflect.ValueOf(&document.Error{Code: "x"}))
		case document.Strikes:
			f.Set(reflect.ValueOf(document.Strikes{1: {Count: 1}}))
		case *document.Rereading:
			f.Set(reflect.ValueOf(&document.Rereading{By: "x"}))
		case *bool:
			f.Set(reflect.ValueOf(new(true)))
		case *document.Lease:
			f.Set(reflect.ValueOf(&document.Lease{ID: "x"}))
		default:
			t.Fatalf("no value for a field of type %s", f.Type())
		}
	}
	return r
}

func TestHeadsAreAllFieldsButTheText(t *testing.T) {
	t.Parallel()
	r := full(t)
	r.Status, r.TextInPages = document.StatusDone, false
	written := recordFields(r)
	if _, ok := written["text"]; !ok {
		t.Fatal("the record has no text")
	}
	delete(written, "text")
	written["write"] = nil // the commit adds it
	if got, want := slices.Sorted(slices.Values(headFields)),
		slices.Sorted(maps.Keys(written)); !slices.Equal(got, want) {
		t.Errorf("headFields = %q\nwritten are  %q", got, want)
	}
}

// TestPageComesBack: every field of a page is read as it was written, including fields added in future.
func TestPageComesBack(t *testing.T) {
	t.Parallel()
	p := document.Page{
		Page: 12, Generation: 5, Text: "t", Warnings: []string{"turned"}, Blank: true,
		Error: &document.Error{Code: "corrupt", Message: "m", Retryable: true},
		Width: 3, Height: 4, Turned: 270,
		Blocks: []document.Block{{Label: "title", Box: [4]int{1, 2, 3, 4}, Text: "t"}}, Model: "m", Source: "pdf_text",
		Usage: document.Usage{PromptTokens: 7, CompletionTokens: 8},
	}
	if got := readPage(pageFields(p)); !reflect.DeepEqual(got, p) {
		t.Errorf("%+v\nwant %+v", got, p)
	}
	for i, v := 0, reflect.ValueOf(p); i < v.NumField(); i++ {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "Finished" { // that is the server's
			t.Errorf("nothing is written for %s", name)
		}
	}
	if _, there := pageFields(document.Page{})["turned"]; there {
		t.Error("a page that was upright was turned by 0 degrees")
	}
}
