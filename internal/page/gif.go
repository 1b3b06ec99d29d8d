package page

import "image/gif"

// Blocks of GIF.
const (
	gifExtension = 0x21
	gifImage     = 0x2c
	gifTrailer   = 0x3b
)

// readGIF reads as far as the first picture's descriptor. The page is that picture; the screen around it, where it is larger,
// is empty.
func readGIF(s *stream) (picture, error) {
	b, err := s.Next(13)
	if err != nil {
		return nil, cutOff(err)
	}
	if err := skipColours(s, b[10]); err != nil {
		return nil, cutOff(err)
	}
	for {
		b, err := s.Next(1)
		switch {
		case err != nil:
			return nil, cutOff(err)
		case b[0] == gifTrailer:
			return nil, corrupt("broken GIF: no picture", nil)
		case b[0] == gifImage:
			return gifPicture(s)
		case b[0] != gifExtension:
			return nil, corrupt("broken GIF: unknown block", nil)
		}
		if err := skipExtension(s); err != nil {
			return nil, cutOff(err)
		}
	}
}

func gifPicture(s *stream) (picture, error) {
	b, err := s.Next(9)
	if err != nil {
		return nil, cutOff(err)
	}
	w, h := int(b[4])|int(b[5])<<8, int(b[6])|int(b[7])<<8
	memory := int64(w) * int64(h)
	if interlaced := b[8]&0x40 != 0; interlaced {
		memory *= 2
	}
	return &streamed{decoding: gif.Decode, header: header{width: w, height: h, orientation: upright, memory: memory}}, nil
}

// skipColours passes over the table of colours that flags announce.
func skipColours(s *stream, flags byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	return s.skip(3 << (1 + flags&7))
}

// skipExtension passes over an extension: its label and blocks, up to an empty one.
func skipExtension(s *stream) error {
	if err := s.skip(1); err != nil {
		return err
	}
	for {
		b, err := s.Next(1)
		if err != nil || b[0] == 0 {
			return err
		}
		if err := s.skip(int64(b[0])); err != nil {
			return err
		}
	}
}
