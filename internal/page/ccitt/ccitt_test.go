package ccitt_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"io"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	xccitt "golang.org/x/image/ccitt"

	"github.com/bucketocr/bucketocr/internal/page/ccitt"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// lines returns a picture of random runs, each row similar to the one above it.
func lines(w, h int, seed uint64) *image.Gray {
	r := rand.New(rand.NewPCG(seed, 7))
	m := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		row := m.Pix[y*m.Stride:][:w]
		if y > 0 && r.IntN(3) > 0 {
			copy(row[r.IntN(min(4, w)):], m.Pix[(y-1)*m.Stride:][:w])
			continue
		}
		for x, v := 0, byte(r.IntN(2))*255; x < w; v = ^v {
			for n := 1 + r.IntN(1<<r.IntN(13)); n > 0 && x < w; n-- {
				row[x] = v
				x++
			}
		}
	}
	return m
}

// packed returns a picture in Decode's format.
func packed(m *image.Gray) []byte {
	stride := (m.Rect.Dx() + 7) / 8
	b := make([]byte, stride*m.Rect.Dy())
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			b[y*stride+x/8] |= (1 - m.Pix[y*m.Stride+x]>>7) << (7 - x%8)
		}
	}
	return b
}

var codings = map[string]struct {
	compression int
	options     pagetest.FaxOptions
	format      ccitt.Format
}{
	"Group 3":                      {3, pagetest.FaxOptions{}, ccitt.Format{}},
	"Group 3 with fill":            {3, pagetest.FaxOptions{Fill: true}, ccitt.Format{}},
	"Group 3 without ends of rows": {3, pagetest.FaxOptions{NoEnds: true}, ccitt.Format{}},
	"two-dimensional Group 3": {3, pagetest.FaxOptions{TwoDimensional: true},
		ccitt.Format{TwoDimensional: true}},
	"two-dimensional, and with fill": {3, pagetest.FaxOptions{TwoDimensional: true, Fill: true},
		ccitt.Format{TwoDimensional: true}},
	"Group 4":                        {4, pagetest.FaxOptions{}, ccitt.Format{Coding: ccitt.Group4}},
	"rows that begin with a byte":    {2, pagetest.FaxOptions{}, ccitt.Format{Coding: ccitt.Bytes}},
	"rows that begin with two bytes": {32771, pagetest.FaxOptions{}, ccitt.Format{Coding: ccitt.Words}},
}

// TestEveryCodingComesBack: pictures of all widths and run lengths decode as they were encoded, in all codings.
func TestEveryCodingComesBack(t *testing.T) {
	t.Parallel()
	for name, c := range codings {
		for i, w := range []int{1, 2, 7, 8, 9, 31, 64, 65, 300, 1728, 2561, 2624, 6001} {
			const rows = 40
			m := lines(w, rows, uint64(i))
			c.format.Width = w
			data := pagetest.Fax(m, c.compression, rows, c.options).Strips[0]
			want := packed(m)
			got := bytes.Repeat([]byte{0x55}, len(want))
			n, err := c.format.Decode(t.Context(), got, data)
			if n != rows || err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s, %d wide: %d rows, %v, equal %v", name, w, n, err, bytes.Equal(got, want))
			}
		}
	}
}

// TestCodesAreThoseOfT4: golang.org/x/image/ccitt, which has its own tables, decodes a run of each length and colour in
// the same way.
func TestCodesAreThoseOfT4(t *testing.T) {
	t.Parallel()
	const w = 2700
	m := image.NewGray(image.Rect(0, 0, w, 2*w))
	for y := range 2 * w {
		for x := range w {
			if (x <= y/2) != (y%2 == 0) {
				m.Pix[y*m.Stride+x] = 255
			}
		}
	}
	data := pagetest.Fax(m, 4, 2*w, pagetest.FaxOptions{}).Strips[0]
	want, err := io.ReadAll(xccitt.NewReader(bytes.NewReader(data), xccitt.MSB, xccitt.Group4, w, 2*w,
		&xccitt.Options{Invert: true}))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := (ccitt.Format{Coding: ccitt.Group4, Width: w}).Decode(t.Context(), got, data); err != nil ||
		!bytes.Equal(got, packed(m)) {
		t.Fatal(err, "it does not come back")
	}
	for i := range want {
		if last := i%((w+7)/8) == (w+7)/8-1; !last && want[i] != got[i] {
			t.Fatalf("byte %d: %08b, want %08b", i, got[i], want[i])
		}
	}
}

// TestBrokenRowCostsItself: in Group 3 the rows after a broken one are found again, if they are one-dimensional.
func TestBrokenRowCostsItself(t *testing.T) {
	t.Parallel()
	const w, rows = 400, 30
	m := lines(w, rows, 3)
	want, stride := packed(m), (w+7)/8
	row := func(b []byte, y int) []byte { return b[y*stride:][:stride] }
	for _, name := range []string{"Group 3", "Group 3 with fill"} {
		c := codings[name]
		c.format.Width = w
		data := pagetest.Fax(m, 3, rows, c.options).Strips[0]
		told := 0
		for bit := 2 * len(data); bit < 5*len(data); bit++ {
			broken := bytes.Clone(data)
			broken[bit/8] ^= 1 << (bit % 8)
			got := make([]byte, len(want))
			n, err := c.format.Decode(t.Context(), got, broken)
			if errors.Is(err, ccitt.ErrDamaged) {
				told++
			}
			// If an end code is lost or added, the rows move.
			if n < rows-1 || !bytes.Equal(row(got, n-1), row(want, rows-1)) &&
				!bytes.Equal(row(got, n-1), row(want, rows-2)) {
				t.Fatalf("%s, bit %d: %d rows, %v", name, bit, n, err)
			}
			if !bytes.Equal(row(got, 0), row(want, 0)) {
				t.Fatalf("%s, bit %d: the first row is another one", name, bit)
			}
		}
		if told == 0 {
			t.Errorf("%s: no damage is told", name)
		}
	}
}

// TestEmptyRunsChangeNothing: an empty run that divides a run too long for one code is not a change for the row below.
func TestEmptyRunsChangeNothing(t *testing.T) {
	t.Parallel()
	const eol, v0 = "000000000001", "1"
	digits := eol + "1" + ccitt.RunCodes(0, 4) + ccitt.RunCodes(1, 0) + ccitt.RunCodes(0, 4) + ccitt.RunCodes(1, 8) +
		eol + "0" + v0 + v0
	data := make([]byte, (len(digits)+7)/8)
	for i, d := range digits {
		data[i/8] |= byte(d-'0') << (7 - i%8)
	}
	got := make([]byte, 4)
	n, err := (ccitt.Format{Width: 16, TwoDimensional: true}).Decode(t.Context(), got, data)
	if n != 2 || err != nil || !bytes.Equal(got, []byte{0, 0xff, 0, 0xff}) {
		t.Errorf("%d rows, %v: %08b", n, err, got)
	}
}

// TestEmptyRunsCountInTwoDimensionalRows: some programs begin a row with two empty runs, to which the row below refers.
func TestEmptyRunsCountInTwoDimensionalRows(t *testing.T) {
	t.Parallel()
	const horizontal, pass, v0 = "001", "0001", "1"
	nothing := horizontal + ccitt.RunCodes(0, 0) + ccitt.RunCodes(1, 0)
	digits := nothing + horizontal + ccitt.RunCodes(0, 8) + ccitt.RunCodes(1, 4) + v0 +
		pass + horizontal + ccitt.RunCodes(0, 4) + ccitt.RunCodes(1, 4) + v0 // passing over no pixels
	for _, crowd := range []string{"", strings.Repeat(nothing, 1000)} {
		all := crowd + digits
		data := make([]byte, (len(all)+7)/8)
		for i, d := range all {
			data[i/8] |= byte(d-'0') << (7 - i%8)
		}
		got := make([]byte, 4)
		n, err := (ccitt.Format{Coding: ccitt.Group4, Width: 16}).Decode(t.Context(), got, data)
		switch {
		case crowd != "" && err == nil:
			t.Error("a row of a thousand runs without pixels is read")
		case crowd == "" && (n != 2 || !bytes.Equal(got, []byte{0, 0xf0, 0x0f, 0})):
			t.Errorf("%d rows, %v: %08b", n, err, got)
		}
	}
}

// TestMissingRowsAreTold: missing rows are reported, and all others decoded.
func TestMissingRowsAreTold(t *testing.T) {
	t.Parallel()
	const w, rows, missing = 100, 20, 7
	m := lines(w, rows, 5)
	want, stride := packed(m), (w+7)/8
	for name, c := range codings {
		c.format.Width = w
		c.options.Missing = missing
		data := pagetest.Fax(m, c.compression, rows, c.options).Strips[0]
		got := make([]byte, len(want))
		n, err := c.format.Decode(t.Context(), got, data)
		if n != rows-missing || !errors.Is(err, ccitt.ErrDamaged) || !bytes.Equal(got[:n*stride], want[:n*stride]) {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
		whole := pagetest.Fax(m, c.compression, rows, codings[name].options).Strips[0]
		for cut := range len(whole) / 2 {
			if n, err := c.format.Decode(t.Context(), got, whole[:cut]); n >= rows ||
				!errors.Is(err, ccitt.ErrDamaged) {
				t.Fatalf("%s, cut to %d bytes: %d rows, %v", name, cut, n, err)
			}
		}
	}
}

func TestUncompressedModeIsNamed(t *testing.T) {
	t.Parallel()
	data := []byte{0b00000011, 0b11101010}
	f := ccitt.Format{Coding: ccitt.Group4, Width: 20, Uncompressed: true}
	if _, err := f.Decode(t.Context(), make([]byte, 30), data); !errors.Is(err, ccitt.ErrUncompressed) {
		t.Error(err)
	}
	f.Uncompressed = false
	if _, err := f.Decode(t.Context(), make([]byte, 30), data); !errors.Is(err, ccitt.ErrDamaged) {
		t.Error(err)
	}
}

func TestDecodingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	data := pagetest.Fax(lines(20, 20, 1), 4, 20, pagetest.FaxOptions{}).Strips[0]
	if _, err := (ccitt.Format{Coding: ccitt.Group4, Width: 20}).Decode(ctx, make([]byte, 60), data); !errors.Is(err,
		context.Canceled) {
		t.Error(err)
	}
}

// FuzzDecode: any bytes are decoded quickly, in little memory, and within the given rows.
func FuzzDecode(f *testing.F) {
	for _, c := range codings {
		data := pagetest.Fax(lines(77, 9, 1), c.compression, 9, c.options).Strips[0]
		f.Add(data, uint16(77), uint8(c.format.Coding), c.format.TwoDimensional)
		f.Add(data[:len(data)/2], uint16(2000), uint8(c.format.Coding), c.format.TwoDimensional)
	}
	f.Add(bytes.Repeat([]byte{0xff}, 40), uint16(60000), uint8(1), false)
	f.Add(bytes.Repeat([]byte{0x35, 0x0d}, 40), uint16(3), uint8(0), false)
	f.Fuzz(func(t *testing.T, data []byte, width uint16, coding uint8, twoDimensional bool) {
		format := ccitt.Format{Coding: ccitt.Coding(coding % 4), Width: 1 + int(width), TwoDimensional: twoDimensional}
		stride := (format.Width + 7) / 8
		dst := make([]byte, min(64<<10, 40*stride))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		rows, err := format.Decode(context.Background(), dst, data)
		took := time.Since(begun)
		runtime.ReadMemStats(&after)
		if rows < 0 || rows > len(dst)/stride || err == nil && rows != len(dst)/stride {
			t.Fatal(rows, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > uint64(24*format.Width)+1<<20 {
			t.Fatalf("%d bytes allocated for %d", used, format.Width)
		}
		if most := time.Second + time.Duration(len(data))*10*time.Microsecond; took > most {
			t.Fatalf("%v for %d bytes", took, len(data))
		}
		for y := range rows { // bits to the right of a row are white
			if rest := stride*8 - format.Width; bits.TrailingZeros8(dst[y*stride+stride-1]) < rest {
				t.Fatal("pixels right of the picture")
			}
		}
	})
}
