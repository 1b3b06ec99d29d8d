package heif

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestReadFindsSizeAndMarks(t *testing.T) {
	t.Parallel()
	all := func(w, h int) image.Rectangle { return image.Rect(0, 0, w, h) }
	for name, want := range map[string]Info{
		"colour.avif": {Width: 400, Height: 300, Crop: all(400, 300), Orientation: 1, Codec: AV1},
		"10bit.avif":  {Width: 400, Height: 300, Crop: all(400, 300), Orientation: 1, Codec: AV1, Deep: true},
		"turned.avif": {Width: 400, Height: 300, Crop: all(400, 300), Orientation: 5, Codec: AV1},
		"colour.heic": {Width: 400, Height: 300, Crop: all(400, 300), Orientation: 1, Codec: HEVC},
		"gray.heic":   {Width: 400, Height: 300, Crop: all(400, 300), Orientation: 1, Codec: HEVC},
		"tiles.heic":  {Width: 208, Height: 160, Crop: all(208, 160), Orientation: 1, Codec: HEVC},
	} {
		b, err := os.ReadFile("../testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(b)
		if got.half, got.coded, got.stream = 0, 0, 0; err != nil || got != want {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		for n := range min(len(b), 600) {
			_, _ = Read(b[:n]) // does not panic
		}
	}
}

// TestOrientation holds the table against what the marks do to the place of a corner: irot turns against the clock,
// then imir exchanges top and bottom (0) or left and right (1).
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

// marked returns the directions of the stored picture's unit vectors after turning and mirroring.
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
	t := [9][2]corner{1: {right, down}, 2: {left, down}, 3: {left, up}, 4: {right, up}, 5: {down, right},
		6: {down, left},
		7: {up, left}, 8: {up, right}}
	return t[o][0], t[o][1]
}

// TestDecoders: the decoders in lib match lib/README.md, and start.
func TestDecoders(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]*Engine{"AVIF": AVIF(), "HEIC": HEIC()} {
		if e == nil {
			continue // built without
		}
		if err := e.Start(nil); err != nil {
			t.Fatal(name, err)
		}
		if _, err := e.Decode([]byte("nothing"), 64<<20); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// boxOf returns a box of a kind.
func boxOf(kind string, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(all))), kind...), all...)
}

// TestOnlySoManyBoxesAreLookedAt: a file with a million boxes takes no more memory than one with a few.
func TestOnlySoManyBoxesAreLookedAt(t *testing.T) {
	size := boxOf("ispe", []byte{0, 0, 0, 0, 0, 0, 1, 0x90, 0, 0, 1, 0x2c})
	item := boxOf("infe", []byte{2, 0, 0, 0, 0, 7, 0, 0}, []byte("av01\x00"))
	associations := []byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 7, 1, 0, 1}
	file := func(n int) []byte {
		return boxOf("meta", make([]byte, 4), boxOf("pitm", []byte{0, 0, 0, 0, 0, 7}),
			boxOf("iinf", make([]byte, 6), item,
				bytes.Repeat(boxOf("infe", []byte{2, 0, 0, 0, 0, 8, 0, 0}, []byte("av01\x00")), n)),
			boxOf("iprp", boxOf("ipco", size, bytes.Repeat(boxOf("free"), n)), boxOf("ipma", associations)),
			boxOf("iref", make([]byte, 4), bytes.Repeat(boxOf("dimg", []byte{0, 8, 0, 1, 0, 9}), n)))
	}
	large := file(1 << 20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	info, err := Read(large)
	runtime.ReadMemStats(&after)
	if err != nil || info.Width != 400 || info.Height != 300 {
		t.Errorf("%+v, %v", info, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

// TestEachPartIsLookedAtOnce: however often a picture names it.
func TestEachPartIsLookedAtOnce(t *testing.T) {
	t.Parallel()
	const n = 1<<15 - 2 // references
	file := boxOf("meta", make([]byte, 4), boxOf("pitm", []byte{0, 0, 0, 0, 0, 7}),
		boxOf("iinf", make([]byte, 6), boxOf("infe", []byte{2, 0, 0, 0, 0, 7, 0, 0}, []byte("iden\x00")),
			boxOf("infe", []byte{2, 0, 0, 0, 0, 8, 0, 0}, []byte("av01\x00"))),
		boxOf("iref", make([]byte, 4),
			boxOf("dimg", []byte{0, 7, n >> 8, n & 0xff}, bytes.Repeat([]byte{0, 8}, n-1), []byte{0, 9})),
		boxOf("iprp", boxOf("ipco", boxOf("ispe", []byte{0, 0, 0, 0, 0, 0, 1, 0x90, 0, 0, 1, 0x2c})),
			boxOf("ipma", []byte{0, 0, 0, 0, 0, 0, 0, 2, 0, 7, 1, 1, 0, 8, 1, 1})))
	f, err := parse(file)
	if err != nil || len(f.main.parts) != n {
		t.Fatal(err)
	}
	if all := f.distinct(f.main.parts); len(all) != 1 || all[0].id != 8 {
		t.Errorf("%d parts", len(all))
	}
	if info, err := f.info(f.main); err != nil || info.coded != 400*300 {
		t.Errorf("%+v, %v", info, err)
	}
}

// TestPiecesAreNotCopied: a file whose items all name most of it, in pieces, takes no more memory than one with a few.
func TestPiecesAreNotCopied(t *testing.T) {
	const n = 1500
	var items, places []byte
	for id := range uint16(n) {
		items = append(items, boxOf("infe", []byte{2, 0, 0, 0, byte(id >> 8), byte(id), 0, 0}, []byte("av01\x00"))...)
		places = append(places, byte(id>>8), byte(id), 0, 0, 0, 2)
		for range 2 {
			places = append(places, 0, 0, 0, 0, 0, 0, 0xc3, 0x50) // the first 50,000 bytes
		}
	}
	file := boxOf("meta", make([]byte, 4), boxOf("pitm", []byte{0, 0, 0, 0, 0, 7}),
		boxOf("iinf", make([]byte, 6), items),
		boxOf("iloc", []byte{0, 0, 0, 0, 0x44, 0, n >> 8, n & 0xff}, places),
		boxOf("iprp", boxOf("ipco", boxOf("ispe", []byte{0, 0, 0, 0, 0, 0, 1, 0x90, 0, 0, 1, 0x2c})),
			boxOf("ipma", []byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 7, 1, 0, 1})),
		boxOf("free", make([]byte, 100_000)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := parse(file)
	runtime.ReadMemStats(&after)
	if err != nil || f.main == nil || f.main.cut || len(f.main.data()) != 100_000 {
		t.Fatalf("%v, %+v", err, f)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"colour.avif", "turned.avif", "colour.heic", "tiles.heic"} {
		b, err := os.ReadFile("../testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 1000)])
	}
	f.Add(binary.BigEndian.AppendUint32(nil, 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Read(b)
		var other *Unsupported
		if err != nil && err != ErrBroken && !errors.As(err, &other) {
			t.Fatal(err)
		}
		if err == nil && (info.Width < 1 || info.Height < 1 || info.Orientation < 1 || info.Orientation > 8 ||
			info.Memory() < 1 ||
			info.Room() < 1 || info.Crop.Empty() || !info.Crop.In(image.Rect(0, 0, info.Width, info.Height))) {
			t.Fatalf("%+v", info)
		}
	})
}

// FuzzDecode decodes any bytes, which ends with a picture as large as the header says or with one of the errors that
// blame the file.
func FuzzDecode(f *testing.F) {
	names, err := filepath.Glob("../testdata/small*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)*2/3])
	}
	engines := map[Codec]*Engine{AV1: AVIF(), HEVC: HEIC()}
	f.Fuzz(func(t *testing.T, b []byte) {
		info, err := Read(b)
		if err != nil || info.Width > 1<<10 || info.Height > 1<<10 || engines[info.Codec] == nil {
			t.Skip()
		}
		img, err := engines[info.Codec].Decode(b, min(info.Room(), 128<<20))
		var other *Unsupported
		switch {
		case err == nil && img.Bounds() != info.Crop:
			t.Fatalf("%v, the header says %v", img.Bounds(), info.Crop)
		case err != nil && !errors.Is(err, ErrBroken) && !errors.Is(err, ErrCrash) && !errors.Is(err, ErrRoom) &&
			!errors.As(err, &other):
			t.Fatal(err)
		}
	})
}
