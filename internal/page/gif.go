package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/gif"
)

// Blocks of GIF.
const (
	gifExtension = 0x21
	gifImage     = 0x2c
	gifTrailer   = 0x3b
)

// readGIF reads as far as the first picture's descriptor. The page is that picture; the screen around it, where it is larger,
// is empty.
func readGIF(s *stream) (*picture, error) {
	b, err := s.Next(13)
	if err == nil && b[10]&0x80 != 0 {
		err = s.skip(3 << (1 + b[10]&7)) // the table of colours
	}
	for err == nil {
		switch b, err = s.Next(1); {
		case err != nil:
			return nil, err
		case b[0] == gifTrailer:
			return nil, corrupt("broken GIF: no picture", nil)
		case b[0] == gifImage:
			return gifPicture(s)
		case b[0] != gifExtension:
			return nil, corrupt("broken GIF: unknown block", nil)
		}
		err = skipExtension(s)
	}
	return nil, err
}

func gifPicture(s *stream) (*picture, error) {
	b, err := s.Next(9)
	if err != nil {
		return nil, err
	}
	w, h := int(binary.LittleEndian.Uint16(b[4:])), int(binary.LittleEndian.Uint16(b[6:]))
	memory := int64(w) * int64(h)
	if interlaced := b[8]&0x40 != 0; interlaced {
		memory *= 2
	}
	return &picture{call: "gif", header: header{width: w, height: h, orientation: upright, memory: memory}}, nil
}

func decodeGIF(_ context.Context, file []byte, _ int64, _ []int64) (image.Image, error) {
	img, err := gif.Decode(bytes.NewReader(file))
	return img, complaint("GIF", err)
}

// skipExtension passes over an extension: its label and blocks, up to an empty one.
func skipExtension(s *stream) error {
	err := s.skip(1)
	for err == nil {
		var b []byte
		if b, err = s.Next(1); err != nil || b[0] == 0 {
			break
		}
		err = s.skip(int64(b[0]))
	}
	return err
}
