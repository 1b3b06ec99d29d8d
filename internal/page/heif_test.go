package page

import (
	"bytes"
	"fmt"
	"image"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/heif"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// withBrands replaces the brands of a file.
func withBrands(file []byte, major string, others ...string) []byte {
	size := int(file[3])
	box := append([]byte{0, 0, 0, byte(16 + 4*len(others))},
		"ftyp"+major+"\x00\x00\x00\x00"+strings.Join(others, "")...)
	for len(box) < size { // as long as before, since the rest of the file is found by offset
		box = append(box, "miaf"...)
	}
	box[3] = byte(size)
	return append(box[:size:size], file[size:]...)
}

// unread reports whether data is a HEIC and the program was built without HEIC.
func unread(t testing.TB, data []byte) bool {
	if heif.HEIC() != nil || !isHEIC(data) {
		return false
	}
	_, err := Split(t.Context(), newObject(data).source(), wide(1540))
	if kindOf(err) != Unsupported ||
		!strings.Contains(err.Error(), "HEIC is not supported; supported formats are PNG, ") {
		t.Error(err)
	}
	return true
}

func TestAVIFAndHEICBecomePages(t *testing.T) {
	t.Parallel()
	heic := testFile(t, "colour.heic")
	colour, gray := image.Image(pagetest.Screen(pagetest.Paper(400, 300, 16))),
		image.Image(pagetest.Paper(400, 300, 16))
	for _, c := range []struct {
		name string
		data []byte
		want image.Image
		how  string
	}{
		{"colour.avif", testFile(t, "colour.avif"), colour, "from AVIF"},
		{"10bit.avif", testFile(t, "10bit.avif"), colour, "from AVIF, reduced to 8 bits"},
		{"turned.avif", testFile(t, "turned.avif"), nil, "from AVIF, mirrored and turned 270°"},
		{"colour.heic", heic, colour, "from HEIC"},
		{"gray.heic", testFile(t, "gray.heic"), gray, "from HEIC"},
		{"of a general brand", withBrands(heic, "mif1", "heic"), colour, "from HEIC"},
		{"of an extended brand", withBrands(heic, "heix", "mif1"), colour, "from HEIC"},
	} {
		if unread(t, c.data) {
			continue
		}
		pg, m := converted(t, c.data, 1540)
		if pg.How != c.how || pg.Type != "image/jpeg" {
			t.Errorf("%s: %+v", c.name, pg)
		}
		if c.want == nil {
			if pg.Width != 300 || pg.Height != 400 {
				t.Errorf("%s: %d x %d", c.name, pg.Width, pg.Height)
			}
			continue
		}
		if _, psnr := differ(m, averaged(c.want, 400, 300)); psnr < 24 {
			t.Errorf("%s: %.1f dB", c.name, psnr)
		}
		if pg, _ := converted(t, c.data, 100); !strings.HasSuffix(pg.How, "scaled 400x300 to 100x75") &&
			!strings.HasSuffix(pg.How, "8 bits") {
			t.Errorf("%s: %q", c.name, pg.How)
		}
	}
}

// TestAVIFIsTurnedUpright: the file's rotation and mirroring have the effect of the corresponding Exif orientation.
func TestAVIFIsTurnedUpright(t *testing.T) {
	t.Parallel()
	_, plain := converted(t, testFile(t, "colour.avif"), 1540)
	_, turned := converted(t, testFile(t, "turned.avif"), 1540)
	want := render(plain, 400, 300, 5)
	if _, psnr := differ(turned, averaged(want, 300, 400)); psnr < 28 {
		t.Errorf("%.1f dB", psnr)
	}
}

func TestBrokenHEIFEndsWell(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"colour.avif", "colour.heic"} {
		data := testFile(t, name)
		if unread(t, data) {
			continue
		}
		for what, broken := range map[string][]byte{"half": data[:len(data)/2], "header": data[:60],
			"garbage": append(bytes.Clone(data[:len(data)/2]),
				bytes.Repeat([]byte{0xa5}, len(data)/2)...)} {
			if _, _, err := only(t, newObject(broken), wide(1540)); kindOf(err) != Corrupt {
				if err == nil && what == "garbage" {
					continue // these decoders conceal errors
				}
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		at := bytes.Index(data, []byte("ispe")) + 8
		large := bytes.Clone(data)
		copy(large[at:], []byte{0, 1, 0, 0, 0, 1, 0, 0})
		o := newObject(large)
		if _, err := Split(t.Context(), o.source(), wide(1540)); kindOf(err) != TooLarge {
			t.Errorf("%s, large: %v", name, err)
		}
		small := bytes.Clone(data)
		copy(small[at:], []byte{0, 0, 0, 4, 0, 0, 0, 4})
		if pg, _, err := only(t, newObject(small), wide(1540)); err == nil && pg.Width > leastSide {
			t.Errorf("%s: larger than it says, and it passed", name)
		}
	}
}

// turns lists the Exif orientations for quarter turns anticlockwise, followed by mirroring: none, top and bottom, left
// and right.
var turns = [4][3]orientation{{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}}

// TestPhoneHEICIsCroppedAndTurnedOnce: a HEIC as phones write it, in tiles and with auxiliary pictures, is cropped and
// turned by its own properties, and not again by Exif.
func TestPhoneHEICIsCroppedAndTurnedOnce(t *testing.T) {
	t.Parallel()
	if heif.HEIC() == nil {
		t.Skip("built without HEIC")
	}
	tiles, page := testFile(t, "tiles.heic"), pagetest.Screen(pagetest.Paper(400, 300, 16))
	for turn, row := range turns {
		for mirror, o := range row {
			crop := 20 * ((turn + mirror) % 2)
			data := pagetest.HEIC(tiles,
				pagetest.Grid{Columns: 2, Rows: 2, TileWidth: 208, TileHeight: 160, Width: 400, Height: 300,
					Turn: turn, Mirror: mirror - 1, Crop: crop, Exif: pagetest.ExifSegment(6)[4:]})
			pg, got := converted(t, data, 1540)
			cut := page.SubImage(image.Rect(crop, crop, 400-crop, 300-crop))
			want := render(cut, cut.Bounds().Dx(), cut.Bounds().Dy(), o)
			if got.Bounds() != want.Bounds() {
				t.Fatalf("%d, %d, %d: %v, want %v", turn, mirror, crop, got.Bounds(), want.Bounds())
			}
			if _, psnr := differ(got, averaged(want, want.Bounds().Dx(), want.Bounds().Dy())); psnr < 24 {
				t.Errorf("turned %d, mirrored %d, cropped by %d: %.1f dB", turn, mirror, crop, psnr)
			}
			if !strings.Contains(pg.How, o.words()) || strings.Contains(pg.How, "cropped") != (crop > 0) {
				t.Errorf("orientation %d, cropped by %d: %q", o, crop, pg.How)
			}
			if small, _ := converted(t, data, 100); !strings.Contains(small.How,
				fmt.Sprintf("scaled %dx%d", want.Bounds().Dx(), want.Bounds().Dy())) &&
				!strings.Contains(small.How, fmt.Sprintf("scaled %dx%d", want.Bounds().Dy(), want.Bounds().Dx())) {
				t.Errorf("%q", small.How)
			}
		}
	}
}
