package jpegdecode

import (
	"image"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// Sink receives a picture while it is decoded.
type Sink interface {
	// Begin is called once, before the first samples. It returns the reduction of each channel, the same across and
	// down: 1, 2, 4 or 8.
	Begin(p Picture) []int
	// Strip is called with the next rows of each channel, which cover the same part of the picture in all channels.
	// They are valid until it returns.
	Strip(channels []Samples)
}

// Samples holds rows of a channel.
type Samples struct {
	Pix           []byte
	Stride        int
	Width, Height int // without padding
}

// Row returns row y.
func (s Samples) Row(y int) []byte { return s.Pix[y*s.Stride:][:s.Width] }

// Picture describes a picture as its file declares it.
type Picture struct {
	Width, Height int
	Colours       Colours
	Channels      []jpegfile.Component // with their sampling; 1 x 1 for a single channel
}

// Colours is the meaning of the channels.
type Colours int

const (
	Gray Colours = iota
	YCbCr
	RGB
	CMYK         // 0 is no ink
	InvertedCMYK // 255 is no ink
	YCCK         // YCbCr that converts to CMY, and inverted K
)

// ColoursOf returns the meaning of channels c by the rules of image/jpeg and libjpeg. jfif and adobe say whether the
// file has these segments; transform is the Adobe segment's.
func ColoursOf(c []jpegfile.Component, jfif, adobe bool, transform byte) Colours {
	switch {
	case len(c) == 1:
		return Gray
	case len(c) == 4 && !adobe:
		return CMYK
	case len(c) == 4 && transform != 0:
		return YCCK
	case len(c) == 4:
		return InvertedCMYK
	case !jfif && (adobe && transform == 0 || c[0].ID == 'R' && c[1].ID == 'G' && c[2].ID == 'B'):
		return RGB
	}
	return YCbCr
}

// white returns the sample of a channel for white.
func (p Picture) white(channel int) byte {
	switch chroma := channel == 1 || channel == 2; {
	case chroma && (p.Colours == YCbCr || p.Colours == YCCK):
		return 128
	case p.Colours == CMYK, p.Colours == YCCK && channel == 0:
		return 0
	}
	return 255
}

// MaxSampling returns the largest sampling factors.
func (p Picture) MaxSampling() (across, down int) {
	for _, c := range p.Channels {
		across, down = max(across, c.H), max(down, c.V)
	}
	return across, down
}

// Ratio returns the chroma subsampling of YCbCr, if package image has it.
func (p Picture) Ratio() (image.YCbCrSubsampleRatio, bool) {
	if p.Colours != YCbCr {
		return 0, false
	}
	c := p.Channels
	for ratio := image.YCbCrSubsampleRatio444; ratio <= image.YCbCrSubsampleRatio410; ratio++ {
		across, down := jpegfile.Sampling(ratio)
		if c[0].H == across*c[1].H && c[0].V == down*c[1].V && c[1].H == c[2].H && c[1].V == c[2].V {
			return ratio, true
		}
	}
	return 0, false
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
