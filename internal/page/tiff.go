package page

import (
	"context"
	"errors"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/tiff"
)

// tiffPages lists the pages of a TIFF.
func tiffPages(ctx context.Context, o *object, _ int64) ([]entry, error) {
	pages, err := tiff.Pages(ctx, o.data, o.lim.MaxPages)
	switch {
	case errors.Is(err, tiff.ErrTooMany):
		return nil, tooManyPages(o.lim.MaxPages)
	case err != nil:
		return nil, tiffComplaint(err)
	}
	entries := make([]entry, len(pages))
	for i, p := range pages {
		entries[i] = entry{err: tiffComplaint(p.Err), picture: &picture{call: "tiff", args: []int64{p.At}, header: header{
			width: p.Width, height: p.Height, orientation: orientation(p.Orientation), gray: p.Gray, lossy: p.Lossy, changes: p.Changes,
			memory: p.Memory}}}
	}
	return entries, nil
}

// decodeTIFF decodes the page whose directory lies where the number says.
func decodeTIFF(ctx context.Context, file []byte, _ int64, args []int64) (image.Image, error) {
	p := tiff.PageAt(file, args[0])
	img, err := p.Decode(ctx, file)
	return img, tiffComplaint(err)
}

func tiffComplaint(err error) error {
	if u, ok := errors.AsType[tiff.UnsupportedError](err); ok {
		return unsupported(u.Error()[len("tiff: "):])
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return complaint("TIFF", err)
}
