package local

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// A commit as a renewed lease makes it: one small record, its state known.
func BenchmarkCommit(b *testing.B) {
	for _, text := range []int{0, 3000, document.MaxTextBytes} {
		b.Run(fmt.Sprintf("text=%d", text), func(b *testing.B) {
			w := openWorld(b, b.TempDir())
			r := retrying(w, "a")
			r.Text = strings.Repeat("text ", text/5)
			stored := put(b, w, r)
			for b.Loop() {
				var err error
				stored, err = document.Update(b.Context(), w, r.Object().ID(), document.Seen(stored), func(old *document.Record) (*document.Change, error) {
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
	w := openWorld(b, b.TempDir())
	r := retrying(w, "a")
	r.Text = strings.Repeat("text ", 600)
	put(b, w, r)
	for b.Loop() {
		get(b, w.Store, "a")
	}
}

// A pass over a folder in which nothing has changed: what an idle run does every second.
func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	const files = 20_000
	for i := range files {
		writeFile(b, filepath.Join(dir, fmt.Sprint(i%100), fmt.Sprintf("page-%05d.png", i)), "x", long)
	}
	w := openWorld(b, dir)
	started := time.Now()
	if c, err := w.Scan(b.Context()); err != nil || len(c.Events) != files {
		b.Fatalf("%d events, %v", len(c.Events), err)
	}
	first := time.Since(started)
	for b.Loop() {
		if c, err := w.Scan(b.Context()); err != nil || len(c.Events) != 0 {
			b.Fatalf("%d events, %v", len(c.Events), err)
		}
	}
	b.ReportMetric(float64(first.Milliseconds()), "first-ms")
}
