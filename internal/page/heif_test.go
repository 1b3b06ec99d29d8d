package page

import (
	"bytes"
	"image"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/heif"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// withBrands puts other brands into a file: its own and those that it goes with.
func withBrands(file []byte, major string, others ...string) []byte {
	size := int(file[3])
	box := append([]byte{0, 0, 0, byte(16 + 4*len(others))}, "ftyp"+major+"\x00\x00\x00\x00"+strings.Join(others, "")...)
	for len(box) < size { // as long as before: what follows is found by its place
		box = append(box, "miaf"...)
	}
	box[3] = byte(size)
	return append(box[:size:size], file[size:]...)
}

// unread reports whether data is a HEIC and the program was built without: then it is unsupported, as any other format.
func unread(t testing.TB, data []byte) bool {
	if heif.HEIC() != nil || !isHEIC(data) {
		return false
	}
	_, err := Split(t.Context(), newObject(data).source(), wide(1540))
	if kindOf(err) != Unsupported || !strings.Contains(err.Error(), "HEIC is not supported; supported are PNG, ") {
		t.Error(err)
	}
	return true
}

func TestAVIFAndHEIC(t *testing.T) {
	heic := testFile(t, "colour.heic")
	colour, gray := image.Image(pagetest.Screen(pagetest.Paper(400, 300, 16))), image.Image(pagetest.Paper(400, 300, 16))
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
		if pg, _ := converted(t, c.data, 100); !strings.HasSuffix(pg.How, "scaled 400x300 to 100x75") && !strings.HasSuffix(pg.How, "8 bits") {
			t.Errorf("%s: %q", c.name, pg.How)
		}
	}
}

// TestTurnedAVIF: the marks of the file do what Exif's number for them does.
func TestTurnedAVIF(t *testing.T) {
	_, plain := converted(t, testFile(t, "colour.avif"), 1540)
	_, turned := converted(t, testFile(t, "turned.avif"), 1540)
	want := render(plain, 400, 300, 5)
	if _, psnr := differ(turned, averaged(want, 300, 400)); psnr < 28 {
		t.Errorf("%.1f dB", psnr)
	}
}

func TestBrokenHEIF(t *testing.T) {
	for _, name := range []string{"colour.avif", "colour.heic"} {
		data := testFile(t, name)
		if unread(t, data) {
			continue
		}
		for what, broken := range map[string][]byte{"half": data[:len(data)/2], "header": data[:60], "garbage": append(bytes.Clone(data[:len(data)/2]),
			bytes.Repeat([]byte{0xa5}, len(data)/2)...)} {
			if _, _, err := only(t, newObject(broken), wide(1540)); kindOf(err) != Corrupt {
				if err == nil && what == "garbage" {
					continue // such decoders conceal errors
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
		if pg, _, err := only(t, newObject(small), wide(1540)); err == nil && pg.Width > 4 {
			t.Errorf("%s: larger than it says, and it passed", name)
		}
	}
}
