package jpegdecode

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// TestWhatIsWrongEndsTheDecoding: damaged, truncated and irregular baseline files all fail.
func TestWhatIsWrongEndsTheDecoding(t *testing.T) {
	t.Parallel()
	photo := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(300, 200, 12)))
	blocks := pagetest.BlockJPEG(16, 12, [][2]int{{1, 1}}, -1, func(_, x, y int) byte { return byte(x*7 + y*5) })
	third := bytes.Index(blocks, []byte{0xff, 0xd2})
	put := func(file []byte, at int, b ...byte) []byte {
		file = bytes.Clone(file)
		copy(file[at:], b)
		return file
	}
	all := map[string][]byte{
		"nothing": nil, "no JPEG": []byte("GIF89a, and what else there may be"),
		"header only": photo[:bytes.Index(photo, []byte{0xff, 0xda})],
		"half":        photo[:len(photo)/2], "all but a few bits": photo[:len(photo)-6],
		"a marker in the middle": put(photo, len(photo)/2, 0xff, 0xe5),
		"no marker of any file":  put(photo, len(photo)/2, 0xff, 0x07),
		"another restart":        put(blocks, third, 0xff, 0xd4),
		"no restart":             put(blocks, third, 0x12, 0x34),
		"bytes before a restart": slices.Concat(blocks[:third], []byte{1, 2, 3}, blocks[third:]),
		"a row missing":          slices.Concat(blocks[:third], blocks[bytes.Index(blocks, []byte{0xff, 0xd3}):]),
	}
	for _, name := range []string{"no tables", "height after the scan"} {
		all[name] = pagetest.IrregularJPEGs()[name](photo)
	}
	for name, b := range all {
		if err := Decode(t.Context(), bytes.NewReader(b), nowhere{1}); err != ErrDamaged {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{"photo": photo, "blocks": blocks,
		"fill bytes before a restart": slices.Concat(blocks[:third], []byte{0xff, 0xff}, blocks[third:]),
		"no end":                      photo[:len(photo)-2]} {
		if err := Decode(t.Context(), bytes.NewReader(b), nowhere{1}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFillTakesNoMemory: any number of fill bytes may precede a marker, and they are not kept.
func TestFillTakesNoMemory(t *testing.T) {
	photo := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(300, 200, 12)))
	filled := slices.Concat(photo[:len(photo)-2], bytes.Repeat([]byte{0xff}, 1<<20), photo[len(photo)-2:])
	want := decoded(t, photo, 1)
	s := &canvas{by: 1}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := Decode(t.Context(), bytes.NewReader(filled), s)
	runtime.ReadMemStats(&after)
	if err != nil || !slices.Equal(s.planes[0].Pix, want.planes[0].Pix) {
		t.Errorf("%v, or other samples", err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}

// TestSourceFailureComesBack: errors of the source and the context are returned unchanged.
func TestSourceFailureComesBack(t *testing.T) {
	t.Parallel()
	photo := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(300, 200, 12)))
	failure := errors.New("the source failed")
	for _, n := range []int{0, 1, 300, len(photo) / 2, len(photo) - 9} {
		src := io.MultiReader(bytes.NewReader(photo[:n]), iotest.ErrReader(failure))
		if err := Decode(t.Context(), src, nowhere{2}); err != failure {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Decode(ctx, bytes.NewReader(photo), nowhere{2}); err != context.Canceled {
		t.Error(err)
	}
	if _, err := Salvage(ctx, photo, 0, nowhere{2}); err != context.Canceled {
		t.Error(err)
	}
}

// TestBothWaysDecodeAlike: streaming and in-memory decoding give the same picture.
func TestBothWaysDecodeAlike(t *testing.T) {
	t.Parallel()
	for name, b := range files(t) {
		for _, by := range []int{1, 2, 4, 8} {
			strips := &canvas{by: by}
			if Decode(t.Context(), iotest.HalfReader(bytes.NewReader(b)), strips) != nil {
				continue // progressive
			}
			whole := &canvas{by: by}
			res, err := Salvage(t.Context(), b, 0, whole)
			if err != nil || res.Wrong || res.There < res.All {
				t.Fatalf("%s: %+v, %v", name, res, err)
			}
			for i, c := range whole.planes {
				if !bytes.Equal(c.Pix, strips.planes[i].Pix) || c.Width != strips.planes[i].Width {
					t.Errorf("%s by %d, channel %d is another", name, by, i)
				}
			}
		}
	}
}

// TestBaselineNeedsRowsAlone: a 12-megapixel photo takes memory for a few rows only, a progressive file at a quarter of
// its size less than half a byte per sample.
func TestBaselineNeedsRowsAlone(t *testing.T) {
	allocated := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	photo := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(4032, 3024, 46)))
	if n := allocated(func() {
		if err := Decode(t.Context(), bytes.NewReader(photo), nowhere{1}); err != nil {
			t.Error(err)
		}
	}); n > 512<<10 {
		t.Errorf("%d bytes", n)
	}
	progressive := pagetest.EndlessJPEG(3000, 2)
	if n := allocated(func() {
		if _, err := Salvage(t.Context(), progressive, 0, nowhere{4}); err != nil {
			t.Error(err)
		}
	}); n > 3000*3000/2 {
		t.Errorf("progressive: %d bytes", n)
	}
}

// TestScanThatIsThereTwiceCountsOnce: a repeated scan of a progressive file is ignored and reported as damage.
func TestScanThatIsThereTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	tried := 0
	for name, b := range files(t) {
		for at := range b {
			if !strings.Contains(name, "progressive") || !bytes.HasPrefix(b[at:], []byte{0xff, 0xda, 0}) ||
				b[at+3] != 6+2*b[at+4] {
				continue
			}
			if body := at + 2 + int(b[at+3]); b[body-1]>>4 > 0 {
				continue // a refining scan
			}
			end, _ := markerFrom(b, at+10)
			want, got := &canvas{by: 2}, &canvas{by: 2}
			if _, err := Salvage(t.Context(), b, 0, want); err != nil {
				t.Fatal(name, err)
			}
			res, err := Salvage(t.Context(), slices.Concat(b[:end], b[at:end], b[end:]), 0, got)
			if tried++; err != nil || !res.Wrong || !bytes.Equal(got.planes[0].Pix, want.planes[0].Pix) {
				t.Errorf("%s at %d: %+v, %v", name, at, res, err)
			}
		}
	}
	if tried < 10 {
		t.Errorf("only %d tried", tried)
	}
}

// FuzzDecode: any input either fails or decodes to the declared size. What Decode accepts, Salvage decodes to the same
// picture.
func FuzzDecode(f *testing.F) {
	for name, b := range files(f) {
		if len(b) < 20_000 {
			f.Add(b, uint8(len(name)))
		}
		f.Add(b[:len(b)/2], uint8(1))
	}
	for _, change := range pagetest.IrregularJPEGs() {
		f.Add(change(pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(40, 30, 12)))), uint8(0))
	}
	f.Add(pagetest.BlockJPEG(3, 3, [][2]int{{1, 2}, {2, 1}, {2, 2}, {1, 1}}, 2, func(c, x, y int) byte {
		return byte(c + x*y)
	}), uint8(2))
	f.Add(pagetest.EndlessJPEG(60, 3), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, reduced uint8) {
		for i := range len(b) - min(len(b), 8) {
			if large := b[i+5] > 3 || b[i+7] > 3; b[i] == 0xff && b[i+1] >= 0xc0 && b[i+1] <= 0xc2 && large {
				return
			}
		}
		by := 1 << (reduced % 4)
		whole, strips := &canvas{by: by}, &canvas{by: by}
		res, err := Salvage(t.Context(), b, 100, whole)
		if err != nil && err != ErrNothing || err == nil && (whole.strips == 0 || res.There < 1) ||
			res.There > res.All {
			t.Fatal(res, err)
		}
		for i, c := range whole.planes {
			if _, max := whole.p.MaxSampling(); err == nil &&
				c.Height != ceilDiv(ceilDiv(whole.p.Height*whole.p.Channels[i].V, max), by) {
				t.Fatalf("channel %d of %+v by %d has %d rows", i, whole.p, by, c.Height)
			}
		}
		if Decode(t.Context(), bytes.NewReader(b), strips) != nil || strips.strips == 0 {
			return
		}
		for i, c := range strips.planes {
			if len(b) > 1 && res.There == res.All && !res.Wrong && !bytes.Equal(c.Pix, whole.planes[i].Pix) {
				t.Fatalf("channel %d is another", i)
			}
		}
	})
}
