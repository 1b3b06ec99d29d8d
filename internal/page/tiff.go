package page

import (
	"context"
	"errors"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/tiff"
)

// tiffPicture is a page of a TIFF.
type tiffPicture struct {
	header
	page *tiff.Page
}

// tiffPages lists the pages of a TIFF.
func tiffPages(_ context.Context, in input, lim Limits) ([]entry, error) {
	pages, err := tiff.Pages(in.data, lim.MaxPages)
	switch {
	case errors.Is(err, tiff.ErrTooMany):
		return nil, tooManyPages(lim.MaxPages)
	case err != nil:
		return nil, tiffComplaint(err)
	}
	entries := make([]entry, len(pages))
	for i := range pages {
		p := &pages[i]
		if p.Err != nil {
			entries[i].err = tiffComplaint(p.Err)
			continue
		}
		entries[i].picture = &tiffPicture{page: p, header: header{width: p.Width, height: p.Height,
			orientation: orientation(p.Orientation), gray: p.Gray, lossy: p.Lossy, changes: p.Changes, memory: p.Memory}}
	}
	return entries, nil
}

func (p *tiffPicture) decode(_ context.Context, in input) (image.Image, error) {
	img, err := p.page.Decode(in.data)
	if err != nil {
		return nil, tiffComplaint(err)
	}
	return img, nil
}

func tiffComplaint(err error) error {
	if u, ok := errors.AsType[tiff.UnsupportedError](err); ok {
		return unsupported(u.Error()[len("tiff: "):])
	}
	return complaint("TIFF", err)
}
