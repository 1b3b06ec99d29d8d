package documenttest

import (
	"context"
	"errors"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// reusable: records found for objects with the same bytes.
var reusable = []check{
	{"reusable by its key alone", reusableByKey},
	{"reusable until its key goes", reusableUntil},
	{"reusable hears the context", reusableContext},
}

// mustReusable returns the name of a record with the key; empty if there is none.
func mustReusable(t *testing.T, ctx context.Context, s document.Store, key string) string {
	t.Helper()
	got, err := s.Reusable(ctx, key)
	if err != nil {
		t.Fatalf("Reusable: %v", err)
	}
	if got == nil {
		return ""
	}
	return got.Name
}

// withKey stores a done record whose text may be copied.
func withKey(t *testing.T, ctx context.Context, s document.Store, name, key string) *document.Stored {
	t.Helper()
	r := done(name, "text of "+name)
	r.ReuseKey = key
	return mustCreate(t, ctx, s, r)
}

func reusableByKey(t *testing.T, ctx context.Context, s document.Store) {
	same(t, "found in an empty store", "", mustReusable(t, ctx, s, "k1"))
	want := withKey(t, ctx, s, "a", "k1")
	withKey(t, ctx, s, "b", "k2")
	mustCreate(t, ctx, s, done("c", "text"))
	got, err := s.Reusable(ctx, "k1")
	if err != nil || got == nil {
		t.Fatalf("Reusable: %v, %v", got, err)
	}
	same(t, "found", want, got)
	if got.ReadAt.Before(got.Updated) {
		t.Errorf("read at %v, before it was written at %v", got.ReadAt, got.Updated)
	}
	same(t, "found by another key", "b", mustReusable(t, ctx, s, "k2"))
	same(t, "found by a key that none has", "", mustReusable(t, ctx, s, "k"))
	withKey(t, ctx, s, "d", "k1")
	if name := mustReusable(t, ctx, s, "k1"); name != "a" && name != "d" {
		t.Errorf("of two with the key %q was found", name)
	}
}

func reusableUntil(t *testing.T, ctx context.Context, s document.Store) {
	stored := withKey(t, ctx, s, "a", "k1")
	same(t, "found", "a", mustReusable(t, ctx, s, "k1"))
	r := done("a", "text")
	r.ReuseKey = "k2"
	stored = mustUpdate(t, ctx, s, stored.Object().ID(), document.Seen(stored), set(document.Change{Record: &r}))
	same(t, "found by the key before", "", mustReusable(t, ctx, s, "k1"))
	same(t, "found by the next key", "a", mustReusable(t, ctx, s, "k2"))
	r.ReuseKey = ""
	mustUpdate(t, ctx, s, stored.Object().ID(), document.Seen(stored), set(document.Change{Record: &r}))
	same(t, "found without a key", "", mustReusable(t, ctx, s, "k2"))
}

func reusableContext(t *testing.T, ctx context.Context, s document.Store) {
	withKey(t, ctx, s, "a", "k1")
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Reusable(ended, "k1"); !errors.Is(err, context.Canceled) {
		t.Errorf("Reusable with an ended context: %v, want %v", err, context.Canceled)
	}
}
