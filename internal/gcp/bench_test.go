package gcp

import (
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// An object of 64 MiB passes through: the memory used does not grow with it.
func BenchmarkOpen(b *testing.B) {
	s, bucket := bucket(b)
	body := pattern(64 << 20)
	o := object("page.png", bucket.Put("page.png", body, "image/png", nil))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		c, err := s.Open(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

// A record of the longest text, to the document and back.
func BenchmarkDocument(b *testing.B) {
	r := &document.Record{Status: document.StatusDone, Text: strings.Repeat("€", document.MaxTextBytes/3)}
	b.SetBytes(document.MaxTextBytes)
	b.ReportAllocs()
	for b.Loop() {
		if got := readRecord(recordFields(r)); len(got.Text) != len(r.Text) {
			b.Fatal("the text is cut")
		}
	}
}

// A claim and the write that completes it, as a clean page costs them.
func BenchmarkClaimAndComplete(b *testing.B) {
	r := emulated(b)
	for n := 0; b.Loop(); n++ {
		id := strconv.Itoa(n)
		claimed, err := document.Update(b.Context(), r, id, document.Unread(), claim)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := document.Update(b.Context(), r, id, document.Seen(claimed), complete); err != nil {
			b.Fatal(err)
		}
	}
}
