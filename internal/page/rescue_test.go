package page

import (
	"bytes"
	"image"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// TestDamaged: a photo whose upload broke off shows as far as it goes, and says so.
func TestDamaged(t *testing.T) {
	whole := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(600, 800, 14)))
	_, want := converted(t, whole, 300)
	for name, data := range map[string][]byte{"cut off": whole[:len(whole)*2/3],
		"broken": append(bytes.Clone(whole[:len(whole)*2/3]), bytes.Repeat([]byte{0xff, 0xd8}, len(whole)/6)...)} {
		for _, size := range []int64{int64(len(data)), -1} {
			l := &ledger{}
			lim := wide(300)
			lim.Budget = l
			o := newObject(data)
			o.size = size
			pg, b, err := only(t, o, lim)
			if err != nil || !slices.Equal(pg.Warnings, []string{WarnDamaged}) || !strings.HasSuffix(pg.How, "left empty") || l.held != 0 {
				t.Fatalf("%s: %+v %v", name, pg, err)
			}
			_, got := converted(t, b, 300)
			if _, psnr := differ(crop(got, 120), averaged(crop(want, 120), 225, 120)); psnr < 25 {
				t.Errorf("%s: the upper part is off: %.1f dB", name, psnr)
			}
			if o.opens.Load() != o.closes.Load() {
				t.Errorf("%s: %d opens, %d closes", name, o.opens.Load(), o.closes.Load())
			}
		}
	}
}

// TestNothingLeft: what shows nothing stays corrupt, never blank.
func TestNothingLeft(t *testing.T) {
	whole := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(600, 800, 14)))
	at := bytes.Index(whole, []byte{0xff, 0xda}) + 14
	for _, n := range []int{at, at + 1, at + 8} {
		if _, _, err := only(t, newObject(whole[:n]), wide(300)); kindOf(err) != Corrupt {
			t.Errorf("%d bytes behind the header: %v", n-at, err)
		}
	}
}

// crop is the upper part of a picture.
func crop(m image.Image, h int) image.Image {
	return m.(interface {
		SubImage(image.Rectangle) image.Image
	}).SubImage(image.Rect(0, 0, m.Bounds().Dx(), h))
}
