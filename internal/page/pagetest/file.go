package pagetest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
)

// EncodePNG encodes a picture as PNG.
func EncodePNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// EncodeJPEG encodes a picture as JPEG.
func EncodeJPEG(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// WithPNGChunk inserts a chunk after a PNG's IHDR.
func WithPNGChunk(file []byte, kind string, body []byte) []byte {
	const end = 8 + 8 + 13 + 4
	c := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	c = append(append(c, kind...), body...)
	c = binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
	return bytes.Join([][]byte{file[:end], c, file[end:]}, nil)
}

// WithPNGSize replaces the size in a PNG's header, and its checksum.
func WithPNGSize(file []byte, w, h uint32) []byte {
	file = bytes.Clone(file)
	binary.BigEndian.PutUint32(file[16:], w)
	binary.BigEndian.PutUint32(file[20:], h)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

// JPEGSegment returns a JPEG segment.
func JPEGSegment(marker byte, body []byte) []byte {
	n := len(body) + 2
	return append([]byte{0xff, marker, byte(n >> 8), byte(n)}, body...)
}

// WithJPEGSegments inserts segments after a JPEG's first marker.
func WithJPEGSegments(file []byte, segments ...[]byte) []byte {
	return bytes.Join([][]byte{file[:2], bytes.Join(segments, nil), file[2:]}, nil)
}

// WithJPEGSize replaces the size in a JPEG's frame.
func WithJPEGSize(file []byte, w, h uint16) []byte {
	file = bytes.Clone(file)
	for i := 2; i+9 < len(file); i += 2 + int(binary.BigEndian.Uint16(file[i+2:])) {
		if m := file[i+1]; m >= 0xc0 && m <= 0xc2 {
			binary.BigEndian.PutUint16(file[i+5:], h)
			binary.BigEndian.PutUint16(file[i+7:], w)
			return file
		}
	}
	panic("no frame")
}

// ByteOrder is a byte order of Exif and TIFF.
type ByteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// Exif returns a minimal Exif block with an orientation.
func Exif(order ByteOrder, o uint16) []byte {
	b := []byte("II*\x00")
	if order.String() == "BigEndian" {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	for _, e := range [][2]uint16{{0x0110, 7}, {0x0112, o}} {
		b = order.AppendUint16(b, e[0])
		b = order.AppendUint16(b, 3)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint16(b, e[1])
		b = order.AppendUint16(b, 0)
	}
	return order.AppendUint32(b, 0)
}

// ExifSegment returns the JPEG segment of such a block.
func ExifSegment(o uint16) []byte {
	return JPEGSegment(0xe1, append([]byte("Exif\x00\x00"), Exif(binary.BigEndian, o)...))
}

// FixPNGSums corrects the checksums of all chunks of a PNG.
func FixPNGSums(file []byte) []byte {
	file = bytes.Clone(file)
	for i := 8; i+12 <= len(file); {
		end := i + 8 + int(binary.BigEndian.Uint32(file[i:]))
		binary.BigEndian.PutUint32(file[end:], crc32.ChecksumIEEE(file[i+4:end]))
		i = end + 4
	}
	return file
}
