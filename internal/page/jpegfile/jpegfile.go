// Package jpegfile reads the structure of JPEG files: markers, segments and frame headers. It does not decode pictures.
package jpegfile

import (
	"encoding/binary"
	"errors"
	"image"
	"io"
	"slices"
)

// Markers.
const (
	SOF0, SOF1, SOF2 = 0xc0, 0xc1, 0xc2 // frames: baseline, extended, progressive
	DHT              = 0xc4
	TEM, SOI         = 0x01, 0xd8 // without a body
	RST0, RST7       = 0xd0, 0xd7
	EOI, SOS         = 0xd9, 0xda
	DQT, DNL, DRI    = 0xdb, 0xdc, 0xdd
	APP0, APP1       = 0xe0, 0xe1
	APP14, APP15     = 0xee, 0xef
	COM              = 0xfe
)

// Source is a file read front to back.
type Source interface {
	// Next returns the next n bytes, which are valid until the next call. At the end of the file the error is
	// io.ErrUnexpectedEOF.
	Next(n int) ([]byte, error)
}

// NextMarker reads up to and including the next marker that begins a segment, or EOI. Like image/jpeg and libjpeg it
// skips stray bytes before the marker, fill bytes and restart markers.
func NextMarker(s Source) (byte, error) {
	for front, marker := byte(0), byte(0); ; {
		b, err := s.Next(1)
		if err != nil {
			return 0, err
		}
		front, marker = marker, b[0]
		if front == 0xff && marker != 0 && marker != 0xff && (marker < RST0 || marker > RST7) {
			return marker, nil
		}
	}
}

// ErrSize reports a segment that declares fewer bytes than its size field has.
var ErrSize = errors.New("jpegfile: impossible size of a segment")

// BodySize reads the size that follows a segment's marker and returns the bytes of the body.
func BodySize(s Source) (int, error) {
	b, err := s.Next(2)
	if err != nil {
		return 0, err
	}
	if n := int(binary.BigEndian.Uint16(b)) - 2; n >= 0 {
		return n, nil
	}
	return 0, ErrSize
}

// Bytes is a Source in memory.
type Bytes struct {
	File []byte
	At   int // index of the next byte
}

// Next implements Source.
func (s *Bytes) Next(n int) ([]byte, error) {
	if n > len(s.File)-s.At {
		return nil, io.ErrUnexpectedEOF
	}
	s.At += n
	return s.File[s.At-n : s.At], nil
}

// Segment reads the next segment. EOI has no body.
func (s *Bytes) Segment() (marker byte, body []byte, err error) {
	marker, err = NextMarker(s)
	if err != nil || marker == EOI {
		return marker, nil, err
	}
	n, err := BodySize(s)
	if err == nil {
		body, err = s.Next(n)
	}
	return marker, body, err
}

// Frame is a parsed frame header.
type Frame struct {
	Bits          int // per sample
	Width, Height int // in pixels; height 0: declared after the first scan
	Components    []Component
}

// Component is a channel of the picture.
type Component struct {
	ID   byte
	H, V int // sampling factors, 1 to 4 if valid
}

// ParseFrame parses the body of a SOF segment and reports whether its length is consistent.
func ParseFrame(body []byte) (Frame, bool) {
	if len(body) < 6 || len(body) != 6+3*int(body[5]) {
		return Frame{}, false
	}
	f := Frame{
		Bits: int(body[0]), Height: int(binary.BigEndian.Uint16(body[1:])),
		Width:      int(binary.BigEndian.Uint16(body[3:])),
		Components: make([]Component, body[5])}
	for i := range f.Components {
		c := body[6+3*i:]
		f.Components[i] = Component{ID: c[0], H: int(c[1] >> 4), V: int(c[1] & 15)}
	}
	return f, true
}

// Sampled reports whether the sampling factors of all components are valid.
func (f Frame) Sampled() bool {
	return !slices.ContainsFunc(f.Components, func(c Component) bool { return min(c.H, c.V) < 1 || max(c.H, c.V) > 4 })
}

// Sampling returns the number of pixels that share a chroma sample, across and down.
func Sampling(r image.YCbCrSubsampleRatio) (across, down int) {
	s := [...][2]int{image.YCbCrSubsampleRatio444: {1, 1}, image.YCbCrSubsampleRatio422: {2, 1},
		image.YCbCrSubsampleRatio420: {2, 2},
		image.YCbCrSubsampleRatio440: {1, 2}, image.YCbCrSubsampleRatio411: {4, 1},
		image.YCbCrSubsampleRatio410: {4, 2}}[r]
	return s[0], s[1]
}
