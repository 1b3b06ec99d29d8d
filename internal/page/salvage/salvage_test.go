package salvage

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// gray is the luma of a picture at a place.
func luma(m image.Image, x, y int) int {
	return int(color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y)
}

// files are those of package page's test data.
func files(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join("../testdata", pattern))
	all := map[string][]byte{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = b
	}
	if len(all) == 0 {
		t.Fatal(pattern)
	}
	return all
}

// off is the mean difference of two pictures' luma in the rows from top to bottom.
func off(a, b image.Image, top, bottom int) float64 {
	sum, n := 0, 0
	for y := top; y < bottom; y++ {
		for x := range a.Bounds().Dx() {
			d := luma(a, x, y) - luma(b, x, y)
			sum, n = sum+max(d, -d), n+1
		}
	}
	return float64(sum) / float64(max(n, 1))
}

// TestWholeFilesAreDecodedAlike compares what is decoded here with image/jpeg, also without the end marker.
func TestWholeFilesAreDecodedAlike(t *testing.T) {
	t.Parallel()
	for name, b := range files(t, "*.jpeg") {
		want, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil || strings.Contains(name, "truncated") {
			continue
		}
		for _, end := range []int{0, 1, 2} {
			p, err := JPEG(context.Background(), b[:len(b)-end], 0)
			if err != nil || p.There != p.All || p.Wrong || p.Image.Bounds() != want.Bounds() {
				t.Fatalf("%s without %d bytes: %v, %d of %d, wrong %v", name, end, err, p.There, p.All, p.Wrong)
			}
			if d := off(p.Image, want, 0, want.Bounds().Dy()); d > 0.6 {
				t.Errorf("%s: off by %.2f", name, d)
			}
		}
	}
}

// TestCutOffFilesShowWhatIsLeft cuts files of every kind at several places: what is left of a baseline file is exactly what was there and
// white below, of a progressive one near to it.
func TestCutOffFilesShowWhatIsLeft(t *testing.T) {
	t.Parallel()
	for name, b := range files(t, "video-00*.jpeg") {
		want, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			continue
		}
		for _, part := range []int{60, 80, 95} {
			p, err := JPEG(context.Background(), b[:len(b)*part/100], 0)
			if err != nil || p.Image.Bounds() != want.Bounds() || !p.Wrong {
				t.Errorf("%s at %d %%: %v", name, part, err)
				continue
			}
			h := want.Bounds().Dy()
			switch {
			case strings.Contains(name, "progressi"):
				if d := off(p.Image, want, 0, h); d > 25 {
					t.Errorf("%s at %d %%: off by %.1f", name, part, d)
				}
			case p.There >= p.All:
				t.Errorf("%s at %d %%: all of it", name, part)
			default:
				if d := off(p.Image, want, 0, 16); d > 1 {
					t.Errorf("%s at %d %%: the upper edge is off by %.1f", name, part, d)
				}
				if v := luma(p.Image, want.Bounds().Dx()-1, h-1); v != 255 {
					t.Errorf("%s at %d %%: %d below", name, part, v)
				}
			}
		}
	}
}
