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

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// luma returns the luma of a pixel.
func luma(m image.Image, x, y int) int {
	return int(color.GrayModel.Convert(m.At(x, y)).(color.Gray).Y)
}

// files returns files of package page's test data.
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

// off returns the mean difference in luma of two pictures in the rows from top to bottom.
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

// TestWholeFilesAreDecodedAlike compares with image/jpeg, also without the end marker.
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

// TestProgressiveBetweenTwoScansIsNotWhole: a file that ends between scans may have had more.
func TestProgressiveBetweenTwoScansIsNotWhole(t *testing.T) {
	t.Parallel()
	b := files(t, "video-001.progressive.jpeg")["video-001.progressive.jpeg"]
	last := bytes.LastIndex(b, []byte{0xff, 0xda})
	if table := bytes.LastIndex(b[:last], []byte{0xff, 0xc4}); last-table < 300 {
		last = table
	}
	for end, wrong := range map[string]bool{"": true, "\xff\xd9": false} {
		p, err := JPEG(context.Background(), append(b[:last:last], end...), 0)
		if err != nil || p.There != p.All || p.Wrong != wrong {
			t.Errorf("%x: %v, %d of %d, wrong %v", end, err, p.There, p.All, p.Wrong)
		}
	}
}

// TestRGBIsTakenForRGB: as in image/jpeg.
func TestRGBIsTakenForRGB(t *testing.T) {
	t.Parallel()
	b := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(90, 70, 12)))
	frame, scan := bytes.Index(b, []byte{0xff, 0xc0, 0}), bytes.Index(b, []byte{0xff, 0xda, 0})
	for i, name := range []byte("RGB") {
		b[frame+10+3*i], b[scan+5+2*i] = name, name
	}
	want, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	p, err := JPEG(context.Background(), b, 0)
	if err != nil || off(p.Image, want, 0, 70) > 3 {
		t.Errorf("%v, off by %.1f", err, off(p.Image, want, 0, 70))
	}
}

// TestCutOffFilesShowWhatIsLeft truncates files of every kind at several places. The rest of a baseline file is
// unchanged with white below it; a progressive one comes close.
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

// TestIrregularFilesAreDecodedAlike: errors that other programs ignore do not change the picture.
func TestIrregularFilesAreDecodedAlike(t *testing.T) {
	t.Parallel()
	whole := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(90, 70, 12)))
	want, err := jpeg.Decode(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range pagetest.IrregularJPEGs() {
		p, err := JPEG(context.Background(), change(whole), 70)
		if err != nil || p.There != p.All || p.Wrong || p.Image.Bounds() != want.Bounds() {
			t.Errorf("%s: %v, %d of %d, wrong %v", name, err, p.There, p.All, p.Wrong)
			continue
		}
		if d := off(p.Image, want, 0, 70); d > 0.6 {
			t.Errorf("%s: off by %.2f", name, d)
		}
	}
}

// TestEverySamplingIsDecoded: samplings that image/jpeg does not support are decoded correctly.
func TestEverySamplingIsDecoded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sampling  [][2]int
		transform int
		light     byte // a sample of the first channel, and its luma beside neutral other channels
		dark      byte
	}{
		"gray":                       {[][2]int{{1, 1}}, -1, 200, 40},
		"colour":                     {[][2]int{{2, 2}, {1, 1}, {1, 1}}, -1, 200, 40},
		"3 by 1":                     {[][2]int{{3, 1}, {1, 1}, {1, 1}}, -1, 200, 40},
		"chroma finer than luma":     {[][2]int{{1, 1}, {2, 2}, {2, 2}}, -1, 200, 40},
		"chroma sampled in two ways": {[][2]int{{2, 2}, {2, 1}, {1, 2}}, -1, 200, 40},
		"CMYK, coarse black":         {[][2]int{{2, 2}, {2, 2}, {2, 2}, {1, 1}}, 0, 200, 40},
		"YCCK, coarse luma":          {[][2]int{{1, 1}, {2, 2}, {2, 2}, {2, 2}}, 2, 200, 40},
	} {
		value := func(channel, x, y int) byte {
			switch {
			case channel == 0 && (x+y)%2 == 0:
				return c.light
			case channel == 0:
				return c.dark
			case channel == 3:
				return 255
			case c.transform == 0:
				return c.light
			}
			return 128
		}
		p, err := JPEG(context.Background(), pagetest.BlockJPEG(4, 3, c.sampling, c.transform, value), 0)
		if err != nil || p.There != p.All || p.Wrong {
			t.Errorf("%s: %v, %d of %d, wrong %v", name, err, p.There, p.All, p.Wrong)
			continue
		}
		maxH, maxV := 1, 1
		for _, s := range c.sampling {
			maxH, maxV = max(maxH, s[0]), max(maxV, s[1])
		}
		wide, high := 8*maxH/c.sampling[0][0], 8*maxV/c.sampling[0][1] // size of a block of the first channel in pixels
		one, other := luma(p.Image, wide/2, high/2), luma(p.Image, wide+wide/2, high/2)
		third := luma(p.Image, wide/2, high+high/2)
		if d := one - other; max(d, -d) < 40 || other != third || p.Image.Bounds().Dx() != 4*8*maxH {
			t.Errorf("%s: %d, %d, %d", name, one, other, third)
		}
	}
}

// TestDecodingGoesOnAtTheNextRestart: any damage loses at most the rows up to the next restart marker.
func TestDecodingGoesOnAtTheNextRestart(t *testing.T) {
	t.Parallel()
	value := func(_, x, y int) byte { return byte(x*7 + y*5) }
	whole := pagetest.BlockJPEG(16, 12, [][2]int{{1, 1}}, -1, value)
	want, err := JPEG(context.Background(), whole, 0)
	if err != nil || want.There != want.All {
		t.Fatal(err)
	}
	marker := func(n int) int { return bytes.Index(whole, []byte{0xff, byte(0xd0 + n)}) }
	put := func(at int, b ...byte) []byte {
		file := bytes.Clone(whole)
		copy(file[at:], b)
		return file
	}
	between := func(n, m int) []byte { return append(bytes.Clone(whole[:marker(n)]), whole[marker(m):]...) }
	for name, c := range map[string]struct {
		file []byte
		rows []int // rows that may be lost
	}{
		"broken codes":             {put(marker(2)+6, 0x7f, 0x7f, 0x7f), []int{3}},
		"no marker of any file":    {put(marker(2)+6, 0xff, 0x07), []int{3}},
		"another marker":           {put(marker(2)+6, 0xff, 0xe5), []int{3}},
		"a row is missing":         {between(3, 4), []int{4}},
		"two rows are missing":     {between(3, 5), []int{4, 5}},
		"a row is there twice":     {append(bytes.Clone(whole[:marker(4)]), whole[marker(3):]...), []int{4, 5}},
		"a restart is overwritten": {put(marker(3), 0x12, 0x34), []int{3, 4}},
		"stray bytes": {append(append(bytes.Clone(whole[:marker(3)]), 1, 2, 3), whole[marker(3):]...),
			nil},
	} {
		p, err := JPEG(context.Background(), c.file, 0)
		if err != nil || !p.Wrong && p.There == p.All {
			t.Errorf("%s: %v, as if whole", name, err)
			continue
		}
		lost := map[int]bool{}
		for _, row := range c.rows {
			lost[row] = true
		}
		for row := range 12 {
			if d := off(p.Image, want.Image, 8*row, 8*row+8); d > 0 && !lost[row] {
				t.Errorf("%s: row %d is off by %.1f", name, row, d)
			}
		}
	}
}

// TestMarkerOfNoFileIsCode: an invalid marker in coded data does not end decoding.
func TestMarkerOfNoFileIsCode(t *testing.T) {
	t.Parallel()
	whole := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(300, 200, 12)))
	copy(whole[len(whole)/2:], "\xff\x07")
	if p, err := JPEG(context.Background(), whole, 0); err != nil || !p.Wrong || p.There < p.All*9/10 {
		t.Errorf("%v, %d of %d, wrong %v", err, p.There, p.All, p.Wrong)
	}
}

func TestNothingToSalvage(t *testing.T) {
	t.Parallel()
	whole := files(t, "video-001.q50.420.jpeg")["video-001.q50.420.jpeg"]
	scan := bytes.Index(whole, []byte{0xff, 0xda}) + 14
	for name, b := range map[string][]byte{"nothing": nil, "no frame": {0xff, 0xd8, 0xff, 0xda, 0, 2, 1},
		"header only":        whole[:scan],
		"less than a header": whole[:300], "no JPEG": bytes.Repeat([]byte{7}, 100)} {
		if _, err := JPEG(context.Background(), b, 0); err != ErrNothing {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := PNG(context.Background(), b); err != ErrNothing {
			t.Errorf("%s as PNG: %v", name, err)
		}
	}
}

// FuzzJPEG: any input either fails or decodes to the declared size.
func FuzzJPEG(f *testing.F) {
	for _, b := range files(f, "video-00*.q50.*.jpeg") {
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	for _, change := range pagetest.IrregularJPEGs() {
		f.Add(change(pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(40, 30, 12)))))
	}
	f.Add(pagetest.BlockJPEG(3, 3, [][2]int{{1, 2}, {2, 1}, {2, 2}, {1, 1}}, 2, func(c, x, y int) byte {
		return byte(c + x*y)
	}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for i := range len(b) - min(len(b), 8) {
			if large := b[i+5] > 3 || b[i+7] > 3; b[i] == 0xff && b[i+1] >= 0xc0 && b[i+1] <= 0xc2 && large {
				return
			}
		}
		p, err := JPEG(context.Background(), b, 100)
		if err == nil && (p.Image == nil || p.There > p.All) || err != nil && err != ErrNothing {
			t.Fatal(err, p)
		}
	})
}

// FuzzPNG does the same for PNG.
func FuzzPNG(f *testing.F) {
	for _, b := range files(f, "*.png") {
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 24 || int(b[16])+int(b[17])+int(b[20])+int(b[21]) > 0 || b[18] > 4 || b[22] > 4 {
			return
		}
		p, err := PNG(context.Background(), b)
		if err == nil && (p.Image == nil || p.There > p.All) || err != nil && err != ErrNothing {
			t.Fatal(err, p)
		}
	})
}
