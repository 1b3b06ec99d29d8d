package worker

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/ocr"
)

// viewTime limits how long a page may take to be made again for a second look. Meanwhile it occupies a place at the OCR
// service, and may wait for memory held by pages that wait for a place.
const viewTime = 30 * time.Second

// view is a page as given to the OCR client, which may ask for other versions of it when an answer is in doubt:
// decoded, if the page was sent as stored, or turned. Both are made from the object again. view itself sends nothing.
type view struct {
	w      *work
	page   int // its number
	timing *pageTiming
	turned map[int]*page.Page // versions made so far, by degrees
}

// image returns a page as the image to send.
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

// viewing marks the context of a view: an error of the object is then returned to the client, which still has its first
// answer.
type viewing struct{}

// make makes the page again, in another way.
func (v *view) make(ctx context.Context,
	makePage func(context.Context, int) (*page.Page, time.Duration, error)) (*page.Page, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, viewing{}, true), viewTime)
	defer cancel()
	return v.w.measured(ctx, v.page, v.timing, makePage)
}
