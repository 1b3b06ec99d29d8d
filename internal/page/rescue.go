package page

import (
	"bytes"
	"context"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/salvage"
)

// rescue decodes what is left of a picture that is cut off or broken. Where that is nothing the error stays why. The caller
// settles, unless there is an error.
func (p *Pages) rescue(ctx context.Context, h *header, why error) (img image.Image, err error) {
	size := p.size
	if size < 0 {
		size = p.lim.MaxBytes
	}
	// The file, growing if its size is unknown, the mended one, and what is added to that for each block at most.
	if err := p.reserve(ctx, plus(h.peak(p.lim.Edge), plus(times(3, size), h.pixels()/4))); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			p.settle()
		}
	}()
	b, err := p.readWhole(ctx)
	if err != nil {
		return nil, err
	}
	mended, ok := salvage.JPEG(b)
	if !ok {
		return nil, why
	}
	img, err = guarded(h, input{ctx: ctx, r: bytes.NewReader(mended)})
	if err == nil && (!h.sized(img.Bounds()) || isEmpty(img)) {
		err = why
	}
	if isCorrupt(err) {
		err = why
	}
	return img, err
}

// isEmpty reports whether a decoded picture shows nothing: then nothing is left.
func isEmpty(img image.Image) bool {
	m, ok := img.(*image.YCbCr)
	return !ok && isBlank(img) || ok && spread(m.Y, 0, 1) <= blankContrast
}
