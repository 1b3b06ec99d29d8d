package page

import (
	"errors"
	"fmt"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/tiff"
)

// leaf is one page of a file: what it says about itself, or why it cannot be one. A file of one page fails with it; of
// several, the page alone.
type leaf struct {
	head *header
	err  error
}

// alone makes the only page of a file of a header, if it is within the limits.
func alone(h *header, err error) func(Limits) ([]leaf, error) {
	return func(lim Limits) ([]leaf, error) {
		if err == nil {
			err = h.within(lim)
		}
		if err != nil {
			return nil, err
		}
		return []leaf{{head: h}}, nil
	}
}

// openTIFF lists the pages of a TIFF.
func openTIFF(b []byte, lim Limits) ([]leaf, error) {
	pages, err := tiff.Pages(b, lim.MaxPages)
	switch {
	case errors.Is(err, tiff.ErrTooMany):
		return nil, tooManyPages(lim)
	case err != nil:
		return nil, tiffComplaint(err)
	}
	leaves := make([]leaf, len(pages))
	for i := range pages {
		leaves[i] = tiffLeaf(&pages[i], lim)
	}
	return leaves, nil
}

func tooManyPages(lim Limits) error {
	return &Error{Kind: TooLarge, Msg: fmt.Sprintf("more pages than the limit of %d", lim.MaxPages)}
}

func tiffLeaf(p *tiff.Page, lim Limits) leaf {
	if p.Err != nil {
		return leaf{err: tiffComplaint(p.Err)}
	}
	h := &header{format: "TIFF", foreign: true, width: p.Width, height: p.Height, orientation: orientation(p.Orientation),
		lossy: p.Lossy, channels: 3, mends: p.Mends, memory: p.Memory}
	if p.Gray {
		h.channels = 1
	}
	h.decode = func(in input) (image.Image, error) {
		img, err := p.Decode(in.data)
		if err != nil {
			return nil, tiffComplaint(err)
		}
		return img, nil
	}
	return leaf{head: h, err: h.within(lim)}
}

func tiffComplaint(err error) error {
	if u, ok := errors.AsType[tiff.UnsupportedError](err); ok {
		return unsupported(u.Error()[len("tiff: "):])
	}
	return complaint("TIFF", err)
}
