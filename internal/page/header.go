package page

import (
	"context"
	"fmt"
	"image"
	"io"
	"math"
)

// header is what a picture, or a page of a file of several, says about itself before any of it is decoded.
type header struct {
	format        string // "PNG", "JPEG", …
	foreign       bool   // neither PNG nor JPEG: never passes
	width, height int    // as stored, over 0
	orientation   orientation
	turned        orientation // what decode does by itself, to say so
	lossy         bool
	mendable      bool     // a cut-off one can be shown as far as it goes
	channels      int      // of the decoded picture: 1 gray, else colour
	mends         []string // what decoding mends although size and orientation are right, in words; none: it may pass as it is
	memory        int64    // bytes that decode holds at its peak, beside a file that is held
	atMost        bool     // decode may give less than width and height, by a mark of the file
	drawn         bool     // has no size of its own: it is drawn as large as it may be, and width and height say that
	engine        string   // that decode needs; "" none
	rooms         []int64  // bytes that it may use, beside memory, tried in turn until one is enough
	decode        decoder
}

// decoder makes the picture of a header.
type decoder func(input) (image.Image, error)

// input is what a decoder reads: a stream, or the bytes of a file that is held.
type input struct {
	ctx  context.Context
	r    io.Reader
	data []byte
	room int64 // of an engine
}

// streamed is a decoder that reads from front to back.
func streamed(decode func(io.Reader) (image.Image, error)) decoder {
	return func(in input) (image.Image, error) { return decode(in.r) }
}

func (h *header) pixels() int64 { return int64(h.width) * int64(h.height) }

// within holds the header against the limits.
func (h *header) within(lim Limits) error {
	if h.width == 0 || h.height == 0 {
		return corrupt(fmt.Sprintf("the %s says that it has no pixels", h.format), nil)
	}
	if h.pixels() > lim.MaxPixels {
		return &Error{Kind: TooLarge, Msg: fmt.Sprintf("%d x %d pixels are more than the limit of %d",
			h.width, h.height, lim.MaxPixels)}
	}
	return nil
}

// sized reports whether a decoded picture has the size that was announced.
func (h *header) sized(b image.Rectangle) bool {
	return b.Dx() == h.width && b.Dy() == h.height || h.atMost && b.Dx() <= h.width && b.Dy() <= h.height
}

// as is the header of a page that is decoded now.
func (h *header) as(img image.Image) *header {
	now := *h
	now.width, now.height = img.Bounds().Dx(), img.Bounds().Dy()
	return &now
}

// fit gives the size, not yet turned, that h is scaled to: the longest side is at most edge, nothing is enlarged.
func (h *header) fit(edge int) (w, ht int) {
	longest := max(h.width, h.height)
	if longest <= edge {
		return h.width, h.height
	}
	side := func(n int) int {
		return max(1, int((2*int64(n)*int64(edge)+int64(longest))/(2*int64(longest))))
	}
	return side(h.width), side(h.height)
}

// passes reports whether the picture is right as it is. The bytes behind the header are not known then, and need not be:
// whoever reads them next decodes them anyway.
func (h *header) passes(edge int) bool {
	return !h.foreign && len(h.mends) == 0 && h.orientation == upright && max(h.width, h.height) <= edge
}

// codecMemory covers the tables and buffers of decoder and encoder, in bytes. Most of it is the PNG encoder's deflate.
const codecMemory = 2 << 20

// peak estimates, rather too high, the bytes held while the page is made: the decoder's, sums and rows of the scaling
// (shrink: 8 bytes a sample, a row converted to 8 bits, 40 bytes a cell), the small picture and its encoding.
func (h *header) peak(edge int) int64 {
	w, ht := h.fit(edge)
	rows := int64(h.width) * 9 * int64(h.channels)
	small := int64(w) * int64(ht) * 4
	return plus(h.memory, plus(rows, 2*small+40*int64(w)+codecMemory))
}

// plus and times stop at the largest number, so that a header cannot make an estimate wrap around.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func times(a, b int64) int64 {
	if b != 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}
