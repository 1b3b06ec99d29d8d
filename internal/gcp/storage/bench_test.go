package storage

import (
	"io"
	"testing"
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
