package documenttest

import (
	"context"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/document"
)

// names: names and metadata that an uploader may choose.
var names = []check{
	{"hostile names", hostileNames},
	{"invalid UTF-8", invalidUTF8},
	{"hostile metadata", hostileMetadata},
}

// hostile are legal names of different objects. Some look alike, some look like ids that stores reserve.
var hostile = []string{
	"a/b", "a//b", "a/./b", "a/../b", "/a/b", "a/b ", "a%2Fb", "a\\b", "A/B",
	"__x__", "__name__", "..x", "x/..", "x/.", "100%done %s %d.png", "#?&=+;.png", "'; DROP TABLE records; --",
	"`\"$(x)",
	"tab\there", "nul\x00nul", "bell\x07 escape\x1b[31m", "del\x7f", "next\u0085line", "separators\u2028\u2029",
	"é.png", "e\u0301.png", "Å", "\u212b", "\u202egnp.exe", "\u200b", "\ufeffbom", "\ufffd", "🦜👩‍👩‍👧", " ", "-rf",
	"null",
	strings.Repeat("n", 1024), strings.Repeat("🦜", 256), strings.Repeat("n", 1023) + "m",
}

func hostileNames(t *testing.T, ctx context.Context, s document.Store) {
	for _, name := range hostile {
		mustCreate(t, ctx, s, claimed(name))
	}
	for _, name := range hostile {
		if got := mustGet(t, ctx, s, idOf(name)); got.Name != name {
			t.Errorf("name is %q, want %q", got.Name, name)
		}
	}
	if got := len(dueNames(t, ctx, s, time.Time{}, at(100), 2*len(hostile))); got != len(hostile) {
		t.Errorf("%d names made %d records", len(hostile), got)
	}
}

func invalidUTF8(t *testing.T, ctx context.Context, s document.Store) {
	r := full()
	bad := "a\xffb\xc3"
	r.Name, r.ContentType, r.Model, r.RetriedBy, r.EventID, r.Bucket = bad, bad, bad, bad, bad, bad
	r.Status, r.TextInPages, r.Text, r.Warnings = document.StatusDone, false, bad, []string{bad}
	r.Metadata = map[string]string{"key": bad}
	r.Error = &document.Error{Code: bad, Message: bad}
	r.Lease.ID = bad
	p := onePage(r.Generation, 1)
	p.Text, p.Warnings, p.Error = bad, []string{bad}, &document.Error{Code: bad, Message: bad}
	p.Blocks = []document.Block{{Label: bad, Text: bad}}
	id := r.Object().ID()
	updated := mustUpdate(t, ctx, s, id, document.Unread(), set(document.Change{Record: &r, Pages: []document.Page{p}}))
	got := mustGet(t, ctx, s, id)
	same(t, "Get against Update", updated, got)
	const good = "a\ufffdb\ufffd"
	same(t, "strings of the record", []string{good, good, good, good, good, good, good, good, good, good, good},
		[]string{got.Name, got.ContentType, got.Model, got.RetriedBy, got.EventID, got.Bucket, got.Text,
			got.Warnings[0],
			got.Metadata["key"], got.Error.Message, got.Lease.ID})
	for _, p := range mustPages(t, ctx, s, id, r.Generation) {
		same(t, "strings of the page", []string{good, good, good, good, good},
			[]string{p.Text, p.Warnings[0], p.Error.Message, p.Blocks[0].Label, p.Blocks[0].Text})
	}
}

// A store may change or leave out metadata keys that it cannot store; it must keep the record and the other keys.
func hostileMetadata(t *testing.T, ctx context.Context, s document.Store) {
	r := claimed("metadata")
	r.Metadata = map[string]string{
		"": "no key", "__x__": "reserved", "____": "reserved", "a\xffb": "invalid", strings.Repeat("k", 4000): "long",
		"`a`.b/c[0]": "kept", "Straße 🦜": "kept", strings.Repeat("v", 100): strings.Repeat("v", 4000),
	}
	updated := mustUpdate(t, ctx, s, idOf("metadata"), document.Unread(), set(document.Change{Record: &r}))
	got := mustGet(t, ctx, s, idOf("metadata"))
	same(t, "Get against Update", updated, got)
	for _, key := range []string{"`a`.b/c[0]", "Straße 🦜", strings.Repeat("v", 100)} {
		if got.Metadata[key] != r.Metadata[key] {
			t.Errorf("metadata[%q] = %q, want %q", key, got.Metadata[key], r.Metadata[key])
		}
	}
	for key := range got.Metadata {
		if !utf8.ValidString(key) {
			t.Errorf("metadata holds the key %q, which is not UTF-8", key)
		}
	}
	again := mustUpdate(t, ctx, s, idOf("metadata"), document.Seen(got), plus)
	same(t, "metadata written again", got.Metadata, again.Metadata)
}
