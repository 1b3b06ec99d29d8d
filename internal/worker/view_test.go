package worker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/ocr"
)

// sideways returns a page of text turned clockwise by 90 degrees.
func sideways() *image.Gray { return pagetest.Turned(pagetest.Paper(500, 400, 15), 1) }

// seen is a page as seen by an OCR client.
type seen struct {
	sent    image.Point
	ink     float64
	look    ocr.Look
	lookErr error
	turned  map[int]image.Point
}

// looksAt makes the OCR service look at each page, and turn it in every way, before it answers with answer.
func (w *world) looksAt(answer func(s seen) ocr.Result) (all func() []seen) {
	var pages []seen
	w.options.OCR = extractor{func(ctx context.Context, img ocr.Image) (ocr.Result, error) {
		w.calls.Add(1)
		s := seen{sent: w.sizeOf(img), ink: img.Ink, turned: map[int]image.Point{}}
		s.look, s.lookErr = img.Look(ctx)
		for _, turn := range s.look.Turns {
			turned, err := turn.Make(ctx)
			if err != nil || turned.Look != nil || turned.Ink == 0 {
				w.t.Errorf("turned by %d: %+v, %v", turn.Degrees, turned, err)
				continue
			}
			s.turned[turn.Degrees] = w.sizeOf(turned)
		}
		pages = append(pages, s)
		return answer(s), nil
	}}
	return func() []seen { return pages }
}

// sizeOf reads an image to its end, and returns how many pixels it has.
func (w *world) sizeOf(img ocr.Image) image.Point {
	r, err := img.Open()
	if err != nil {
		w.t.Error(err)
		return image.Point{}
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil || int64(len(b)) != img.Size {
		w.t.Errorf("%d bytes of %d, %v", len(b), img.Size, err)
	}
	cfg, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		w.t.Error(err)
	}
	return image.Pt(cfg.Width, cfg.Height)
}

// TestPageInDoubtIsLookedAtAndTurned: a page sent as stored is decoded for that, turned pages are made from the object,
// and nothing is sent for it. The text of a turned page is stored with that page's size and its own document, in the
// commit that sets done.
func TestPageInDoubtIsLookedAtAndTurned(t *testing.T) {
	upright := pagetest.Turned(sideways(), 3)
	for name, c := range map[string]struct {
		file    []byte
		passes  bool
		upright int // pages that are not turned before it
		commits int
	}{
		"a PNG that passes":  {pagetest.EncodePNG(sideways()), true, 0, 2},
		"a JPEG that passes": {pagetest.EncodeJPEG(sideways()), true, 0, 2},
		"a TIFF":             {pagetest.TIFF(binary.LittleEndian, pagetest.Gray(sideways(), 8)), false, 0, 2},
		"the last of three": {pagetest.TIFF(binary.LittleEndian, pagetest.Gray(upright, 8), pagetest.Gray(upright, 8),
			pagetest.Gray(sideways(), 8)), false, 2, 5},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.OCRConcurrency = 1
				all := w.looksAt(func(s seen) ocr.Result {
					res := result("text")
					if len(s.look.Turns) == 3 {
						res.Turned, res.Warnings = s.look.Turns[0].Degrees, []string{ocr.WarningTurned}
					}
					return res
				})
				w.worker().Process(t.Context(), w.bucket.Put("a", c.file))
				r := w.want("a", document.StatusDone, "")
				if n := c.upright + 1; len(all()) != n || int(w.calls.Load()) != n || w.records.Commits != c.commits {
					t.Fatalf("%d pages, %d calls, %d commits", len(all()), w.calls.Load(), w.records.Commits)
				}
				for i, s := range all() {
					order, want := []int{180}, image.Pt(500, 400)
					if i == c.upright {
						order, want = []int{270, 90, 180}, image.Pt(400, 500)
					}
					var degrees []int
					for _, turn := range s.look.Turns {
						degrees = append(degrees, turn.Degrees)
						across := want
						if turn.Degrees != 180 {
							across = image.Pt(want.Y, want.X)
						}
						if s.turned[turn.Degrees] != across {
							t.Errorf("page %d of %v, turned by %d: %v", i+1, s.sent, turn.Degrees,
								s.turned[turn.Degrees])
						}
					}
					if (s.ink == 0) != c.passes || s.lookErr != nil || s.look.Ink < page.InkOfPrint || s.sent != want ||
						!slices.Equal(degrees, order) {
						t.Errorf("page %d: %+v", i+1, s)
					}
				}
				pages := w.pages("a")
				if len(pages) != c.upright+1 {
					t.Fatalf("%d documents of pages", len(pages))
				}
				last := pages[len(pages)-1]
				if last.Turned != 270 || last.Width != 500 || last.Height != 400 ||
					!slices.Equal(last.Warnings, []string{document.WarnTurned}) ||
					!slices.Equal(r.Warnings, []string{document.WarnTurned}) {
					t.Errorf("%+v, %v", last, r.Warnings)
				}
				for _, pg := range pages[:len(pages)-1] {
					if pg.Turned != 0 || pg.Width != 500 {
						t.Errorf("%+v", pg)
					}
				}
			})
		})
	}
}

// TestGoodPageIsMadeOnce: if the client does not look, the object is opened once, and a page sent as stored is not
// decoded.
func TestGoodPageIsMadeOnce(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		ink  bool
	}{
		"passes":     {pagetest.EncodePNG(sideways()), false},
		"is decoded": {pagetest.TIFF(binary.LittleEndian, pagetest.Gray(sideways(), 8)), true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.OCR = extractor{func(_ context.Context, img ocr.Image) (ocr.Result, error) {
					w.sizeOf(img)
					if (img.Ink > 0) != c.ink {
						t.Errorf("ink %v", img.Ink)
					}
					return result("text"), nil
				}}
				w.worker().Process(t.Context(), w.bucket.Put("a", c.file))
				if r := w.want("a", document.StatusDone, ""); w.bucket.Opens != 1 || r.Text != "text" ||
					len(w.pages("a")) != 0 {
					t.Errorf("%d opens, %q", w.bucket.Opens, r.Text)
				}
			})
		})
	}
}

// TestFailedLookCostsNothing: the answer stays the same if the page cannot be looked at because it is broken, or the
// object is gone or cannot be read again.
func TestFailedLookCostsNothing(t *testing.T) {
	photo := pagetest.EncodeJPEG(sideways())
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"broken": {photo[:bytes.Index(photo, []byte{0xff, 0xda})+14], nil}, "gone": {photo, document.ErrObjectGone},
		"storage is down": {photo, document.ErrStorageUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				var breaks atomic.Bool
				w.options.Objects = breaking{w.bucket, &breaks}
				w.options.OCR = extractor{func(ctx context.Context, img ocr.Image) (ocr.Result, error) {
					r, err := img.Open()
					if err != nil {
						return ocr.Result{}, err
					}
					_ = r.Close()
					switch c.want {
					case document.ErrObjectGone:
						w.bucket.Delete("a")
					case document.ErrStorageUnavailable:
						breaks.Store(true)
					}
					if _, err := img.Look(ctx); err == nil || c.want != nil && !errors.Is(err, c.want) {
						t.Errorf("looked at: %v", err)
					}
					return result("text"), nil
				}}
				w.worker().Process(t.Context(), w.bucket.Put("a", c.file))
				if r := w.want("a", document.StatusDone, ""); r.Text != "text" || len(r.Strikes) > 0 {
					t.Errorf("%q, %v", r.Text, r.Strikes)
				}
			})
		})
	}
}

// breaking is a bucket whose objects cannot be read to their end once it breaks.
type breaking struct {
	document.Objects
	breaks *atomic.Bool
}

func (b breaking) Open(ctx context.Context, o document.Object) (document.Content, error) {
	c, err := b.Objects.Open(ctx, o)
	if err == nil && b.breaks.Load() {
		c.ReadCloser = io.NopCloser(io.MultiReader(io.LimitReader(c.ReadCloser, 700),
			iotest.ErrReader(document.ErrStorageUnavailable)))
	}
	return c, err
}

// TestLookThatWaitsForMemoryGivesUp: a page being looked at has a place at the OCR service, and the memory may be held
// by an object that waits for one. Neither waits for ever.
func TestLookThatWaitsForMemoryGivesUp(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		big := pagetest.Paper(700, 600, 15)
		w.options.Limits = page.Limits{MaxBytes: 8 << 20, MaxPixels: 1 << 20, MaxPages: 10}
		// the book takes 12 to be made and holds 3, the page takes 11
		w.options.OCRPlaces, w.options.MemoryBudget = 1, 13<<20
		w.options.OCR = extractor{func(ctx context.Context, img ocr.Image) (ocr.Result, error) {
			if size := w.sizeOf(img); size.X != 1000 {
				return result("book"), nil
			}
			time.Sleep(time.Second) // until the book has made its first page
			begun := time.Now()
			_, err := img.Look(ctx)
			if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took > time.Minute {
				t.Errorf("%v after %v", err, took)
			}
			return result("page"), nil
		}}
		p := w.worker()
		passes := w.bucket.Put("a.png", pagetest.EncodePNG(pagetest.Paper(1000, 1000, 15)))
		book := w.bucket.Put("b.tiff",
			pagetest.TIFF(binary.LittleEndian, slices.Repeat([]pagetest.Picture{pagetest.Gray(big, 8)}, 8)...))
		var deliveries sync.WaitGroup
		deliveries.Go(func() { p.Process(t.Context(), passes) })
		synctest.Wait()
		deliveries.Go(func() { p.Process(t.Context(), book) })
		deliveries.Wait()
		w.want("a.png", document.StatusDone, "")
		w.want("b.tiff", document.StatusDone, "")
	})
}

// The policy of the client and the measure are made for each other.
func TestInkMeansTheSameToTheClient(t *testing.T) {
	t.Parallel()
	if ocr.InkOfPrint != page.InkOfPrint {
		t.Errorf("print begins with %v where it is measured, and with %v where it is doubted", page.InkOfPrint,
			ocr.InkOfPrint)
	}
}
