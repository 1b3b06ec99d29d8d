package page

import (
	"context"
	"errors"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/bmp"
)

func readBMP(s *stream) (*picture, error) {
	front, err := s.front(bmp.HeadSize)
	if err != nil {
		return nil, err
	}
	b, err := bmp.Read(front)
	if err != nil {
		return nil, bmpError(err)
	}
	p := &picture{call: "bmp", header: header{width: b.Width, height: b.Height, orientation: upright}}
	p.memory = times(p.pixels(), int64(b.PixelSize()))
	return p, nil
}

// bmpError returns the *Error for an error of bmp.Read.
func bmpError(err error) error {
	kind, named := errors.AsType[bmp.Unsupported](err)
	switch {
	case named:
		return unsupported("BMP " + string(kind) + " is not supported")
	case errors.Is(err, bmp.ErrCut):
		return errCut
	}
	return corrupt("the BMP's header is damaged", err)
}

func decodeBMP(ctx context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
	b, err := bmp.Read(file)
	if err != nil {
		return nil, bmpError(err)
	}
	m, rows, err := b.Decode(ctx, file)
	if err != nil {
		return nil, err
	}
	return partly(m, rows, b.Height, false)
}
