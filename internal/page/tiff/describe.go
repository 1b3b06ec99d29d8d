package tiff

import "math"

// describe fills in what the page says about itself.
func (p *Page) describe() {
	if p.Err != nil {
		return
	}
	p.reduced = p.number(tagSubfile, 0, 0)&1 == 1
	p.Width, p.Height = p.side(tagWidth), p.side(tagHeight)
	p.Orientation = validOrientation(p.number(tagOrientation, 0, 1))
	if what := p.unsupported(); what != "" {
		p.Err = UnsupportedError(what)
		return
	}
	p.Lossy = p.compression() == jpegCompression
	p.Gray = p.samples() == 1 && p.photometric() != palette
	if p.bits() == 16 {
		p.Changes = append(p.Changes, "16 bits reduced to 8")
	}
	switch {
	case p.photometric() == cmyk:
		p.Changes = append(p.Changes, "CMYK to RGB")
	case p.samples() == 4 && p.alpha() != 0:
		p.Changes = append(p.Changes, "laid on white")
	}
	p.Memory = p.memory()
}

// side is a length in pixels; what no picture can have is returned as the largest number, which no limit lets pass.
func (p *Page) side(tag uint16) int {
	if n := p.number(tag, 0, 0); n <= math.MaxInt32 {
		return int(n)
	}
	return math.MaxInt32
}

// alpha is what a fourth channel beside RGB means: 1 or 2 transparency, 0 nothing.
func (p *Page) alpha() uint32 {
	if a := p.number(tagExtraSamples, 0, 0); a <= 2 {
		return a
	}
	return 0
}

// block is the size of the pieces that the picture is stored in, never larger than the limits of int32.
func (p *Page) block() (w, h int) {
	if p.tiled() {
		return p.side(tagTileWidth), p.side(tagTileHeight)
	}
	rows := p.side(tagRowsPerStrip)
	if rows == 0 || rows > p.Height {
		rows = p.Height
	}
	return p.Width, rows
}

// memory is the picture in the type that the decoder chooses, and a piece of it as stored, compressed and not, while its
// buffer grows. JPEG pieces are decoded apart, in whole blocks, and copied.
func (p *Page) memory() int64 {
	pixel := int64(4)
	if p.samples() == 1 {
		pixel = 1
	}
	if p.bits() == 16 {
		pixel *= 2
	}
	w, h := p.block()
	picture, piece := area(p.Width, p.Height), area(w, h)
	if p.Lossy {
		return plus(times(picture, pixel), times(area(w+64, h+64), 3+pixel))
	}
	stored := times(piece, int64(p.samples())*int64(p.bits()))/8 + int64(h)
	return plus(times(picture, pixel), times(stored, 4))
}

func area(w, h int) int64 { return int64(w) * int64(h) }

func times(a, b int64) int64 {
	if b != 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
