package page

import (
	"context"
	"errors"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/tiff"
)

// tiffPages lists the pages of a TIFF.
func tiffPages(ctx context.Context, o *object, _ int64) ([]entry, error) {
	pages, err := tiff.Pages(ctx, o.file.Bytes(), o.lim.MaxPages)
	if errors.Is(err, tiff.ErrTooMany) {
		if !o.lim.First {
			return nil, tooManyPages(o.lim.MaxPages)
		}
		o.total, err = tiff.Count(ctx, o.file.Bytes())
	}
	if err != nil {
		return nil, tiffComplaint(err)
	}
	entries := make([]entry, len(pages))
	for i, p := range pages {
		entries[i] = entry{err: tiffComplaint(p.Err),
			picture: &picture{call: "tiff", args: []int64{p.At}, header: header{
				width: p.Width, height: p.Height, shape: image.Pt(p.Shape[0], p.Shape[1]),
				orientation: orientation(p.Orientation), gray: p.Gray, lossy: p.Lossy,
				changes: p.Changes,
				memory:  p.Memory}}}
	}
	return entries, nil
}

// decodeTIFF decodes the page whose directory is at offset args[0].
func decodeTIFF(ctx context.Context, file []byte, _ int64, args []int64) (image.Image, error) {
	p := tiff.PageAt(file, args[0])
	img, damage, err := p.Decode(ctx, file)
	if err == nil && damage != nil {
		return incomplete{img}, nil
	}
	return img, tiffComplaint(err)
}

func tiffComplaint(err error) error {
	if u, ok := errors.AsType[tiff.UnsupportedError](err); ok {
		return unsupported(string(u) + " is not supported")
	}
	if f, ok := errors.AsType[tiff.FormatError](err); ok {
		return corrupt("the TIFF is damaged: "+string(f), nil)
	}
	return err
}
