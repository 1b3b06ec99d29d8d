package page

import (
	"context"
	"errors"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/tiff"
)

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
	for i, p := range pages {
		decode := func(file []byte) (image.Image, error) {
			img, err := p.Decode(file)
			return img, tiffComplaint(err)
		}
		entries[i] = entry{err: tiffComplaint(p.Err), picture: &loaded{decoding: decode, header: header{width: p.Width, height: p.Height,
			orientation: orientation(p.Orientation), gray: p.Gray, lossy: p.Lossy, changes: p.Changes, memory: p.Memory}}}
	}
	return entries, nil
}

func tiffComplaint(err error) error {
	if u, ok := errors.AsType[tiff.UnsupportedError](err); ok {
		return unsupported(u.Error()[len("tiff: "):])
	}
	return complaint("TIFF", err)
}
