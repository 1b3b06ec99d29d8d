package page

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"
)

// TestBareJPEG2000WithAlphaIsNamed: only the boxes tell the meaning of the fourth channel; without them the picture
// would be garbled.
func TestBareJPEG2000WithAlphaIsNamed(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/small-gray.j2k")
	if err != nil {
		t.Fatal(err)
	}
	data[41] = 4
	var e *Error
	if _, err := Split(t.Context(), newObject(data).source(),
		Limits{Edge: 1540, MaxBytes: 1 << 20, MaxPixels: 60e6, MaxPages: 100, Decoder: decoder}); !errors.As(err, &e) ||
		e.Kind != Unsupported {
		t.Errorf("%v", err)
	}
}

// TestDamagedJPEG2000IsNoBlankPage: PDFium decodes the whole picture or nothing of it, also if the file lacks the
// resolution that it needs. A sound picture of one colour is blank.
func TestDamagedJPEG2000IsNoBlankPage(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{}
	for _, name := range []string{"small.jp2", "small-gray.j2k"} {
		file := testFile(t, name)
		for _, percent := range []int{95, 80, 60, 40, 30} {
			files[fmt.Sprintf("%s, %d %%", name, percent)] = file[:len(file)*percent/100]
		}
		for what, marker := range map[string][]byte{"COD": {0xff, 0x52}, "SOT": {0xff, 0x90}} {
			files[name+" without "+what] = bytes.Replace(file, marker, []byte{0, 0}, 1)
		}
	}
	single := flatJPX(t, 4000, 4000)
	single[bytes.Index(single, []byte{0xff, 0x52})+9] = 0 // halvings of the resolution
	files["of a single resolution"] = single
	for name, file := range files {
		if pg, _, err := only(t, newObject(file), wide(1540)); kindOf(err) != Corrupt {
			t.Errorf("%s: %+v, %v", name, pg, err)
		}
	}
	if pg, _, err := only(t, newObject(flatJPX(t, 29, 40)), wide(1540)); err != nil || !pg.Blank {
		t.Errorf("%+v, %v", pg, err)
	}
}

// flatJPX returns a codestream of one gray.
func flatJPX(t *testing.T, w, h uint32) []byte {
	b := testFile(t, "small-gray.j2k")
	const resolutions = 5
	sod := bytes.Index(b, []byte{0xff, 0x93})
	b = append(b[:sod+2], make([]byte, resolutions)...) // each is an empty packet
	for _, at := range []int{8, 24} {                   // the picture, and its only tile
		binary.BigEndian.PutUint32(b[at:], w)
		binary.BigEndian.PutUint32(b[at+4:], h)
	}
	binary.BigEndian.PutUint32(b[bytes.Index(b, []byte{0xff, 0x90})+6:], 0) // the tile ends where the file does
	return append(b, 0xff, 0xd9)
}
