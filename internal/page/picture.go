package page

import (
	"image"
	"io"
	"math"
)

// picture is a page that is not decoded yet. PNG and baseline JPEG are decoded here, while the object is read: their
// decoders cost no more than so much for each byte and pixel, and end when their reader says so. All others the Decoder
// decodes.
type picture struct {
	header
	decode func(io.Reader) (image.Image, error) // here; nil: by a call of the Decoder
	call   string                               // see decoders
	args   []int64                              // of the call
}

// entry is one page of a file: its picture, or why it cannot be made. A file of one page fails with it; of several, the
// page alone.
type entry struct {
	*picture
	err error
}

// header is what a picture says about itself before any of it is decoded.
type header struct {
	width, height int // as stored, over 0
	orientation   orientation
	gray, lossy   bool
	changes       []string // what decoding changes beside size and orientation, in words; none: it may pass as it is
	memory        int64    // bytes that decoding needs at its peak, beside the object and an engine's room

	engine     string  // of the Decoder, to be started before the call, or ""
	rooms      []int64 // bytes that it may use, beside memory, tried in turn until one is enough; nil: none
	maySmaller bool    // the decoded picture may be smaller than the header says, by a mark of the file
	salvage    string  // the call that shows what is left of a file that is cut off or broken; "": none can
}

func (h *header) pixels() int64 { return int64(h.width) * int64(h.height) }

// codecMemory covers the tables and buffers of decoder and encoder, in bytes. Most of it is the PNG encoder's deflate.
const codecMemory = 2 << 20

// peak estimates, rather too high, the bytes needed while the page is made: the decoder's, sums and rows of the scaling
// (shrink: 8 bytes a sample, a row converted to 8 bits, 40 bytes a cell), the small picture and its encoding.
func (h *header) peak(edge int) int64 {
	w, ht := fit(h.width, h.height, edge)
	rows := int64(h.width) * 9
	if !h.gray {
		rows *= 3
	}
	small := int64(max(w, leastSide)) * int64(max(ht, leastSide)) * 4
	return plus(h.memory, rows, 2*small+40*int64(w)+codecMemory)
}

// fit returns the size that a picture is scaled to: the longest side is at most edge, nothing is enlarged.
func fit(width, height, edge int) (w, h int) {
	longest := int64(max(width, height))
	if longest <= int64(edge) {
		return width, height
	}
	side := func(n int) int { return max(1, int((2*int64(n)*int64(edge)+longest)/(2*longest))) }
	return side(width), side(height)
}

// plus and times stop at the largest number, so that a header cannot make an estimate wrap around.
func plus(terms ...int64) (sum int64) {
	for _, n := range terms {
		sum += min(n, math.MaxInt64-sum)
	}
	return sum
}

func times(a, b int64) int64 {
	if b != 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}
