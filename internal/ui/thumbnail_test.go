package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// TestThumbnail: it is small and made here, whatever the object is; where there is none the answer is empty, and no
// error. What a file is makes no difference to who may ask.
func TestThumbnail(t *testing.T) {
	d := newDesk(t)
	put := func(name string, data []byte) string {
		d.bucket.PutAs(name, 7, data)
		id := d.write(name, func(r *document.Record) { r.Bucket = "bucket" })
		d.known(id)
		return "/api/documents/" + id + "/thumbnail?generation=7"
	}
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewRGBA(image.Rect(0, 0, 900, 1600)), nil); err != nil {
		t.Fatal(err)
	}
	scan := put("a.png", dot(1200, 600))
	for _, c := range []struct {
		name, path    string
		want          int
		width, height int
	}{
		{"a scan", scan, 200, 128, 64},
		{"again", scan, 200, 128, 64},
		{"a photo", put("b.jpg", photo.Bytes()), 200, 72, 128},
		{"small", put("s.png", dot(30, 40)), 200, 30, 40},
		{"cut off", put("cut.png", dot(20, 20)[:40]), 204, 0, 0},
		{"html", put("h.png", []byte("<html><script>alert(1)</script>")), 204, 0, 0},
		{"svg", put("v.png", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>`)), 204, 0, 0},
		{"empty", put("e.png", nil), 204, 0, 0},
		{"too large", put("l.png", dot(4000, 4000)), 204, 0, 0},
		{"another generation", scan[:len(scan)-1] + "8", 204, 0, 0},
		{"no document", "/api/documents/x/thumbnail?generation=7", 404, 0, 0},
	} {
		code, h, body := d.ask("GET", c.path, "", nil)
		if code != c.want {
			t.Errorf("%s: %d %.100q", c.name, code, body)
		}
		if code != 200 {
			if code == 204 && body != "" {
				t.Errorf("%s: %q", c.name, body)
			}
			continue
		}
		m, format, err := image.Decode(bytes.NewReader([]byte(body)))
		if err != nil || "image/"+format != h.Get("Content-Type") || m.Bounds().Dx() != c.width ||
			m.Bounds().Dy() != c.height {
			t.Errorf("%s: %v %v %s %v", c.name, err, m.Bounds(), format, h)
		}
	}
}

// countingImages counts how often a bucket's objects are opened, and how many are open.
type countingImages struct {
	Images
	total, now, most atomic.Int64
}

func (c *countingImages) Open(ctx context.Context, o document.Object) (document.Content, error) {
	c.total.Add(1)
	c.most.Store(max(c.most.Load(), c.now.Add(1)))
	time.Sleep(time.Millisecond) // so that others come meanwhile
	content, err := c.Images.Open(ctx, o)
	content.ReadCloser = leaving{content.ReadCloser, &c.now}
	return content, err
}

// leaving is content that reports when it is closed.
type leaving struct {
	io.ReadCloser
	now *atomic.Int64
}

func (l leaving) Close() error {
	l.now.Add(-1)
	return l.ReadCloser.Close()
}

// TestThumbnailsAreBounded: one is made at a time, each once, those that cannot be made included; what is kept is
// bounded; and an object that hangs holds up the others for a while and no longer.
func TestThumbnailsAreBounded(t *testing.T) {
	t.Parallel()
	limits := page.Limits{MaxBytes: 1 << 20, MaxPixels: 1e7, MaxPages: 100}
	synctest.Test(t, func(t *testing.T) {
		whole := dot(600, 800)
		hanging := newThumbnails(stalling{whole, len(whole) - 20}, limits)
		hung := make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), thumbnailTime)
			defer cancel()
			_, err := hanging.make(ctx, document.Object{Name: "hangs", Generation: 1})
			hung <- err
		}()
		synctest.Wait()
		if p, err := hanging.make(t.Context(), document.Object{Name: "fine", Generation: 1}); err != nil ||
			len(p.bytes) == 0 {
			t.Errorf("behind one that hangs: %v", err)
		}
		if err := <-hung; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one that hangs: %v", err)
		}
		if len(hanging.kept) != 1 {
			t.Errorf("%d are kept: that an object hangs is not to be remembered", len(hanging.kept))
		}
	})

	noisy := noise(100, 100)
	synctest.Test(t, func(t *testing.T) {
		source := &countingImages{Images: stalling{noisy, len(noisy)}}
		many := func(made *thumbnails) {
			done := make(chan error)
			for i := range 40 {
				go func() {
					_, err := made.make(t.Context(), document.Object{Name: fmt.Sprint(i % 20), Generation: 1})
					done <- err
				}()
			}
			for range 40 {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
		}
		many(newThumbnails(source, limits))
		if source.most.Load() != 1 {
			t.Errorf("%d objects were open at a time", source.most.Load())
		}
		once := source.total.Load()
		if _, err := newThumbnails(source, limits).make(t.Context(),
			document.Object{Name: "0", Generation: 1}); err != nil {
			t.Fatal(err)
		}
		if each := source.total.Load() - once; once != 20*each {
			t.Errorf("20 objects were opened %d times, one %d times", once, each)
		}
		made := newThumbnails(source, limits)
		made.room = 10 * (len(noisy) + thumbnailCost)
		many(made)
		if n := len(made.kept); n == 0 || n > 10 || len(made.order) != n || made.space > made.room {
			t.Errorf("%d are kept, %d in order, %d bytes of %d", n, len(made.order), made.space, made.room)
		}
	})
	broken := &countingImages{Images: stalling{[]byte("no image"), 8}}
	none := newThumbnails(broken, limits)
	for range 3 {
		if p, err := none.make(t.Context(), document.Object{Name: "x", Generation: 1}); err != nil || len(p.bytes) > 0 {
			t.Errorf("of no image: %v", err)
		}
	}
	if n := broken.total.Load(); n != 1 {
		t.Errorf("no image was opened %d times", n)
	}
}
