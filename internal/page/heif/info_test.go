package heif

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"testing"
)

func TestReadFindsSizeAndMarks(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Info{
		"colour.avif": {400, 300, false, false, 1}, "10bit.avif": {400, 300, true, false, 1}, "turned.avif": {400, 300, false, false, 5},
		"colour.heic": {400, 300, false, false, 1}, "gray.heic": {400, 300, false, false, 1}, "tiles.heic": {208, 160, false, false, 1},
	} {
		b, err := os.ReadFile("../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := Read(b); !ok || got != want {
			t.Errorf("%s: %+v %v", name, got, ok)
		}
		for n := range min(len(b), 600) {
			Read(b[:n]) // does not panic
		}
	}
}

// TestOrientation holds the table against what the marks do to the place of a corner: irot turns against the clock, then
// imir exchanges top and bottom (0) or left and right (1).
func TestOrientation(t *testing.T) {
	t.Parallel()
	for quarters := range byte(4) {
		for mirror := -1; mirror <= 1; mirror++ {
			x, y := marked(quarters, mirror)
			u, v := exif(orientation(quarters, mirror))
			if x != u || y != v {
				t.Errorf("%d quarters, mirror %d: orientation %d", quarters, mirror, orientation(quarters, mirror))
			}
		}
	}
}

type corner [2]int

// marked is where the unit vectors of the stored picture point after the marks.
func marked(quarters byte, mirror int) (x, y corner) {
	x, y = corner{1, 0}, corner{0, 1} // y grows downwards
	for range quarters {
		x, y = corner{x[1], -x[0]}, corner{y[1], -y[0]}
	}
	if mirror == 0 {
		x[1], y[1] = -x[1], -y[1]
	}
	if mirror == 1 {
		x[0], y[0] = -x[0], -y[0]
	}
	return x, y
}

// exif is the same of an orientation, from the Exif specification: where row 0 and column 0 are to be seen.
func exif(o int) (x, y corner) {
	right, left, down, up := corner{1, 0}, corner{-1, 0}, corner{0, 1}, corner{0, -1}
	t := [9][2]corner{1: {right, down}, 2: {left, down}, 3: {left, up}, 4: {right, up}, 5: {down, right}, 6: {down, left},
		7: {up, left}, 8: {up, right}}
	return t[o][0], t[o][1]
}

// TestDecoders: what is in lib is what lib/README.md says, and starts.
func TestDecoders(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]*Engine{"AVIF": AVIF(), "HEIC": HEIC()} {
		if e == nil {
			continue // built without
		}
		if err := e.Start(); err != nil {
			t.Fatal(name, err)
		}
		if _, err := e.Decode([]byte("nothing"), 64<<20); err != ErrBroken {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// boxOf is a box of a kind.
func boxOf(kind string, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(all))), kind...), all...)
}

// TestManyPropertiesAreWalkedOver once, and no further than the last that the picture has, however many it says it has.
func TestManyPropertiesAreWalkedOver(t *testing.T) {
	const boxesThere, has = 20_000, 255
	size := boxOf("ispe", []byte{0, 0, 0, 0, 0, 0, 1, 0x90, 0, 0, 1, 0x2c})
	container := append(bytes.Repeat(boxOf("free"), boxesThere-1), size...)
	for name, c := range map[string]struct {
		number uint16 // of each of its properties but the last
		last   uint16
		ok     bool
	}{"none": {0, 0, false}, "the last": {boxesThere, boxesThere, true}, "none but the last": {0, boxesThere, true}, "one that is not there": {32767, 32767, false}} {
		associations := []byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 7, has}
		for range has - 1 {
			associations = binary.BigEndian.AppendUint16(associations, c.number)
		}
		associations = binary.BigEndian.AppendUint16(associations, c.last)
		file := boxOf("meta", make([]byte, 4), boxOf("pitm", []byte{0, 0, 0, 0, 0, 7}),
			boxOf("iprp", boxOf("ipco", container), boxOf("ipma", associations)))
		if info, ok := Read(file); ok != c.ok || ok && (info.Width != 400 || info.Height != 300) {
			t.Errorf("%s: %+v, %v", name, info, ok)
		}
		walked := 0
		counted := func(yield func(string, []byte) bool) {
			for kind, body := range boxes(container) {
				if walked++; !yield(kind, body) {
					return
				}
			}
		}
		numbered(counted, append(slices.Repeat([]int{int(c.number)}, has-1), int(c.last)))
		if walked > int(max(c.number, c.last))+1 {
			t.Errorf("%s: %d boxes were walked over", name, walked)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"colour.avif", "turned.avif", "colour.heic"} {
		b, err := os.ReadFile("../testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 1000)])
	}
	f.Add(binary.BigEndian.AppendUint32(nil, 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, ok := Read(b)
		if ok != (info.Width > 0 && info.Height > 0) || ok && (info.Orientation < 1 || info.Orientation > 8) {
			t.Fatalf("%+v %v", info, ok)
		}
	})
}
