package page

import (
	"image"
	"image/color"

	"github.com/bucketocr/bucketocr/internal/page/jpegdecode"
	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// jpegSink scales a JPEG and turns it upright while it is decoded, with the same result as render: channel by channel
// or, where colours must be converted, row by row.
type jpegSink struct {
	f        finishing
	p        jpegdecode.Picture
	out      image.Image
	channels []*average // of out
	apart    bool       // channels are the file's, not converted
	rgb      [3][]byte  // a converted row, if not apart
	rows     int        // converted so far
}

// reductions returns the factors by which the decoder reduces the channels of a JPEG for a page of w x h before it is
// turned. No channel becomes smaller than the page needs.
func reductions(p jpegdecode.Picture, w, h int) []int {
	by := make([]int, len(p.Channels))
	x, y := lengthwise(p.Width, w), lengthwise(p.Height, h)
	ratio, known := p.Ratio()
	for i := range by {
		if by[i] = reduction(x, y); known && i > 0 {
			across, down := jpegfile.Sampling(ratio)
			by[i] = reduction(x.halved(across, false), y.halved(down, false))
		}
	}
	return by
}

// reduction returns the largest factor, across and down, that leaves the scaling after it a factor of 2/3 or less, or
// exactly 1. Between these, pixels would be averages of fractions of reduced samples, and fine print would change with
// its position.
func reduction(x, y axis) int {
	by := 8
	for ; by > 1 && !(x.takes(by) && y.takes(by)); by /= 2 {
	}
	return by
}

// takes reports whether samples reduced by the factor by are fine enough.
func (a axis) takes(by int) bool {
	unit := int64(by) * a.unit
	return 3*unit <= 2*a.step || unit == a.step && a.lone < 0 // a half cell may shift all others
}

// Begin implements jpegdecode.Sink.
func (s *jpegSink) Begin(p jpegdecode.Picture) []int {
	s.p = p
	w, h := fit(p.Width, p.Height, s.f.edge)
	o := s.f.orientation
	upW, upH := o.size(w, h)
	up := image.Rect(0, 0, upW, upH)
	by := reductions(p, w, h)
	x, y := lengthwise(p.Width, w), lengthwise(p.Height, h)
	ratio, known := p.Ratio()
	switch {
	case p.Colours == jpegdecode.Gray:
		out := image.NewGray(up)
		s.out, s.apart = out, true
		s.channel(x.reduced(by[0]), y.reduced(by[0]), o.place(out.Pix, w, h, 1, out.Stride))
	case known:
		out := image.NewYCbCr(up, image.YCbCrSubsampleRatio420)
		s.out, s.apart = out, true
		s.channel(x.reduced(by[0]), y.reduced(by[0]), o.place(out.Y, w, h, 1, out.YStride))
		across, down := jpegfile.Sampling(ratio)
		x, y = x.halved(across, o.flipsX()), y.halved(down, o.flipsY())
		s.channel(x.reduced(by[1]), y.reduced(by[1]), o.place(out.Cb, x.cells, y.cells, 1, out.CStride))
		s.channel(x.reduced(by[2]), y.reduced(by[2]), o.place(out.Cr, x.cells, y.cells, 1, out.CStride))
	default:
		out := opaque(up)
		s.out = out
		x, y = x.reduced(by[0]), y.reduced(by[0])
		for i := range s.rgb {
			t := o.place(out.Pix, w, h, 4, out.Stride)
			t.at += i
			s.channel(x, y, t)
			s.rgb[i] = make([]byte, x.samples)
		}
	}
	return by
}

func (s *jpegSink) channel(x, y axis, out target) {
	s.channels = append(s.channels, newAverage(x, y, out))
}

// Strip implements jpegdecode.Sink.
func (s *jpegSink) Strip(channels []jpegdecode.Samples) {
	if s.apart {
		for i, c := range channels {
			for y := range c.Height {
				s.channels[i].add(c.Row(y))
			}
		}
		return
	}
	maxH, maxV := s.p.MaxSampling()
	first := channels[0] // pix has whole units in every channel
	rows := min(s.channels[0].y.samples-s.rows, len(first.Pix)/first.Stride*maxV/s.p.Channels[0].V)
	for y := range rows {
		s.convert(channels, y, maxH, maxV)
		for i, a := range s.channels {
			a.add(s.rgb[i])
		}
	}
	s.rows += rows
}

// convert converts row y of the strip to RGB. Subsampled channels are repeated.
func (s *jpegSink) convert(channels []jpegdecode.Samples, y, maxH, maxV int) {
	var rows [4][]byte
	var across [4]int
	for i, c := range channels {
		rows[i] = c.Pix[y*s.p.Channels[i].V/maxV*c.Stride:]
		across[i] = s.p.Channels[i].H
	}
	for x := range s.rgb[0] {
		var v [4]byte
		for i := range channels {
			v[i] = rows[i][x*across[i]/maxH]
		}
		s.rgb[0][x], s.rgb[1][x], s.rgb[2][x] = inRGB(s.p.Colours, v)
	}
}

// inRGB converts a colour to RGB like image/jpeg and package color.
func inRGB(colours jpegdecode.Colours, v [4]byte) (r, g, b byte) {
	switch colours {
	case jpegdecode.RGB:
		return v[0], v[1], v[2]
	case jpegdecode.YCbCr:
		return color.YCbCrToRGB(v[0], v[1], v[2])
	case jpegdecode.YCCK:
		v[0], v[1], v[2] = color.YCbCrToRGB(v[0], v[1], v[2])
		v[3] = 255 - v[3]
	case jpegdecode.InvertedCMYK:
		v[0], v[1], v[2], v[3] = 255-v[0], 255-v[1], 255-v[2], 255-v[3]
	}
	return color.CMYKToRGB(v[0], v[1], v[2], v[3])
}

// picture returns the finished picture.
func (s *jpegSink) picture() image.Image {
	out := s.out
	if m, ok := out.(*image.RGBA); ok {
		out = withoutColour(m)
	}
	return scaled{out, image.Pt(s.p.Width, s.p.Height)}
}
