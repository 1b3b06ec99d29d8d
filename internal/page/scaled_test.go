package page

import (
	"bytes"
	"image"
	"image/jpeg"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/jpegdecode"
	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// pixelsOf returns the planes of a picture that render makes.
func pixelsOf(t *testing.T, m image.Image) [][]byte {
	t.Helper()
	switch m := m.(type) {
	case *image.Gray:
		return [][]byte{m.Pix}
	case *image.YCbCr:
		return [][]byte{m.Y, m.Cb, m.Cr}
	case *image.RGBA:
		return [][]byte{m.Pix}
	}
	t.Fatalf("%T", m)
	return nil
}

// TestJPEGIsScaledAsAnyPicture: whatever the sampling, the colours and the orientation, a JPEG that is scaled while it
// is decoded is what render makes of the picture that image/jpeg decodes, but for a step or two where nothing was
// reduced by the decoder.
func TestJPEGIsScaledAsAnyPicture(t *testing.T) {
	t.Parallel()
	for name, data := range testFiles(t, "video*.jpeg") {
		whole, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			continue
		}
		_, pic, err := pictureOf(t, data)
		if err != nil {
			t.Fatal(name, err)
		}
		for o := upright; o <= 8; o++ {
			for _, edge := range []int{150, 107, 40} {
				f := finishing{edge: edge, orientation: o}
				var got image.Image
				if pic.decode != nil {
					got, err = pic.decode(bytes.NewReader(data), f)
				} else {
					got, err = salvageJPEG(t.Context(), data, f, pic.args)
				}
				if err != nil {
					t.Fatal(name, err)
				}
				w, h := fit(pic.width, pic.height, edge)
				want := render(whole, w, h, o)
				m := got.(scaled)
				if m.stored != whole.Bounds().Size() || m.Bounds() != want.Bounds() {
					t.Fatalf("%s, orientation %d: %v of %v", name, o, m.Bounds(), m.stored)
				}
				planes := pixelsOf(t, m.Image)
				for i, pix := range pixelsOf(t, want) {
					worst, sum := 0, 0
					for j, v := range pix {
						d := max(int(v)-int(planes[i][j]), int(planes[i][j])-int(v))
						worst, sum = max(worst, d), sum+d
					}
					if worst > 6 && edge > 100 || sum > 3*len(pix) {
						t.Errorf("%s, orientation %d, to %d, plane %d: off by %d, %.2f on average", name, o, edge, i,
							worst, float64(sum)/float64(len(pix)))
					}
				}
			}
		}
	}
}

// TestDecoderReducesNoMoreThanSharpnessAllows: what it leaves is half as large again as the page at least, or the page
// itself.
func TestDecoderReducesNoMoreThanSharpnessAllows(t *testing.T) {
	t.Parallel()
	colour := []jpegfile.Component{{ID: 1, H: 2, V: 2}, {ID: 2, H: 1, V: 1}, {ID: 3, H: 1, V: 1}}
	whole := []jpegfile.Component{{ID: 1, H: 1, V: 1}, {ID: 2, H: 1, V: 1}, {ID: 3, H: 1, V: 1}}
	for _, c := range []struct {
		width, height, edge int
		channels            []jpegfile.Component
		luma, chroma        int
	}{
		{4032, 3024, 1540, colour, 1, 1}, {3080, 2310, 1540, colour, 2, 1}, {3080, 2312, 1540, colour, 2, 2},
		{4620, 3465, 1540, colour, 2, 2}, {4619, 3465, 1540, colour, 1, 1},
		{8900, 6700, 1540, colour, 2, 2}, {9240, 6930, 1540, colour, 4, 4}, {6160, 4620, 1540, colour, 4, 2},
		{65000, 65000, 1540, colour, 8, 8},
		{1540, 1155, 1540, colour, 1, 1}, {4032, 3024, 1540, whole, 1, 2}, {1540, 1540, 1540, whole, 1, 2},
		{65000, 8, 1540, colour, 8, 4},
		{7, 5, 1, whole, 2, 4},
	} {
		p := jpegdecode.Picture{Width: c.width, Height: c.height, Colours: jpegdecode.YCbCr, Channels: c.channels}
		w, h := fit(c.width, c.height, c.edge)
		if by := reductions(p, w, h); by[0] != c.luma || by[1] != c.chroma || by[2] != c.chroma {
			t.Errorf("%d x %d to %d: %v", c.width, c.height, c.edge, by)
		}
	}
}
