package jpegdecode

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// canvas is a sink that keeps all samples.
type canvas struct {
	by     int
	p      Picture
	planes []Samples
	strips int
}

func (s *canvas) Begin(p Picture) []int {
	s.p = p
	s.planes = make([]Samples, len(p.Channels))
	return nowhere{s.by}.Begin(p)
}

func (s *canvas) Strip(channels []Samples) {
	s.strips++
	for i, c := range channels {
		for y := range c.Height {
			s.planes[i].Pix = append(s.planes[i].Pix, c.Row(y)...)
		}
		s.planes[i].Stride, s.planes[i].Width, s.planes[i].Height = c.Width, c.Width, s.planes[i].Height+c.Height
	}
}

// decoded decodes an intact file: with Decode if it is baseline, else with Salvage.
func decoded(t testing.TB, b []byte, by int) *canvas {
	t.Helper()
	s := &canvas{by: by}
	err := Decode(t.Context(), iotest.OneByteReader(bytes.NewReader(b)), s)
	if err == nil {
		return s
	}
	s = &canvas{by: by}
	if res, err := Salvage(t.Context(), b, 0, s); err != nil || res.Wrong || res.There < res.All {
		t.Fatal(res, err)
	}
	return s
}

// planesOf returns the channels of a picture that image/jpeg decoded.
func planesOf(img image.Image) []Samples {
	size := img.Bounds().Size()
	switch m := img.(type) {
	case *image.Gray:
		return []Samples{{m.Pix, m.Stride, size.X, size.Y}}
	case *image.YCbCr:
		return []Samples{{m.Y, m.YStride, size.X, size.Y}, {m.Cb, m.CStride, 0, 0}, {m.Cr, m.CStride, 0, 0}}
	case *image.RGBA:
		return interleaved(m.Pix, m.Stride, size, 3)
	case *image.CMYK:
		return interleaved(m.Pix, m.Stride, size, 4)
	}
	return nil
}

func interleaved(pix []byte, stride int, size image.Point, channels int) []Samples {
	all := make([]Samples, channels)
	for i := range all {
		all[i] = Samples{Stride: size.X, Width: size.X, Height: size.Y}
		for y := range size.Y {
			for x := range size.X {
				all[i].Pix = append(all[i].Pix, pix[y*stride+4*x+i])
			}
		}
	}
	return all
}

// files returns package page's JPEG test data and some generated files.
func files(t testing.TB) map[string][]byte {
	t.Helper()
	names, _ := filepath.Glob("../testdata/*.jpeg")
	all := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(name, "truncated") {
			all[filepath.Base(name)] = b
		}
	}
	if len(all) == 0 {
		t.Fatal("no files")
	}
	for _, size := range []image.Point{{1, 1}, {7, 9}, {8, 8}, {16, 17}, {33, 15}, {250, 123}} {
		text := pagetest.Paper(size.X, size.Y, 12)
		all[fmt.Sprintf("gray %v", size)] = pagetest.EncodeJPEG(text)
		all[fmt.Sprintf("photo %v", size)] = pagetest.EncodeJPEG(pagetest.Photo(text))
	}
	return all
}

// TestSamplesAreThoseOfTheStandardLibrary: at full size, samples differ from image/jpeg's by at most 1; reduced, they
// are the means of full-size samples, except that these were clipped to a byte first.
func TestSamplesAreThoseOfTheStandardLibrary(t *testing.T) {
	t.Parallel()
	for name, b := range files(t) {
		img, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(name, err)
		}
		want, whole := planesOf(img), decoded(t, b, 1)
		if whole.p.Width != img.Bounds().Dx() || whole.p.Height != img.Bounds().Dy() {
			t.Errorf("%s: %+v, not %v", name, whole.p, img.Bounds())
		}
		for i, c := range whole.planes {
			if (whole.p.Colours == RGB || len(whole.planes) == 4) && c.Width < want[0].Width || whole.p.Colours > RGB {
				continue // compared by package page, as a picture
			}
			worst := 0
			for y := range c.Height {
				for x, v := range c.Row(y) {
					worst = max(worst, distance(v, want[i].Pix[y*want[i].Stride+x]))
				}
			}
			if worst > 1 {
				t.Errorf("%s, channel %d: off by %d", name, i, worst)
			}
		}
		for _, by := range []int{2, 4, 8} {
			reduced := decoded(t, b, by)
			for i, c := range reduced.planes {
				if worst, mean := means(c, whole.planes[i], by); worst > 14 || mean > 0.6 {
					t.Errorf("%s by %d, channel %d: off by %d, %.2f on average", name, by, i, worst, mean)
				}
			}
		}
	}
}

func distance(a, b byte) int { return int(max(a, b)) - int(min(a, b)) }

// means compares samples with the means of the full-size channel's and returns the largest and the mean difference.
// Incomplete cells at the edges are left out.
func means(c, whole Samples, by int) (worst int, mean float64) {
	all := 0
	for y := range whole.Height / by {
		for x := range whole.Width / by {
			sum := 0
			for v := range by {
				for _, s := range whole.Row(y*by + v)[x*by:][:by] {
					sum += int(s)
				}
			}
			d := distance(c.Row(y)[x], byte((sum+by*by/2)/(by*by)))
			worst, mean, all = max(worst, d), mean+float64(d), all+1
		}
	}
	return worst, mean / max(1, float64(all))
}
