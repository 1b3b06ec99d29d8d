package pagetest

import (
	"bytes"
	"encoding/binary"
	"image"
	"slices"
)

// TileBomb is a TIFF of one gray page in tiles of 16 x 16 pixels, all of which are the same bytes of the file: a JPEG
// and padding after it, or, with PackBits, so much padding that says nothing before the samples.
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
	const at = 8 // where the first piece of a file lies
	p = p.With(322, 4, 16).With(323, 4, 16).
		With(324, 4, slices.Repeat([]uint32{at}, tiles)...).With(325, 4,
		slices.Repeat([]uint32{uint32(len(piece))}, tiles)...)
	file := append([]byte("II*\x00\x00\x00\x00\x00"), piece...)
	file, _ = appendDirectory(binary.LittleEndian, file, 4, p.Tags, false)
	return file
}

// EndlessJPEG is a progressive JPEG, gray, of side x side pixels, with so many scans, each of which takes a few bytes
// and has a decoder walk over all blocks of the picture.
func EndlessJPEG(side uint16, scans int) []byte {
	b := []byte{0xff, 0xd8}
	b = append(b, JPEGSegment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...))...)
	frame := binary.BigEndian.AppendUint16([]byte{8}, side)
	frame = append(binary.BigEndian.AppendUint16(frame, side), 1, 1, 0x11, 0)
	b = append(b, JPEGSegment(0xc2, frame)...)
	// One code of one bit, 0: for DC no difference, for AC the end of 2^14 blocks and as many more as the next 14 bits
	// say.
	b = append(b, JPEGSegment(0xc4, append(append([]byte{0, 1}, make([]byte, 15)...), 0))...)
	b = append(b, JPEGSegment(0xc4, append(append([]byte{0x10, 1}, make([]byte, 15)...), 0xe0))...)
	blocks := (int(side) + 7) / 8 * ((int(side) + 7) / 8)
	b = append(b, JPEGSegment(0xda, []byte{1, 1, 0, 0, 0, 0})...)
	b = append(b, make([]byte, blocks/8+1)...)
	scan := JPEGSegment(0xda, []byte{1, 1, 0, 1, 63, 0})
	scan = append(scan, make([]byte, (blocks/(1<<14)+1)*15/8+2)...)
	return append(append(b, bytes.Repeat(scan, scans)...), 0xff, 0xd9)
}
