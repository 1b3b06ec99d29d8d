package page

import (
	"context"
	"errors"
	"image"

	"github.com/bucketocr/bucketocr/internal/page/gif"
	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// readGIF reads up to the first picture's pixels. The page is the screen with that picture on it.
func readGIF(s *stream) (*picture, error) {
	g, err := gif.Read(s)
	if err != nil {
		return nil, gifError(err)
	}
	return &picture{call: "gif", header: header{width: g.Width, height: g.Height, orientation: upright,
		memory: int64(g.Width) * int64(g.Height)}}, nil
}

// gifError returns the *Error for an error of gif.Read; others, such as the source's, are returned unchanged.
func gifError(err error) error {
	switch {
	case errors.Is(err, gif.ErrNoPicture):
		return corrupt("the GIF has no picture", nil)
	case errors.Is(err, gif.ErrBroken):
		return corrupt("the GIF is damaged before its picture begins", nil)
	}
	return err
}

func decodeGIF(ctx context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
	s := &jpegfile.Bytes{File: file}
	g, err := gif.Read(s)
	if err != nil {
		return nil, complaint("GIF", gifError(err))
	}
	m, there, all, err := g.Decode(ctx, file[s.At:])
	if err != nil {
		return nil, err
	}
	return partly(m, there, all, false)
}
