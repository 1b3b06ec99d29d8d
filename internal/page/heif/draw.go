package heif

import (
	"encoding/binary"
	"image"
	"image/color"

	"github.com/bucketocr/bucketocr/internal/page/planes"
)

// frame is a decoded picture. Its samples are in the decoder's memory, one byte or two in little-endian order.
type frame struct {
	width, height int
	sampling      int    // 0 gray, 1 4:2:0, 2 4:2:2, 3 4:4:4
	bits          [2]int // of luma, of chroma
	full          bool
	matrix        planes.Matrix
	planes        [3][]byte
	strides       [2]int // bytes per row
}

// ratios maps frame.sampling to package image's ratios.
var ratios = [...]image.YCbCrSubsampleRatio{1: image.YCbCrSubsampleRatio420, 2: image.YCbCrSubsampleRatio422,
	3: image.YCbCrSubsampleRatio444}

// Limits on the parts of a picture and their nesting, such as an iden of a grid of pictures.
const (
	mostParts = 4096
	mostDepth = 3
)

// canvas assembles a file's picture with 8 bits and full range. out is allocated when the first part has been decoded.
type canvas struct {
	file   *file
	decode func(*item) (*frame, error) // its result is valid until the next call
	limit  int64                       // bytes that the planes may take
	size   image.Point
	out    *image.YCbCr // without chroma if gray
	matrix planes.Matrix

	background color.Color // colour where no part is; nil: white
}

// draw decodes the main picture of a file.
func (f *file) draw(info Info, decode func(*item) (*frame, error)) (image.Image, error) {
	c := &canvas{file: f, decode: decode, limit: info.Memory() - tables, size: image.Pt(info.Width, info.Height)}
	if err := c.put(f.main, nil, image.Rectangle{Max: c.size}, c.paste, 0); err != nil {
		return nil, err
	}
	if len(c.out.Cb) > 0 {
		planes.ToJPEG(c.out, c.matrix)
	}
	if f.alpha != nil {
		if err := c.put(f.alpha, nil, image.Rectangle{Max: c.size}, c.clear, 0); err != nil {
			return nil, err
		}
	}
	c.out.Rect = image.Rectangle{Max: c.size}
	if len(c.out.Cb) == 0 {
		return (&image.Gray{Pix: c.out.Y, Stride: c.out.YStride, Rect: c.out.Rect}).SubImage(info.Crop), nil
	}
	return c.out.SubImage(info.Crop), nil
}

// use processes a decoded part that belongs at at. outer is the item that it is part of, or nil.
type use func(fr *frame, it, outer *item, at image.Rectangle) error

// put decodes an item that belongs at at, or its parts, and calls f with them.
func (c *canvas) put(it, outer *item, at image.Rectangle, f use, depth int) error {
	switch {
	case depth > mostDepth:
		return ErrBroken
	case kinds[it.kind] != "":
		fr, err := c.decode(it)
		if err != nil {
			return err
		}
		return f(fr, it, outer, at)
	case it.kind == "grid":
		return c.putGrid(it, at, f, depth)
	case it.kind == "iden" || it.kind == "tmap": // a picture with other properties; one with an HDR version
		part, err := c.file.part(it, 0)
		if err != nil {
			return err
		}
		return c.put(part, it, at, f, depth+1)
	case it.kind == "iovl":
		return c.putOverlay(it, f, depth)
	}
	return unsupported(it.kind)
}

// putGrid puts the tiles of a grid in place. All are as large as the first; the last ones may exceed the picture.
func (c *canvas) putGrid(it *item, at image.Rectangle, f use, depth int) error {
	g, ok := c.file.grid(it)
	if n := g.rows * g.columns; !ok || n != len(it.parts) || n > mostParts {
		return ErrBroken
	}
	if image.Pt(g.width, g.height) != at.Size() { // such as a mask smaller than the picture
		return ErrBroken
	}
	var size image.Point
	for n := range it.parts {
		part, err := c.file.part(it, n)
		if err != nil {
			return err
		}
		place := at
		if n > 0 {
			place.Min = place.Min.Add(image.Pt(n%g.columns*size.X, n/g.columns*size.Y))
			place.Max = place.Min.Add(size)
		}
		err = c.put(part, it, place, func(fr *frame, it, outer *item, place image.Rectangle) error {
			if n == 0 {
				size = image.Pt(fr.width, fr.height)
				place.Max = place.Min.Add(size)
			}
			return f(fr, it, outer, place)
		}, depth+1)
		if err != nil {
			return err
		}
	}
	return nil
}

// putOverlay lays pictures over each other at the offsets in the item, which may be negative.
func (c *canvas) putOverlay(it *item, f use, depth int) error {
	data := it.data()
	if len(data) < 2 {
		return ErrBroken
	}
	size := 2 + 2*int(data[1]&1)
	r := &reader{b: data[2:]}
	red, green, blue, alpha := r.number(2)>>8, r.number(2)>>8, r.number(2)>>8, r.number(2)>>8
	if c.background = color.White; alpha > 127 {
		c.background = color.RGBA{R: byte(red), G: byte(green), B: byte(blue), A: 255}
	}
	r.number(size) // the size of the whole, which is also a property
	r.number(size)
	if len(it.parts) > mostParts {
		return ErrBroken
	}
	for n := range it.parts {
		part, err := c.file.part(it, n)
		if err != nil {
			return err
		}
		place := image.Pt(signed(r.number(size), size), signed(r.number(size), size))
		w, h := part.size()
		switch {
		case r.failed:
			return ErrBroken
		case part.turned():
			return &Unsupported{"HEIF overlay of turned pictures"}
		}
		if err := c.put(part, it, image.Rect(0, 0, w, h).Add(place), f, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// signed converts an unsigned integer of size bytes to a signed one.
func signed(n, size int) int { return n << (64 - 8*size) >> (64 - 8*size) }

// turned reports whether an item is turned, mirrored or cropped for display.
func (it *item) turned() bool {
	return it.property("irot") != nil || it.property("imir") != nil || it.property("clap") != nil
}

// colours returns the colours of a decoded part. The file's declaration takes precedence over the stream's.
func colours(fr *frame, it, outer *item) (matrix planes.Matrix, full bool) {
	for _, from := range []*item{outer, it} {
		if from == nil {
			continue
		}
		if matrix, full, ok := from.colours(); ok {
			return matrix, full
		}
	}
	return fr.matrix, fr.full
}

// start allocates the planes for parts like fr.
func (c *canvas) start(fr *frame, matrix planes.Matrix) error {
	r := image.Rectangle{Max: c.size}
	c.matrix = matrix
	luma := int64(c.size.X) * int64(c.size.Y)
	if fr.sampling == 0 {
		if luma > c.limit {
			return ErrBroken
		}
		c.out = &image.YCbCr{
			Y: make([]byte, luma), YStride: c.size.X, Rect: r, SubsampleRatio: image.YCbCrSubsampleRatio444}
		c.fill()
		return nil
	}
	across, down := sampled(fr.sampling)
	if chroma := int64(ceil(c.size.X, across)) * int64(ceil(c.size.Y, down)); luma+2*chroma > c.limit {
		return ErrBroken
	}
	c.out = image.NewYCbCr(r, ratios[fr.sampling])
	c.fill()
	return nil
}

// fill fills the canvas with the background.
func (c *canvas) fill() {
	if c.background == nil {
		c.background = color.White
	}
	v := color.YCbCrModel.Convert(c.background).(color.YCbCr)
	for _, p := range []struct {
		pix []byte
		v   byte
	}{{c.out.Y, v.Y}, {c.out.Cb, v.Cb}, {c.out.Cr, v.Cr}} {
		for i := range p.pix {
			p.pix[i] = p.v
		}
	}
}

func sampled(sampling int) (across, down int) {
	return map[int]int{1: 2, 2: 2, 3: 1}[sampling], map[int]int{1: 2, 2: 1, 3: 1}[sampling]
}

func ceil(n, d int) int { return (n + d - 1) / d }

// paste puts a decoded part in its place, clipped to the canvas. The part must cover all of its place within the
// canvas.
func (c *canvas) paste(fr *frame, it, outer *item, at image.Rectangle) error {
	matrix, full := colours(fr, it, outer)
	if c.out == nil {
		if err := c.start(fr, matrix); err != nil {
			return err
		}
	}
	if gray := len(c.out.Cb) == 0; gray != (fr.sampling == 0) || !gray && c.out.SubsampleRatio != ratios[fr.sampling] {
		return ErrBroken
	}
	seen := at.Intersect(image.Rectangle{Max: c.size})
	if seen.Empty() {
		return nil
	}
	fr = fr.from(seen.Min.Sub(at.Min))
	if fr.width < seen.Dx() || fr.height < seen.Dy() {
		return ErrBroken
	}
	at = seen
	luma := planes.Luma(fr.bits[0], full)
	convert(c.out.Y[at.Min.Y*c.out.YStride+at.Min.X:], c.out.YStride, fr.planes[0], fr.strides[0], seen.Dx(), seen.Dy(),
		luma)
	if fr.sampling == 0 {
		return nil
	}
	chroma := planes.Chroma(fr.bits[1], full)
	if matrix == planes.Identity && fr.sampling == 3 {
		chroma = planes.Luma(fr.bits[1], full)
	}
	across, down := sampled(fr.sampling)
	first := at.Min.Y/down*c.out.CStride + at.Min.X/across
	w, h := ceil(at.Min.X%across+seen.Dx(), across), ceil(at.Min.Y%down+seen.Dy(), down)
	w, h = min(w, ceil(fr.width, across)), min(h, ceil(fr.height, down))
	convert(c.out.Cb[first:], c.out.CStride, fr.planes[1], fr.strides[1], w, h, chroma)
	convert(c.out.Cr[first:], c.out.CStride, fr.planes[2], fr.strides[1], w, h, chroma)
	return nil
}

// from returns the part of a picture from p on.
func (fr *frame) from(p image.Point) *frame {
	if p == (image.Point{}) || p.X >= fr.width || p.Y >= fr.height {
		return fr
	}
	part := *fr
	part.width, part.height = fr.width-p.X, fr.height-p.Y
	part.planes[0] = fr.planes[0][p.Y*fr.strides[0]+p.X*bytesOf(fr.bits[0]):]
	if fr.sampling > 0 {
		across, down := sampled(fr.sampling)
		for n := 1; n <= 2; n++ {
			part.planes[n] = fr.planes[n][p.Y/down*fr.strides[1]+p.X/across*bytesOf(fr.bits[1]):]
		}
	}
	return &part
}

// bytesOf returns the bytes of a sample with the given bits.
func bytesOf(bits int) int { return (bits + 7) / 8 }

// convert converts rows of samples to bytes by a table.
func convert(to []byte, toStride int, from []byte, fromStride, w, h int, table []byte) {
	for y := range h {
		row(to[y*toStride:][:w], from[y*fromStride:], table)
	}
}

func row(to, from, table []byte) {
	if len(table) == 256 {
		t := (*[256]byte)(table)
		for x, v := range from[:len(to)] {
			to[x] = t[v]
		}
		return
	}
	last := len(table) - 1
	for x := range to {
		to[x] = table[min(int(binary.LittleEndian.Uint16(from[2*x:])), last)]
	}
}

// clear lays the picture on white by a decoded mask. A mask of another size is stretched to its place.
func (c *canvas) clear(fr *frame, it, _ *item, at image.Rectangle) error {
	full := fr.full || kinds[it.kind] == HEVC // regardless of the stream: encoders omit the flag
	table := planes.Luma(fr.bits[0], full)
	if at.Empty() {
		return ErrBroken
	}
	stretched := at.Size() != image.Pt(fr.width, fr.height)
	samples, line := make([]byte, fr.width), make([]byte, at.Dx())
	planes.OnWhite(c.out, at, c.file.premultiplied, func(y int) []byte {
		if !stretched {
			row(samples, fr.planes[0][y*fr.strides[0]:], table)
			return samples
		}
		row(samples, fr.planes[0][y*fr.height/at.Dy()*fr.strides[0]:], table)
		for x := range line {
			line[x] = samples[x*fr.width/at.Dx()]
		}
		return line
	})
	return nil
}
