package sqlite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// A commit as a renewed lease makes it: one small record, its state known.
func BenchmarkCommit(b *testing.B) {
	for _, text := range []int{0, 3000, document.MaxTextBytes} {
		b.Run(fmt.Sprintf("text=%d", text), func(b *testing.B) {
			s := open(b, b.TempDir())
			r := retrying(s, "a")
			r.Text = strings.Repeat("text ", text/5)
			stored := put(b, s, r)
			for b.Loop() {
				var err error
				stored, err = document.Update(b.Context(), s, r.Object().ID(), document.Seen(stored), func(old *document.Record) (*document.Change, error) {
					next := *old
					next.Due = time.Now()
					return &document.Change{Record: &next}, nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, b.TempDir())
	r := retrying(s, "a")
	r.Text = strings.Repeat("text ", 600)
	put(b, s, r)
	for b.Loop() {
		get(b, s, "a")
	}
}
