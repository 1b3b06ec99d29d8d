//go:build integration

package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"sync"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/ocr"
)

// bigPhoto returns a JPEG of 50 megapixels, 4:2:0.
func bigPhoto(t *testing.T) []byte {
	m := image.NewYCbCr(image.Rect(0, 0, 8192, 6144), image.YCbCrSubsampleRatio420)
	for i := range m.Y {
		m.Y[i] = byte(i/97) ^ byte(i/8192)
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = byte(i/400), byte(i/9000)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 60}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLargePhotosAtOnce: sixteen deliveries of 50 megapixels in an instance of 512 MiB. They wait their turn and
// finish.
func TestLargePhotosAtOnce(t *testing.T) {
	const instance = 512 << 20
	pagetest.Capped(t, instance, func() { deliverPhotos(t, 16, instance/2) }, func() {})
}

func deliverPhotos(t *testing.T, photos int, budget int64) {
	data := bigPhoto(t)
	w := newWorld(t)
	w.options.MemoryBudget = budget
	w.options.Limits.MaxBytes, w.options.Limits.MaxPixels = 64<<20, 60e6
	w.options.OCR = extractor{func(_ context.Context, img ocr.Image) (ocr.Result, error) {
		r, err := img.Open()
		if err != nil {
			return ocr.Result{}, err
		}
		defer r.Close()
		_, err = io.Copy(io.Discard, r)
		return result("read"), err
	}}
	p := w.worker()
	var wg sync.WaitGroup
	for i := range photos {
		ev := w.bucket.Put(fmt.Sprintf("%d.jpg", i), data)
		wg.Go(func() {
			out := document.OutcomeRetry
			for out == document.OutcomeRetry { // no slot in time, on a slow machine: the platform delivers it again
				out = p.Process(t.Context(), ev).Outcome
			}
			if out != document.OutcomeDone {
				t.Errorf("%s: %s", ev.Name, out)
			}
		})
	}
	wg.Wait()
}
