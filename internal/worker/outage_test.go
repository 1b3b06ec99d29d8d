package worker_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// TestProxyFailsNoImage: for hours something else answers in place of the OCR service, with any answer. All images are
// read afterwards.
func TestProxyFailsNoImage(t *testing.T) {
	for _, c := range []struct {
		name  string
		long  time.Duration
		reply reply
	}{
		{"200 with HTML", time.Hour, htmlReply},
		{"413 of a proxy", time.Hour, sizeReply},
		{"200 with an unknown finish_reason", time.Hour, unendedReply},
		{"200 without a finish_reason", time.Hour, nullReply},
		{"502", time.Hour, gatewayReply},
		{"503", time.Hour, busyReply},
		{"503 of a lost instance", time.Hour, instanceReply},
		{"401", time.Hour, keyReply},
		{"500 of a server that stops", time.Hour, futuresReply},
		{"500 of LiteLLM", time.Hour, litellmReply},
		{"refused", time.Hour, refusedReply},
		{"reset", time.Hour, resetReply},
		{"silence", time.Hour, reply{status: 504, after: time.Hour}},
		{"500 of a server that stops, for 8 hours", 8 * time.Hour, futuresReply},
		{"500 of LiteLLM, for 8 hours", 8 * time.Hour, litellmReply},
		{"silence, for 8 hours", 8 * time.Hour, reply{status: 504, after: time.Hour}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				s := &service{places: 8, work: 2 * time.Second, front: during(c.long, c.reply)}
				p := w.platform(s, 1, 8)
				events := w.images(50)
				for _, ev := range events {
					p.deliver(ev)
				}
				took := p.wait()
				t.Logf("%v, %d deliveries, %v", took.Round(time.Minute), p.deliveries.Load(), s)
				w.wantAllDone(events)
				if count, _ := s.figures(); count.sent != len(events) {
					t.Errorf("%d pages for %d images were sent to a server that had no fault", count.sent, len(events))
				}
			})
		})
	}
}

// during gives this answer to everything until the time is over.
func during(long time.Duration, r reply) func() *reply {
	begun := time.Now()
	return func() *reply {
		if time.Since(begun) < long {
			return &r
		}
		return nil
	}
}

// TestRefusedSizeIsThePagesOrTheProxys: 413 for one page alone fails that page; 413 for everything of that size is a
// limit of a proxy, which the operator can raise, and no reason to fail the page before RETRY_WINDOW is over.
func TestRefusedSizeIsThePagesOrTheProxys(t *testing.T) {
	t.Run("the page", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			s := &service{places: 8, work: 2 * time.Second,
				pages: map[int]fate{300: {work: time.Second, reply: sizeReply}}}
			p := w.platform(s, 1, 8)
			p.deliver(w.bucket.Put("a.tiff", largePage()))
			took := p.wait()
			t.Logf("%v, %d deliveries, %v", took, p.deliveries.Load(), s)
			w.wantLargePageMissing(document.CodeTooLarge)
			if took > 2*time.Hour {
				t.Errorf("it took %v", took)
			}
		})
	})
	t.Run("a proxy, for an hour", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			s := &service{places: 8, work: 2 * time.Second, limit: 64 << 10}
			p := w.platform(s, 1, 8)
			p.deliver(w.bucket.Put("a.tiff", largePage()))
			time.AfterFunc(time.Hour, func() { s.setLimit(0) })
			t.Logf("%v, %d deliveries, %v", p.wait(), p.deliveries.Load(), s)
			if r := w.want("a.tiff", document.StatusDone,
				""); r.Text != "text of 101\n\f\ntext of 300\n\f\ntext of 103" {
				t.Errorf("%q, warnings %v", r.Text, r.Warnings)
			}
		})
	})
	t.Run("a proxy, for ever", func(t *testing.T) {
		bubble(t, func(t *testing.T, w *world) {
			s := &service{places: 8, work: 2 * time.Second, limit: 64 << 10}
			p := w.platform(s, 1, 8)
			p.deliver(w.bucket.Put("a.tiff", largePage()))
			t.Logf("%v, %d deliveries, %v", p.wait(), p.deliveries.Load(), s)
			w.wantLargePageMissing(document.CodeTooLarge, document.CodeOCRMisconfigured)
			if _, sent := s.figures(); sent[101] != 1 || sent[103] != 1 {
				t.Errorf("the small pages were sent %d times and %d times", sent[101], sent[103])
			}
		})
	})
}

func (s *service) setLimit(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = n
}

// largePage is a book of three pages; the second is noise of 300 x 250 pixels, which no PNG makes smaller.
func largePage() []byte {
	var pictures []pagetest.Picture
	for _, size := range []image.Point{{101, leastSide}, {300, 250}, {103, leastSide}} {
		m := image.NewGray(image.Rectangle{Max: size})
		x := uint32(1)
		for i := range m.Pix {
			x = x*1664525 + 1013904223
			m.Pix[i] = byte(x >> 24)
		}
		pictures = append(pictures, pagetest.Gray(m, 8))
	}
	return pagetest.TIFF(binary.LittleEndian, pictures...)
}

// wantLargePageMissing checks that the two other pages were read, and that the large one failed with one of these
// codes.
func (w *world) wantLargePageMissing(codes ...string) {
	w.t.Helper()
	if r := w.want("a.tiff", document.StatusDone, ""); r.Text != "text of 101\n\f\n\n\f\ntext of 103" {
		w.t.Errorf("%q, error %+v", r.Text, r.Error)
	}
	for _, pg := range w.pages("a.tiff") {
		if (pg.Error != nil) != (pg.Page == 2) {
			w.t.Errorf("page %d: %+v", pg.Page, pg.Error)
			continue
		}
		if pg.Page == 2 && pg.Error.Code != codes[0] && pg.Error.Code != codes[len(codes)-1] {
			w.t.Errorf("page 2: %+v, want one of %v", pg.Error, codes)
		}
	}
}

// TestHangingBucketFailsNoObject: Cloud Storage accepts requests and does not answer, for five hours. All objects are
// read afterwards, and no page of them is sent twice.
func TestHangingBucketFailsNoObject(t *testing.T) {
	for _, c := range []struct {
		name string
		hang func(ctx context.Context) error
	}{
		{"until we give up", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		{"until its driver gives up", func(ctx context.Context) error {
			select {
			case <-time.After(30 * time.Second):
				return fmt.Errorf("%w: no answer after 30s", document.ErrStorageUnavailable)
			case <-ctx.Done():
				return ctx.Err()
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				begun := time.Now()
				w.bucket.Before = func(ctx context.Context, _ string, _ document.Object) error {
					if time.Since(begun) < 5*time.Hour {
						return c.hang(ctx)
					}
					return nil
				}
				p := w.platform(nil, 1, 8)
				events := w.images(10)
				p.deliver(w.bucket.Put("a.tiff", book(8)))
				for _, ev := range events {
					p.deliver(ev)
				}
				took := p.wait()
				t.Logf("%v, %d deliveries", took.Round(time.Minute), p.deliveries.Load())
				w.wantAllDone(events)
				if r := w.want("a.tiff", document.StatusDone, ""); r.Text != wholeText(8) {
					t.Errorf("%q", r.Text)
				}
				if w.calls.Load() != 18 {
					t.Errorf("%d calls for 18 pages", w.calls.Load())
				}
			})
		})
	}
}

// TestServerRestartsFailNoPage: the OCR service is replaced every ten minutes, while images arrive all the time. Each
// restart hits all pages in flight.
func TestServerRestartsFailNoPage(t *testing.T) {
	for _, c := range []struct {
		name   string
		death  death
		downAs reply
	}{
		{"500, then refused", deathOfEngine, refusedReply},
		{"500, then 503", deathOfEngine, busyReply},
		{"500, then LiteLLM's 500", deathOfEngine, litellmReply},
		{"503 of a lost instance", deathOnCloudRun, busyReply},
		{"no answer, then refused", deathInSilence, refusedReply},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				s := &service{places: 32, work: 50 * time.Second, deaf: true, death: c.death, down: 90 * time.Second,
					downAs: c.downAs}
				p := w.platform(s, 4, 8)
				var ended sync.WaitGroup
				stop := make(chan struct{})
				ended.Go(func() {
					for {
						select {
						case <-time.After(10 * time.Minute):
							s.restart()
						case <-stop:
							return
						}
					}
				})
				events := w.images(200)
				for _, ev := range events {
					p.deliver(ev)
					time.Sleep(15 * time.Second)
				}
				p.deliver(w.bucket.Put("a.tiff", book(60)))
				took := p.wait()
				close(stop)
				ended.Wait()
				t.Logf("%v, %d deliveries, %v", took.Round(time.Minute), p.deliveries.Load(), s)
				w.wantAllDone(events)
				if r := w.want("a.tiff", document.StatusDone, ""); r.Text != wholeText(60) {
					t.Errorf("the book: warnings %v, %.200q", r.Warnings, r.Text)
				}
				if count, _ := s.figures(); count.sent > 260+32*count.restarts {
					t.Errorf("%d pages were sent for 260, and %d restarts hit 32 of them at most", count.sent,
						count.restarts)
				}
			})
		})
	}
}
