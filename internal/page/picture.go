package page

import (
	"image"
	"io"
	"math"
)

// picture is a page before decoding. PNG and baseline JPEG are decoded in this process while the object is read: the
// cost of their decoders is bounded per byte and pixel, and they stop when a read fails. All other formats are decoded
// by the Decoder.
type picture struct {
	header
	decode func(io.Reader, finishing) (image.Image, error) // in this process; nil: call the Decoder
	call   string                                          // see decoders
	args   []int64                                         // of the call
}

// entry is one page of a file: its picture, or the error that prevents it. The error of an only page fails the file;
// otherwise just that page fails.
type entry struct {
	*picture
	err error
}

// header describes a picture before any of it is decoded.
type header struct {
	width, height int         // as stored, over 0
	shape         image.Point // see finishing
	orientation   orientation
	gray, lossy   bool
	planar        bool     // scaled as gray or as planes of luma and chroma, never as RGB
	changes       []string // what decoding changes besides size and orientation, in words; none: it may pass through
	memory        int64    // bytes that decoding needs at its peak, beside the object and an engine's room

	// sized returns the bytes that decoding needs in addition to memory, depending on the page's size; nil: none.
	sized func(edge int) int64
	// salvageSized is sized for the call salvage.
	salvageSized func(edge int) int64

	engine string // engine of the Decoder to start before the call, or ""
	// bytes that the engine may use, in addition to memory, tried in turn until one suffices; nil: none
	rooms      []int64
	maySmaller bool   // the decoded picture may be smaller than the header says
	salvage    string // the call that decodes what is left of a truncated or damaged file; "": none
}

func (h *header) pixels() int64 { return int64(h.width) * int64(h.height) }

// codecMemory is the bytes of the tables and buffers of decoder and encoder, most of them for the PNG encoder's
// deflate.
const codecMemory = 2 << 20

// decoding returns the bytes that decoding needs at its peak.
func (h *header) decoding(edge int) int64 {
	if h.sized == nil {
		return h.memory
	}
	return plus(h.memory, h.sized(edge))
}

// peak returns an upper estimate of the bytes needed to make the page: the decoder's, the sums and rows of scaling
// (shrink: 8 bytes per sample, a row converted to 8 bits, 40 bytes per cell; for opacity once more, with a row in
// RGBA), the small picture and its encoding.
func (h *header) peak(edge int) int64 {
	w, ht := finishing{edge: edge, shape: h.shape}.fit(image.Pt(h.width, h.height))
	rows := int64(h.width) * 9
	if !h.gray {
		rows = 3*rows + int64(h.width)*13
	}
	small := int64(max(w, leastSide)) * int64(max(ht, leastSide)) * 8
	if h.planar {
		small = small * 5 / 8
	}
	return plus(h.decoding(edge), rows, small+40*int64(w)+codecMemory)
}

// fit returns the size to which a picture is scaled: the longest side is at most edge, and no picture is enlarged.
func fit(width, height, edge int) (w, h int) {
	longest := int64(max(width, height))
	if longest <= int64(edge) {
		return width, height
	}
	side := func(n int) int { return max(1, int((2*int64(n)*int64(edge)+longest)/(2*longest))) }
	return side(width), side(height)
}

// plus and times saturate, so that a header cannot make an estimate overflow.
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
