//go:build integration

package servers

import (
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestImagesAreReadThroughRestarts: a server that is stopped, one whose engine dies and one that is killed cost no
// image, and few pages. Before faults were counted per page, the code sent 102 to 162 pages in nine runs, and lost no
// image either: until the stopping server was gone, it had up to 64 pages refused, one image after the other.
func TestImagesAreReadThroughRestarts(t *testing.T) {
	t.Parallel()
	server := ocrtest.New(t)
	server.Default(ocrtest.Delay(200*time.Millisecond, writer(t)))
	sent := func() int { return server.Counts().Requests }
	idle := func() {
		if err := server.Wait(t.Context(), func(c ocrtest.Counts) bool { return c.Running == 0 }); err != nil {
			t.Fatal(err)
		}
	}
	next := func(end func()) incident {
		return func() int {
			end()
			n := sent()
			time.Sleep(3 * time.Second) // the next server loads its model
			server.Up()
			return n
		}
	}
	readThrough(t, []string{"OCR_URL=" + server.URL, "OCR_INSTANCE_CONCURRENCY=4"}, []incident{
		next(func() { server.Drain(); idle(); server.Kill() }),
		next(server.Terminate),
		next(server.Kill),
	}, sent)
}
