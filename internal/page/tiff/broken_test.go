package tiff_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/tiff"
)

// TestCutOffFileIsNoticed: a file that is cut off anywhere causes an error, or an error on its last page, unless only
// the four bytes are missing that tell whether there is another page.
func TestCutOffFileIsNoticed(t *testing.T) {
	t.Parallel()
	g, y := gray(40, 30), planar(32, 32)
	whole := pagetest.TIFF(binary.LittleEndian, pagetest.Gray(g, 30), pagetest.JPEG(y, 16),
		pagetest.CMYK(colours(9, 9)))
	unnoticed := 0
	for n := range len(whole) {
		b := whole[:n]
		list, err := tiff.Pages(context.Background(), b, 10)
		if err == nil {
			for _, p := range list {
				if _, failed := decode(&p, context.Background(), b); failed != nil {
					err = failed
				}
			}
		}
		if err == nil {
			unnoticed++
		}
	}
	if unnoticed != 4 {
		t.Fatalf("%d lengths at which it is not noticed that the file is cut off", unnoticed)
	}
}

func TestCycleOfDirectoriesEnds(t *testing.T) {
	t.Parallel()
	b := pagetest.TIFF(binary.LittleEndian, pagetest.Gray(gray(8, 8), 8), pagetest.Gray(gray(9, 9), 9))
	first := binary.LittleEndian.Uint32(b[4:])
	second := binary.LittleEndian.Uint32(b[int(first)+2+12*int(binary.LittleEndian.Uint16(b[first:])):])
	link := int(second) + 2 + 12*int(binary.LittleEndian.Uint16(b[second:]))
	for _, to := range []uint32{first, second} {
		binary.LittleEndian.PutUint32(b[link:], to)
		if p := pages(t, b); len(p) != 2 || p[1].Err != nil {
			t.Errorf("%d pages", len(p))
		}
	}
	binary.LittleEndian.PutUint32(b[link:], 1<<31)
	if p := pages(t, b); len(p) != 3 || p[2].Err == nil {
		t.Error("a broken chain is not reported")
	}
}

func TestTooManyPages(t *testing.T) {
	t.Parallel()
	var many []pagetest.Picture
	for range 5 {
		many = append(many, pagetest.Gray(gray(4, 4), 4))
	}
	b := pagetest.TIFF(binary.BigEndian, many...)
	if p, err := tiff.Pages(context.Background(), b, 4); !errors.Is(err, tiff.ErrTooMany) || len(p) != 4 {
		t.Errorf("%d pages, %v", len(p), err)
	}
	if p, err := tiff.Pages(context.Background(), b, 5); err != nil || len(p) != 5 {
		t.Error(err)
	}
}

// TestPagesAreCounted: Count agrees with Pages, ignores thumbnails and masks, and stops at its limit in an endless
// chain.
func TestPagesAreCounted(t *testing.T) {
	t.Parallel()
	page := pagetest.Gray(gray(4, 4), 4)
	small := page.With(254, 4, 1)
	count := func(b []byte) int {
		n, err := tiff.Count(context.Background(), b)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for name, pictures := range map[string][]pagetest.Picture{
		"one": {page}, "three": {page, page, page}, "thumbnails": {page, small, page, small},
		"nothing else": {small, small}, "masks": {page, page.With(254, 4, 4), page.With(254, 4, 6)},
	} {
		for big, b := range map[bool][]byte{false: pagetest.TIFF(binary.BigEndian, pictures...),
			true: pagetest.BigTIFF(binary.LittleEndian, pictures...)} {
			if got, want := count(b), len(pages(t, b)); got != want {
				t.Errorf("%s, big %v: %d, want %d", name, big, got, want)
			}
		}
	}
	circle := pagetest.TIFF(binary.LittleEndian, page, page)
	broken := circle[:len(circle)-1]
	if got, want := count(broken), len(pages(t, broken)); got != want {
		t.Errorf("cut off: %d, want %d", got, want)
	}
	endless := binary.LittleEndian.AppendUint32([]byte("II*\x00"), 8) // directories without an entry
	for at := uint32(14); len(endless) < 2<<20; at += 6 {
		endless = binary.LittleEndian.AppendUint32(append(endless, 0, 0), at)
	}
	if n := count(endless); n != 100_000 {
		t.Errorf("endless: %d", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tiff.Count(ctx, circle); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestLyingHeadersCostLittle: headers that declare more than the file has fail after little work and memory.
func TestLyingHeadersCostLittle(t *testing.T) {
	g, y := pagetest.Gray(gray(8, 8), 8), pagetest.JPEG(planar(32, 32), 32)
	for name, p := range map[string]pagetest.Picture{
		"large":             g.With(256, 4, 60000).With(257, 4, 60000).With(278, 4, 60000),
		"many strips":       g.With(257, 4, 1<<24).With(278, 4, 1),
		"many JPEG strips":  y.With(257, 4, 1<<24).With(278, 4, 1),
		"a strip too large": y.With(257, 4, 8).With(278, 4, 8).With(256, 4, 8),
		"JPEG tiles":        y.With(322, 4, 1<<30).With(323, 4, 1<<30).With(324, 4, 1<<20).With(325, 4, 1<<20),
		"no JPEG":           g.With(259, 3, 7),
		"no width":          g.With(256, 4, 0),
		"no height":         y.With(257, 4, 0),
		"no palette":        g.With(262, 3, 3),
		"fax that is none":  g.With(259, 3, 4).With(258, 3, 1),
	} {
		b := pagetest.TIFF(binary.LittleEndian, p)
		list := pages(t, b)
		if name == "large" && list[0].Memory < 60000*60000 {
			t.Errorf("%s: %d bytes", name, list[0].Memory)
		}
		if name == "large" || strings.HasPrefix(name, "many") {
			continue // the caller's limits reject these
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decode(&list[0], context.Background(), b)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; (err == nil) != (name == "fax that is none") || used > 1<<20 {
			t.Errorf("%s: %v, %d bytes allocated", name, err, used)
		}
	}
}

// TestPiecesAreBoundedByTheFile: pieces that overlap or are much larger than their part of the picture are rejected at
// once, with any compression; pieces that are a little too large, and a few equal ones, are read.
func TestPiecesAreBoundedByTheFile(t *testing.T) {
	g := gray(64, 64)
	jpegs, plain := pagetest.JPEG(g, 16), pagetest.Gray(g, 16)
	long := func(p pagetest.Picture, by int) pagetest.Picture {
		strips := p.Strips
		p.Strips = nil
		for _, s := range strips {
			p.Strips = append(p.Strips, append(bytes.Clone(s), make([]byte, by)...))
		}
		return p
	}
	for _, c := range []struct {
		name string
		file []byte
		ok   bool
	}{
		{"JPEG, a megabyte each", pagetest.TileBomb(64, 1<<20, false), false},
		{"PackBits, a megabyte each", pagetest.TileBomb(64, 1<<20, true), false},
		{"JPEG, one of a megabyte", pagetest.TileBomb(16, 1<<20, false), false},
		{"PackBits, one of a megabyte", pagetest.TileBomb(16, 1<<20, true), false},
		{"PackBits, one of less", pagetest.TileBomb(16, 60<<10, true), true},
		{"JPEG that overlap", pagetest.TileBomb(1600, 60<<10, false), false},
		{"PackBits that overlap", pagetest.TileBomb(1600, 60<<10, true), false},
		{"JPEG, the same for all", pagetest.TileBomb(160, 0, false), true},
		{"PackBits, the same for all", pagetest.TileBomb(160, 0, true), true},
		{"JPEG strips with something after them", pagetest.TIFF(binary.LittleEndian, long(jpegs, 1000)), true},
		{"plain strips with something after them", pagetest.TIFF(binary.BigEndian, long(plain, 1000)), true},
		{"plain strips of a megabyte", pagetest.TIFF(binary.BigEndian, long(plain, 1<<20)), false},
		{"deflated strips of a megabyte", pagetest.TIFF(binary.BigEndian, long(plain, 1<<20).With(259, 3, 8)), false},
		{"LZW strips of a megabyte", pagetest.TIFF(binary.BigEndian, long(plain, 1<<20).With(259, 3, 5)), false},
		{"fax strips of a megabyte",
			pagetest.TIFF(binary.BigEndian, long(plain, 1<<20).With(259, 3, 4).With(258, 3, 1)), false},
		{"no strips for a million rows",
			pagetest.TIFF(binary.BigEndian, plain.With(256, 4, 1).With(257, 4, 1<<20).With(278, 4, 1)), false},
		{"tiles that are wide and low", pagetest.TIFF(binary.BigEndian, func() pagetest.Picture {
			p := plain.With(256, 4, 8).With(257, 4, 1024).With(322, 4, 1<<20).With(323, 4, 1)
			var z bytes.Buffer
			w := zlib.NewWriter(&z)
			_, _ = w.Write(make([]byte, 1<<20))
			_ = w.Close()
			p.Tiled, p.Strips = true, slices.Repeat([][]byte{z.Bytes()}, 1024)
			return p.With(259, 3, 8)
		}()), false},
		{"tiles of a pixel", pagetest.TIFF(binary.BigEndian, func() pagetest.Picture {
			p := jpegs.With(322, 4, 1).With(323, 4, 1)
			p.Tiled, p.Strips = true, slices.Repeat(p.Strips[:1], 64*64)
			return p
		}()), false},
		{"a picture among the tables", pagetest.TIFF(binary.BigEndian, jpegs.With(347, 7, 0xff, 0xd8,
			0xff, 0xc0, 0, 11, 8, 32, 0, 32, 0, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0)), false},
		{"too many tables", pagetest.TIFF(binary.BigEndian,
			jpegs.With(347, 7, slices.Repeat([]uint32{0xff, 0xfe, 0, 2}, 1<<14)...)), false},
	} {
		p := pages(t, c.file)[0]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decode(&p, context.Background(), c.file)
		runtime.ReadMemStats(&after)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%s: %d bytes allocated", c.name, used)
		}
	}
}

// TestDecodingEndsWithItsContext: decoding stops between two strips.
func TestDecodingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := pagetest.TIFF(binary.LittleEndian, pagetest.JPEG(gray(64, 640), 8), pagetest.Gray(gray(64, 64), 8))
	ctx, cancel := context.WithCancel(context.Background())
	list := pages(t, b)
	cancel()
	for _, p := range list {
		if _, err := decode(&p, ctx, b); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if _, err := tiff.Pages(ctx, b, 10); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// One whose context ends while it is decoded.
	asked := &countdown{Context: context.Background(), left: 20}
	if _, err := decode(&list[0], asked, b); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// countdown is a context that ends after it has been checked some times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestMissingStripsCostNothing: a page of a million strips of which one exists costs no more than one strip.
func TestMissingStripsCostNothing(t *testing.T) {
	t.Parallel()
	b := pagetest.TIFF(binary.BigEndian, pagetest.Gray(gray(8, 1), 1).With(257, 4, 1<<20))
	p := pages(t, b)[0]
	if _, damage, err := p.Decode(&countdown{Context: context.Background(), left: 20}, b); err != nil || damage == nil {
		t.Error(damage, err)
	}
}

// TestPageIsFoundAgain: PageAt returns the page that Pages listed.
func TestPageIsFoundAgain(t *testing.T) {
	t.Parallel()
	b := pagetest.TIFF(binary.LittleEndian, pagetest.Gray(gray(40, 30), 30),
		pagetest.JPEG(planar(32, 32), 16).With(274, 3, 6))
	for _, want := range pages(t, b) {
		if got := tiff.PageAt(b, want.At); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	for _, at := range []int64{-1, int64(len(b)), int64(len(b)) + 1, 1 << 40} {
		if p := tiff.PageAt(b, at); p.Err == nil {
			t.Error(at)
		}
	}
	if p := tiff.PageAt([]byte("nothing at all"), 8); p.Err == nil {
		t.Error("it is not a TIFF")
	}
}

// TestMemoryCoversDecoding compares the estimates with the allocations of decoding.
func TestMemoryCoversDecoding(t *testing.T) {
	g, y := gray(900, 700), planar(960, 640)
	for name, p := range map[string]pagetest.Picture{
		"gray": pagetest.Gray(g, 700), "strips": pagetest.Gray(g, 10), "bits": pagetest.Bilevel(g),
		"CMYK": pagetest.CMYK(colours(900, 700)),
		"JPEG": pagetest.JPEG(y, 640), "JPEG strips": pagetest.JPEG(y, 16), "YCbCr": pagetest.Sampled(y, 640),
		"YCbCr strips": pagetest.Sampled(y, 64),
		"LZW":          pagetest.Samples(g, pagetest.Storage{Colour: 1, Compression: 5}),
		"RGBA":         pagetest.Samples(colours(900, 700), pagetest.Storage{Colour: 2, Alpha: 2, Compression: 8}),
		"apart":        pagetest.Samples(colours(900, 700), pagetest.Storage{Colour: 2, Bits: 16, Apart: true}),
		"reversed":     pagetest.Samples(g, pagetest.Storage{Colour: 1, Bits: 16, LowFirst: true}),
		"Group 4":      pagetest.Fax(g, 4, 700, pagetest.FaxOptions{}),
		"palette":      pagetest.Gray(g, 700).With(262, 3, 3).With(320, 3, make([]uint32, 768)...),
	} {
		b := pagetest.TIFF(binary.LittleEndian, p)
		q := pages(t, b)[0]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		img, err := decode(&q, context.Background(), b)
		runtime.ReadMemStats(&after)
		if err != nil || img.Bounds() != image.Rect(0, 0, q.Width, q.Height) {
			t.Fatal(name, err)
		}
		used := int64(after.TotalAlloc - before.TotalAlloc)
		if used > q.Memory+q.Memory/4+1<<20 {
			t.Errorf("%s: estimated %d, allocated %d in all", name, q.Memory, used)
		}
	}
}

// FuzzPages: any bytes lead to valid pages or an error, never a panic, and cost no more than estimated.
func FuzzPages(f *testing.F) {
	g, c, y := gray(20, 12), colours(20, 12), planar(32, 32)
	for _, p := range []pagetest.Picture{pagetest.Gray(g, 12), pagetest.Gray(g, 5), pagetest.Bilevel(g),
		pagetest.CMYK(colours(9, 9)),
		pagetest.JPEG(y, 32), pagetest.JPEG(y, 16), pagetest.JPEG(g, 8).With(262, 3, 0), pagetest.Sampled(y, 16),
		pagetest.Samples(g, pagetest.Storage{Colour: 1, Compression: 5, LowFirst: true}),
		pagetest.Samples(g, pagetest.Storage{Colour: 8, Compression: 8, Differences: true}),
		pagetest.Samples(c, pagetest.Storage{Colour: 2, Bits: 12, Apart: true, Compression: 32773}),
		pagetest.Samples(c, pagetest.Storage{Colour: 2, Alpha: 1, Tile: 16}),
		pagetest.Fax(g, 2, 12, pagetest.FaxOptions{}),
		pagetest.Fax(g, 3, 5, pagetest.FaxOptions{TwoDimensional: true, Fill: true}),
		pagetest.Fax(g, 4, 12, pagetest.FaxOptions{BlackIsZero: true, LowFirst: true})} {
		for _, order := range orders {
			f.Add(pagetest.TIFF(order, p, p.With(254, 4, 1), p.With(274, 3, 8)))
			f.Add(pagetest.BigTIFF(order, p))
		}
	}
	f.Add(pagetest.OldJPEG(y, true))
	f.Add(pagetest.OldJPEG(y, false))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := tiff.Pages(context.Background(), b, 10)
		if (err == nil) == (len(list) == 0) || len(list) > 10 {
			t.Fatal(len(list), err)
		}
		for _, p := range list {
			if p.Orientation < 1 || p.Orientation > 8 {
				t.Fatal(p.Orientation)
			}
			if p.Err != nil || p.Memory > 8<<20 || int64(p.Width)*int64(p.Height) > 1<<20 {
				continue
			}
			if p.Memory < int64(p.Width)*int64(p.Height) {
				t.Fatalf("%d bytes for %d x %d", p.Memory, p.Width, p.Height)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begun := time.Now()
			img, damage, err := p.Decode(context.Background(), b)
			took := time.Since(begun)
			runtime.ReadMemStats(&after)
			if err == nil && img.Bounds().Size() != image.Pt(p.Width, p.Height) {
				t.Fatalf("%v for %d x %d, %v", img.Bounds(), p.Width, p.Height, damage)
			}
			// Each JPEG strip has its own tables in memory, even if it has few bytes.
			if used, most := int64(after.TotalAlloc-before.TotalAlloc),
				2*p.Memory+8<<10*int64(len(b))+4<<20; used > most {
				t.Fatalf("%d bytes allocated, %d promised for a file of %d", used, p.Memory, len(b))
			}
			if most := 2*time.Second + time.Duration(len(b))*20*time.Microsecond; took > most {
				t.Fatalf("%v for %d bytes", took, len(b))
			}
		}
	})
}
