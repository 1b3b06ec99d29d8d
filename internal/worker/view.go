package worker

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

// viewTime is the most that it may take to make a page once more for a second look. It is made while its place at the
// OCR service is occupied, and may wait for memory that others hold who wait for a place.
const viewTime = 30 * time.Second

// view is a page as the OCR client is given it, with what the client may ask for where the answer is in doubt: a page
// that passed through is decoded only then, and a page is turned only to be sent. Both are made of the object once
// more, and nothing is sent here.
type view struct {
	w      *work
	page   int // its number
	timing *pageTiming
	turned map[int]*page.Page // those that were made, by degrees
}

// image returns a page that is to be sent.
func (v *view) image(pg *page.Page) ocr.Image {
	return ocr.Image{Size: pg.Size, Open: pg.Open, Ink: pg.Ink, Look: func(ctx context.Context) (ocr.Look, error) {
		return v.look(ctx, pg)
	}}
}

func (v *view) look(ctx context.Context, pg *page.Page) (ocr.Look, error) {
	if pg.Passed {
		var err error
		if pg, err = v.make(ctx, v.w.pages.Decoded); err != nil {
			return ocr.Look{}, err
		}
	}
	seen := ocr.Look{Ink: pg.Ink}
	for _, degrees := range pg.Turns {
		seen.Turns = append(seen.Turns,
			ocr.Turn{Degrees: degrees, Make: func(ctx context.Context) (ocr.Image, error) {
				return v.turn(ctx, degrees)
			}})
	}
	return seen, nil
}

func (v *view) turn(ctx context.Context, degrees int) (ocr.Image, error) {
	pg, err := v.make(ctx, func(ctx context.Context, n int) (*page.Page, time.Duration, error) {
		return v.w.pages.Turned(ctx, n, degrees)
	})
	if err != nil {
		return ocr.Image{}, err
	}
	if v.turned == nil {
		v.turned = map[int]*page.Page{}
	}
	v.turned[degrees] = pg
	return ocr.Image{Size: pg.Size, Open: pg.Open, Ink: pg.Ink}, nil
}

// viewing marks the context of a view: what goes wrong with the object then is told to the client, whose answer is none
// the worse.
type viewing struct{}

// make makes the page in another way.
func (v *view) make(ctx context.Context,
	makePage func(context.Context, int) (*page.Page, time.Duration, error)) (*page.Page, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, viewing{}, true), viewTime)
	defer cancel()
	return v.w.timed(ctx, v.page, v.timing, makePage)
}
