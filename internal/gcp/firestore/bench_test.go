package firestore

import (
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Encoding and decoding a record with the longest text.
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
