package worker

import (
	"bytes"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"

	"github.com/bucketocr/bucketocr/ocr"
)

const (
	chunkFrame = 12      // bytes of a PNG chunk apart from its data: length, type, checksum; IEND has no data
	maxPadding = 1 << 30 // bytes of data in one padding chunk; the format allows 1<<31 - 1
	paddingTag = "paDd"  // ancillary and private: decoders skip it
)

// padPNG returns a PNG file of the given size in bytes that decodes to the same picture: private chunks of zeros
// precede its IEND chunk. The image may be opened any number of times and holds no more than png in memory. It is never
// smaller than png, and if the difference is too small for a chunk, it is one empty chunk larger than png. png must end
// with its IEND chunk, as encoders write it.
func padPNG(png []byte, size int64) ocr.Image {
	return padPNGBy(png, size, maxPadding)
}

// padPNGBy is padPNG with at most most bytes of data in a chunk.
func padPNGBy(png []byte, size, most int64) ocr.Image {
	room := max(0, size-int64(len(png)))
	if 0 < room && room < chunkFrame {
		room = chunkFrame
	}
	body, end := png[:len(png)-chunkFrame], png[len(png)-chunkFrame:]
	open := func() (io.ReadCloser, error) {
		parts := []io.Reader{bytes.NewReader(body)}
		for left := room; left > 0; {
			data := min(left-chunkFrame, most)
			if rest := left - chunkFrame - data; 0 < rest && rest < chunkFrame {
				data -= chunkFrame - rest // so that the last chunk fits
			}
			parts = append(parts, newPadding(data)...)
			left -= chunkFrame + data
		}
		return io.NopCloser(io.MultiReader(append(parts, bytes.NewReader(end))...)), nil
	}
	return ocr.Image{Size: int64(len(png)) + room, Open: open}
}

// newPadding returns the parts of a chunk of n zeros, to be read in order.
func newPadding(n int64) []io.Reader {
	sum := crc32.NewIEEE()
	length := binary.BigEndian.AppendUint32(nil, uint32(n))
	data := io.MultiReader(bytes.NewReader([]byte(paddingTag)), io.LimitReader(zeros{}, n))
	return []io.Reader{bytes.NewReader(length), io.TeeReader(data, sum), &checksum{sum: sum}}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// checksum reads as the checksum of everything read before it.
type checksum struct {
	sum  hash.Hash32
	left io.Reader // nil until the first Read
}

func (c *checksum) Read(p []byte) (int, error) {
	if c.left == nil {
		c.left = bytes.NewReader(c.sum.Sum(nil))
	}
	return c.left.Read(p)
}
