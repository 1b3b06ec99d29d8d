package jpegfile_test

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"slices"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// markers lists the segments of a file up to its first scan or its end.
func markers(file []byte) (list []byte, err error) {
	s := &jpegfile.Bytes{File: file, At: 2}
	for {
		m, err := jpegfile.NextMarker(s)
		if err != nil {
			return list, err
		}
		if list = append(list, m); m == jpegfile.EOI || m == jpegfile.SOS {
			return list, nil
		}
		n, err := jpegfile.BodySize(s)
		if err == nil {
			_, err = s.Next(n)
		}
		if err != nil {
			return list, err
		}
	}
}

func TestNextMarker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		rest string // after the first marker
		want []byte
		err  error
	}{
		{"segments", "\xff\xdb\x00\x03x\xff\xfe\x00\x02\xff\xda", []byte{jpegfile.DQT, jpegfile.COM, jpegfile.SOS},
			nil},
		{"fill bytes", "\xff\xff\xff\xfe\x00\x02\xff\xff\xd9", []byte{jpegfile.COM, jpegfile.EOI}, nil},
		{"stray bytes", "abc\xff\x00d\xff\xfe\x00\x03xyz\xff\xd9", []byte{jpegfile.COM, jpegfile.EOI}, nil},
		{"restart markers", "\xff\xd0\xff\xd7\xff\xd9", []byte{jpegfile.EOI}, nil},
		{"nothing", "", nil, io.ErrUnexpectedEOF},
		{"cut off in the size", "\xff\xfe\x00", []byte{jpegfile.COM}, io.ErrUnexpectedEOF},
		{"cut off in the body", "\xff\xfe\x00\x04x", []byte{jpegfile.COM}, io.ErrUnexpectedEOF},
		{"impossible size", "\xff\xfe\x00\x01", []byte{jpegfile.COM}, jpegfile.ErrSize},
	} {
		got, err := markers([]byte("\xff\xd8" + c.rest))
		if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%s: % x, %v, want % x, %v", c.name, got, err, c.want, c.err)
		}
	}
}

func TestParseFrame(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	if err := jpeg.Encode(&file, image.NewRGBA(image.Rect(0, 0, 300, 17)), nil); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(file.Bytes(), []byte{0xff, jpegfile.SOF0}) + 4
	body := file.Bytes()[at : at+6+9]
	f, ok := jpegfile.ParseFrame(body)
	if !ok || f.Bits != 8 || f.Width != 300 || f.Height != 17 || !f.Sampled() ||
		!slices.Equal(f.Components,
			[]jpegfile.Component{{ID: 1, H: 2, V: 2}, {ID: 2, H: 1, V: 1}, {ID: 3, H: 1, V: 1}}) {
		t.Errorf("%+v, %v", f, ok)
	}
	for n := range body {
		if _, ok := jpegfile.ParseFrame(body[:n]); ok {
			t.Errorf("%d of %d bytes are a frame", n, len(body))
		}
	}
	for _, factors := range []byte{0x00, 0x01, 0x10, 0x51, 0x15} {
		body[7] = factors
		if f, ok := jpegfile.ParseFrame(body); !ok || f.Sampled() {
			t.Errorf("sampling %#x is possible", factors)
		}
	}
}

// TestSampling compares the factors with the planes that package image makes.
func TestSampling(t *testing.T) {
	t.Parallel()
	for ratio := image.YCbCrSubsampleRatio444; ratio <= image.YCbCrSubsampleRatio410; ratio++ {
		m := image.NewYCbCr(image.Rect(0, 0, 16, 8), ratio)
		across, down := jpegfile.Sampling(ratio)
		if m.CStride != 16/across || len(m.Cb)/m.CStride != 8/down {
			t.Errorf("%v: %d x %d", ratio, across, down)
		}
	}
}
