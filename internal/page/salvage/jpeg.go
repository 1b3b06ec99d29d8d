package salvage

import (
	"context"
	"errors"
	"image"
	"image/color"

	"github.com/bucketocr/bucketocr/internal/page/jpegdecode"
)

// JPEG decodes as much as it can of a baseline or progressive JPEG with 8 bits per sample, 1, 3 or 4 channels and any
// sampling. Like libjpeg it skips damage and resumes at the next restart marker. height is used if the file declares
// its height after the picture. JPEG returns ErrNothing or the error of ctx.
func JPEG(ctx context.Context, b []byte, height int) (Part, error) {
	s := &jpegPlanes{}
	res, err := jpegdecode.Salvage(ctx, b, height, s)
	if errors.Is(err, jpegdecode.ErrNothing) {
		err = ErrNothing
	}
	if err != nil {
		return Part{}, err
	}
	return Part{Image: s.image(), There: res.There, All: res.All, Wrong: res.Wrong}, nil
}

// jpegPlanes is a sink that keeps the channels in full size.
type jpegPlanes struct {
	p        jpegdecode.Picture
	channels []jpegdecode.Samples
}

// Begin implements jpegdecode.Sink.
func (s *jpegPlanes) Begin(p jpegdecode.Picture) []int {
	s.p, s.channels = p, make([]jpegdecode.Samples, len(p.Channels))
	by := make([]int, len(p.Channels))
	for i := range by {
		by[i] = 1
	}
	return by
}

// Strip implements jpegdecode.Sink.
func (s *jpegPlanes) Strip(channels []jpegdecode.Samples) {
	for i, c := range channels {
		to := &s.channels[i]
		for y := range c.Height {
			to.Pix = append(to.Pix, c.Row(y)...)
		}
		to.Stride, to.Width, to.Height = c.Width, c.Width, to.Height+c.Height
	}
}

// image assembles the picture from the channels.
func (s *jpegPlanes) image() image.Image {
	r := image.Rect(0, 0, s.p.Width, s.p.Height)
	c := s.channels
	ratio, known := s.p.Ratio()
	switch {
	case s.p.Colours == jpegdecode.Gray:
		return &image.Gray{Pix: c[0].Pix, Stride: c[0].Stride, Rect: r}
	case known:
		return &image.YCbCr{Y: c[0].Pix, Cb: c[1].Pix, Cr: c[2].Pix, YStride: c[0].Stride, CStride: c[1].Stride,
			SubsampleRatio: ratio, Rect: r}
	}
	maxH, maxV := s.p.MaxSampling()
	pix, stride := make([]byte, 4*r.Dx()*r.Dy()), 4*r.Dx()
	for y := range r.Dy() {
		row := pix[y*stride:][:stride]
		for i := range c {
			from := c[i].Row(y * s.p.Channels[i].V / maxV)
			for x := range r.Dx() {
				row[4*x+i] = from[x*s.p.Channels[i].H/maxH]
			}
		}
		for x := 0; x < stride; x += 4 {
			s.colour((*[4]byte)(row[x:]))
		}
	}
	if len(c) == 4 {
		return &image.CMYK{Pix: pix, Stride: stride, Rect: r}
	}
	return &image.RGBA{Pix: pix, Stride: stride, Rect: r}
}

// colour converts a pixel to the colours of package image.
func (s *jpegPlanes) colour(p *[4]byte) {
	switch s.p.Colours {
	case jpegdecode.RGB:
		p[3] = 255
	case jpegdecode.YCbCr:
		p[0], p[1], p[2] = color.YCbCrToRGB(p[0], p[1], p[2])
		p[3] = 255
	case jpegdecode.YCCK:
		p[0], p[1], p[2] = color.YCbCrToRGB(p[0], p[1], p[2])
		p[3] = 255 - p[3]
	case jpegdecode.InvertedCMYK:
		p[0], p[1], p[2], p[3] = 255-p[0], 255-p[1], 255-p[2], 255-p[3]
	}
}
