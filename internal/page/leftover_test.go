package page

import (
	"image"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// TestLeftovers: large pictures one after the other take the memory of one, even where the collector never comes by itself.
func TestLeftovers(t *testing.T) {
	data := pagetest.EncodePNG(image.NewGray(image.Rect(0, 0, large>>12, 1<<12)))
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 4 {
		if _, _, err := only(t, newObject(data), wide(16)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if held := int64(after.HeapAlloc) - int64(before.HeapAlloc); held > 2*large {
		t.Errorf("%d MiB", held>>20)
	}
}
