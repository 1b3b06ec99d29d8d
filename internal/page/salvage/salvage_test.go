package salvage

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
)

// gray is the luma of a picture at a place.
func gray(m image.Image, x, y int) int {
	return int(color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y)
}

// TestCutOffFilesShowWhatIsLeft cuts files of every kind at several places: what is left of a baseline file is exactly what was there, of a
// progressive one near to it.
func TestCutOffFilesShowWhatIsLeft(t *testing.T) {
	t.Parallel()
	names, _ := filepath.Glob("../testdata/video-00*.jpeg")
	tried := 0
	for _, name := range names {
		whole, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := jpeg.Decode(bytes.NewReader(whole))
		if err != nil || bytes.Contains([]byte(name), []byte("cmyk")) {
			continue
		}
		for _, part := range []int{40, 60, 80, 95} {
			completed, ok := JPEG(whole[:len(whole)*part/100])
			if !ok {
				if part > 60 {
					t.Errorf("%s at %d %%: not completed", name, part)
				}
				continue
			}
			got, err := jpeg.Decode(bytes.NewReader(completed))
			if err != nil || got.Bounds() != want.Bounds() {
				t.Errorf("%s at %d %%: %v", name, part, err)
				continue
			}
			tried++
			off := 0
			for x := range want.Bounds().Dx() {
				if d := gray(got, x, 3) - gray(want, x, 3); d > 40 || d < -40 {
					off++
				}
			}
			if off > want.Bounds().Dx()/10 {
				t.Errorf("%s at %d %%: %d pixels of the upper edge are off", name, part, off)
			}
		}
	}
	if tried < 40 {
		t.Errorf("%d files were completed", tried)
	}
}

func TestNothingToSalvage(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("../testdata/video-001.q50.420.jpeg")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"whole": whole, "nothing": nil, "no frame": {0xff, 0xd8, 0xff, 0xda, 0, 2, 1},
		"header only": whole[:300], "no JPEG": bytes.Repeat([]byte{7}, 100)} {
		if _, ok := JPEG(b); ok {
			t.Errorf("%s: completed", name)
		}
	}
}

// FuzzJPEG: any bytes are completed or not, in time and memory that the picture's size explains.
func FuzzJPEG(f *testing.F) {
	names, _ := filepath.Glob("../testdata/video-00*.q50.*.jpeg")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if cfg, err := jpeg.DecodeConfig(bytes.NewReader(b)); err != nil || cfg.Width*cfg.Height > 1<<20 {
			return
		}
		completed, ok := JPEG(b)
		if ok && len(completed) > len(b)+1<<22 {
			t.Fatal(len(b), len(completed))
		}
		if ok {
			_, _ = jpeg.Decode(bytes.NewReader(completed))
		}
	})
}
