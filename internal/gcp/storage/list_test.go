package storage

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

func names(t *testing.T, s *Objects, l document.Listing) []string {
	t.Helper()
	var names []string
	err := s.ListObjects(t.Context(), l, func(o document.Listed) error {
		names = append(names, o.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestListObjects(t *testing.T) {
	s, b := bucket(t)
	const n = 2300
	for i := range n {
		b.Put(fmt.Sprintf("many/%05d", i), []byte("x"), "image/png", nil)
	}
	generation := b.Put("a b%2F?#é", []byte("four"), "image/jpeg", map[string]string{"k": "v"})
	b.Delete("many/00007")
	if got := names(t, s, document.Listing{Bucket: b.Name(), Prefix: "many/"}); len(got) != n-1 ||
		!slices.IsSorted(got) {
		t.Errorf("%d names", len(got))
	}
	if got := names(t, s, document.Listing{Bucket: b.Name(), Prefix: "many/", After: "many/02297"}); !slices.Equal(got,
		[]string{"many/02298", "many/02299"}) {
		t.Errorf("after a name: %q", got)
	}
	err := s.ListObjects(t.Context(), document.Listing{Bucket: b.Name()}, func(o document.Listed) error {
		if o.Generation != generation || o.Size != 4 || o.ContentType != "image/jpeg" || o.Metadata["k"] != "v" ||
			o.Created.IsZero() {
			t.Errorf("%+v", o)
		}
		return errors.ErrUnsupported
	})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("fn's own error: %v", err)
	}
}

func TestListObjectsFails(t *testing.T) {
	s, b := bucket(t)
	none := func(document.Listed) error { return nil }
	if err := s.ListObjects(t.Context(), document.Listing{Bucket: "no-such-bucket"}, none); !errors.Is(err,
		document.ErrObjectGone) {
		t.Errorf("a bucket that does not exist: %v", err)
	}
	b.Next(gcptest.Fault{Status: 403})
	if err := s.ListObjects(t.Context(), document.Listing{Bucket: b.Name()}, none); !errors.Is(err,
		document.ErrStorageMisconfigured) {
		t.Errorf("403: %v", err)
	}
	b.Next(gcptest.Fault{Status: 503})
	if err := s.ListObjects(t.Context(), document.Listing{Bucket: b.Name()}, none); err != nil {
		t.Errorf("busy once: %v", err)
	}
}
