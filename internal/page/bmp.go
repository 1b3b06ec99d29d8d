package page

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"io"

	"golang.org/x/image/bmp"
)

// bmpHead is the longest header of a BMP: of the file, of the picture (version 5) and the palette.
const bmpHead = 14 + 124 + 4*256

// readBMP has the decoder itself read the header, from what is peeked of the file.
func readBMP(s *stream) (*picture, error) {
	front, err := s.front(bmpHead)
	if err != nil {
		return nil, err
	}
	cfg, err := bmp.DecodeConfig(bytes.NewReader(front))
	switch {
	case errors.Is(err, bmp.ErrUnsupported):
		return nil, unsupported("a BMP of a kind that is not supported; uncompressed ones of 1, 2, 4, 8, 24 and 32 bits are")
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, corrupt("the file is cut off", err)
	case err != nil:
		return nil, corrupt("broken BMP", err)
	}
	pixel := int64(4)
	if _, ok := cfg.ColorModel.(color.Palette); ok {
		pixel = 1
	}
	p := &picture{call: "bmp", header: header{width: cfg.Width, height: cfg.Height, orientation: upright}}
	p.memory = p.pixels()*pixel + 4*int64(p.width) + 4
	return p, nil
}

func decodeBMP(_ context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
	img, err := bmp.Decode(bytes.NewReader(file))
	return img, complaint("BMP", err)
}
