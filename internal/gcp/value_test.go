package gcp

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"

	"github.com/bucketocr/bucketocr/internal/document"
)

func TestReadLeniently(t *testing.T) {
	odd := fields{
		"generation": text("17"), "text": number(1), "lease": flag(true), "warnings": text("w"), "due": number(0),
		"error": dict(fields{"code": number(1)}), "metadata": list(nil), "schema": number(99),
	}
	want := &document.Record{Error: &document.Error{}}
	if got := readRecord(odd); !reflect.DeepEqual(got, want) {
		t.Errorf("readRecord = %+v, want %+v", got, want)
	}
	blocks := list([]*pb.Value{text("no map"), dict(fields{"box": list(make([]*pb.Value, 9))})})
	page := readPage(fields{"blocks": blocks})
	if len(page.Blocks) != 2 || page.Blocks[1].Box != [4]int{} {
		t.Errorf("readPage = %+v", page)
	}
}

func TestFieldName(t *testing.T) {
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

func TestMetadataKeysThatFallTogether(t *testing.T) {
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
