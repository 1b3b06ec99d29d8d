package salvage

import (
	"context"
	"image"
	"image/color"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// part makes the picture of what was decoded.
func (d *jpegDecoder) part() (Part, error) {
	p := Part{Wrong: d.wrong}
	for i := range d.comps {
		c := &d.comps[i]
		p.All += c.realAcross * c.realDown
		p.There += min(c.there, c.realAcross*c.realDown)
		if d.progressive && c.quant != nil {
			p.Wrong = p.Wrong || !d.ended && !c.complete()
			c.showAll()
		}
	}
	if p.There == 0 {
		return p, ErrNothing
	}
	p.Image = d.image()
	return p, nil
}

// complete reports whether nothing can be added to the channel of a progressive picture.
func (c *component) complete() bool {
	for _, low := range c.coded {
		if low != 1 {
			return false
		}
	}
	return true
}

// kind is how the channels are to be understood.
type kind int

const (
	gray kind = iota
	yCbCr
	rgb
	cmyk         // as it is
	invertedCMYK // 255 being no ink
	ycck         // Y, Cb and Cr of the light that CMY leave; K inverted
)

// kind goes by the rules of libjpeg and image/jpeg.
func (d *jpegDecoder) kind() kind {
	switch c := d.comps; {
	case len(c) == 1:
		return gray
	case len(c) == 4 && !d.adobe:
		return cmyk
	case len(c) == 4 && d.transform != 0:
		return ycck
	case len(c) == 4:
		return invertedCMYK
	case !d.jfif && (d.adobe && d.transform == 0 || !d.adobe && c[0].ID == 'R' && c[1].ID == 'G' && c[2].ID == 'B'):
		return rgb
	}
	return yCbCr
}

// paint has the planes white, which they stay where no scan reaches.
func (d *jpegDecoder) paint() {
	kind := d.kind()
	for i, c := range d.comps {
		white := byte(255)
		switch chroma := i == 1 || i == 2; {
		case chroma && (kind == yCbCr || kind == ycck):
			white = 128
		case kind == cmyk, kind == ycck && i == 0:
			white = 0
		}
		for j := range c.plane {
			c.plane[j] = white
		}
	}
}

// showAll shows the blocks of a progressive picture's channel.
func (c *component) showAll() {
	var block [64]int16
	for y := range c.down {
		for x := range c.across {
			if at := 64 * (y*c.across + x); c.coefs[at] != unread {
				copy(block[:], c.coefs[at:])
				c.show(&block, x, y)
			}
		}
	}
}

// show puts the samples of a block into its place: coefficients times their quantum, and the inverse cosine transform.
func (c *component) show(block *[64]int16, x, y int) {
	var half [64]float32
	stride := 8 * c.across
	plane := c.plane[8*y*stride+8*x:]
	var coefs [64]float32
	flat := true
	for k, at := range zigzag {
		if v := block[at]; v != 0 {
			coefs[at] = float32(v) * float32(c.quant[k])
			flat = flat && k == 0
		}
	}
	if flat {
		v := sample(coefs[0] / 8)
		for r := range 8 {
			row := plane[r*stride:][:8]
			for i := range row {
				row[i] = v
			}
		}
		return
	}
	for v := range 8 {
		row := coefs[8*v:][:8]
		for i := range 8 {
			w := &cosines[i]
			half[8*v+i] = row[0]*w[0] + row[1]*w[1] + row[2]*w[2] + row[3]*w[3] + row[4]*w[4] + row[5]*w[5] +
				row[6]*w[6] + row[7]*w[7]
		}
	}
	for r := range 8 {
		w, row := &cosines[r], plane[r*stride:][:8]
		for i := range row {
			row[i] = sample(half[i]*w[0] + half[8+i]*w[1] + half[16+i]*w[2] + half[24+i]*w[3] +
				half[32+i]*w[4] + half[40+i]*w[5] + half[48+i]*w[6] + half[56+i]*w[7])
		}
	}
}

// sample moves a value from around 0 to around 128, and rounds it.
func sample(v float32) byte { return byte(max(0, min(255, v+128.5))) }

// cosines are the weights of a row's coefficients, for each of its samples.
var cosines = [8][8]float32{
	{0.35355339, 0.49039264, 0.46193977, 0.41573481, 0.35355339, 0.27778512, 0.19134172, 0.09754516},
	{0.35355339, 0.41573481, 0.19134172, -0.09754516, -0.35355339, -0.49039264, -0.46193977, -0.27778512},
	{0.35355339, 0.27778512, -0.19134172, -0.49039264, -0.35355339, 0.09754516, 0.46193977, 0.41573481},
	{0.35355339, 0.09754516, -0.46193977, -0.27778512, 0.35355339, 0.41573481, -0.19134172, -0.49039264},
	{0.35355339, -0.09754516, -0.46193977, 0.27778512, 0.35355339, -0.41573481, -0.19134172, 0.49039264},
	{0.35355339, -0.27778512, -0.19134172, 0.49039264, -0.35355339, -0.09754516, 0.46193977, -0.41573481},
	{0.35355339, -0.41573481, 0.19134172, 0.09754516, -0.35355339, 0.49039264, -0.46193977, 0.27778512},
	{0.35355339, -0.49039264, 0.46193977, -0.41573481, 0.35355339, -0.27778512, 0.19134172, -0.09754516},
}

// image makes the picture of the planes.
func (d *jpegDecoder) image() image.Image {
	r := image.Rect(0, 0, d.frame.Width, d.frame.Height)
	kind, c := d.kind(), d.comps
	switch kind {
	case gray:
		return &image.Gray{Pix: c[0].plane, Stride: 8 * c[0].across, Rect: r}
	case yCbCr:
		if ratio, ok := ratioOf(c); ok {
			return &image.YCbCr{Y: c[0].plane, Cb: c[1].plane, Cr: c[2].plane, YStride: 8 * c[0].across,
				CStride:        8 * c[1].across,
				SubsampleRatio: ratio, Rect: r}
		}
	}
	pix, stride := make([]byte, 4*d.frame.Width*d.frame.Height), 4*d.frame.Width
	for y := range d.frame.Height {
		row := pix[y*stride:][:stride]
		if len(c) < 4 {
			for x := 3; x < stride; x += 4 {
				row[x] = 255
			}
		}
		for i := range c {
			from := c[i].plane[y*c[i].V/d.maxV*8*c[i].across:]
			for x := range d.frame.Width {
				row[4*x+i] = from[x*c[i].H/d.maxH]
			}
		}
		for x := 0; x < stride; x += 4 {
			p := row[x:][:4]
			switch kind {
			case yCbCr, ycck:
				p[0], p[1], p[2] = color.YCbCrToRGB(p[0], p[1], p[2])
				if kind == ycck {
					p[3] = 255 - p[3]
				}
			case invertedCMYK:
				p[0], p[1], p[2], p[3] = 255-p[0], 255-p[1], 255-p[2], 255-p[3]
			}
		}
	}
	if len(c) == 4 {
		return &image.CMYK{Pix: pix, Stride: stride, Rect: r}
	}
	return &image.RGBA{Pix: pix, Stride: stride, Rect: r}
}

// ratioOf returns how chroma is sampled, if package image knows that.
func ratioOf(c []component) (image.YCbCrSubsampleRatio, bool) {
	for ratio := image.YCbCrSubsampleRatio444; ratio <= image.YCbCrSubsampleRatio410; ratio++ {
		across, down := jpegfile.Sampling(ratio)
		if c[0].H == across*c[1].H && c[0].V == down*c[1].V && c[1].H == c[2].H && c[1].V == c[2].V {
			return ratio, true
		}
	}
	return 0, false
}

// jpegDecoder is a JPEG while it is decoded.
type jpegDecoder struct {
	ctx context.Context
	s   jpegfile.Bytes

	frame       jpegfile.Frame
	progressive bool
	comps       []component
	maxH, maxV  int // sampling factors
	acrossUnits int // groups of blocks in which all channels are coded
	downUnits   int
	quant       [4]*[64]uint16
	tables      [2][4]*huffman // DC and AC, by number
	interval    int            // units between restart markers, 0: none
	jfif, adobe bool
	transform   byte

	painted bool // white
	wrong   bool // something was not as it should be
	ended   bool // by EOI
}

// component is a channel. Its planes cover whole groups of blocks.
type component struct {
	jpegfile.Component
	number     int    // of its table of quantization
	across     int    // blocks of the plane
	down       int    // rows of them
	realAcross int    // blocks that show something of the picture
	realDown   int    // rows of them
	plane      []byte // samples, in rows of across*8
	// of a progressive picture, 64 for each block; the first is unread where no scan has reached the block
	coefs []int16
	// of a progressive picture: by coefficient one more than how many of its lowest bits are missing; 0: all
	coded     [64]int8
	quant     *[64]uint16
	dc, ac    *huffman
	predictor int
	there     int // blocks
}

// unread is the value of a DC coefficient that no scan has reached.
const unread = -1 << 15
