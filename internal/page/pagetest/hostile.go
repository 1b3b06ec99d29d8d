package pagetest

import (
	"bytes"
	"encoding/binary"
	"image"
	"slices"
)

// TileBomb returns a TIFF of one gray page in tiles of 16 x 16 pixels, which all refer to the same bytes of the file: a
// JPEG followed by padding, or, with PackBits, as many no-operations before the samples.
func TileBomb(side, padding int, packBits bool) []byte {
	m := image.NewGray(image.Rect(0, 0, 16, 16))
	m.Pix[5] = 200
	p := described(side, side, side, 8, 1, 1, 7)
	piece := append(EncodeJPEG(m), make([]byte, padding)...)
	if packBits {
		p = p.With(259, 3, 32773)
		piece = append(bytes.Repeat([]byte{0x80}, padding), 0x81, 7, 0x81, 9)
	}
	tiles := (side + 15) / 16 * ((side + 15) / 16)
	p.Tags = slices.DeleteFunc(p.Tags, func(t Tag) bool { return t.ID == 278 })
	const at = 8 // offset of the first piece
	p = p.With(322, 4, 16).With(323, 4, 16).
		With(324, 4, slices.Repeat([]uint32{at}, tiles)...).With(325, 4,
		slices.Repeat([]uint32{uint32(len(piece))}, tiles)...)
	file := append([]byte("II*\x00\x00\x00\x00\x00"), piece...)
	file, _ = appendDirectory(binary.LittleEndian, file, 4, p.Tags, false)
	return file
}

// EndlessJPEG returns a gray progressive JPEG of side x side pixels. Each scan takes a few bytes, but makes a decoder
// visit all blocks of the picture.
func EndlessJPEG(side uint16, scans int) []byte {
	b := []byte{0xff, 0xd8}
	b = append(b, JPEGSegment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...))...)
	frame := binary.BigEndian.AppendUint16([]byte{8}, side)
	frame = append(binary.BigEndian.AppendUint16(frame, side), 1, 1, 0x11, 0)
	b = append(b, JPEGSegment(0xc2, frame)...)
	// A single code, the bit 0: for DC no difference, for AC an end-of-block run of 2^14 plus the next 14 bits.
	b = append(b, JPEGSegment(0xc4, append(append([]byte{0, 1}, make([]byte, 15)...), 0))...)
	b = append(b, JPEGSegment(0xc4, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0xe0))...)
	blocks := (int(side) + 7) / 8 * ((int(side) + 7) / 8)
	b = append(b, JPEGSegment(0xda, []byte{1, 1, 0, 0, 0, 0})...)
	b = append(b, make([]byte, blocks/8+1)...)
	scan := JPEGSegment(0xda, []byte{1, 1, 0, 1, 63, 0})
	scan = append(scan, make([]byte, (blocks/(1<<14)+1)*15/8+2)...)
	return append(append(b, bytes.Repeat(scan, scans)...), 0xff, 0xd9)
}
