package folder

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// A scan of an unchanged folder, as an idle run does every second.
func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	const files = 20_000
	for i := range files {
		writeFile(b, filepath.Join(dir, fmt.Sprint(i%100), fmt.Sprintf("page-%05d.png", i)), "x", long)
	}
	w := openBucket(b, dir)
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
