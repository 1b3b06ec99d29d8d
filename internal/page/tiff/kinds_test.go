package tiff_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"os"
	"slices"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/tiff"
)

// sees decodes the only page of a file, which must be undamaged, and lays it on white.
func sees(t *testing.T, name string, file []byte) image.Image {
	t.Helper()
	p := pages(t, file)
	img, err := decode(&p[0], t.Context(), file)
	if err != nil || len(p) != 1 {
		t.Fatalf("%s: %d pages, %v", name, len(p), err)
	}
	white := image.NewRGBA(image.Rect(0, 0, p[0].Width, p[0].Height))
	draw.Draw(white, white.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(white, white.Rect, img, image.Point{}, draw.Over)
	return white
}

// TestEveryStorageDecodes: all combinations of colours, bits, compressions and divisions, in both orders of bytes and
// of bits.
func TestEveryStorageDecodes(t *testing.T) {
	t.Parallel()
	g, c := gray(37, 29), colours(37, 29)
	check := func(s pagetest.Storage, by int) {
		t.Helper()
		var src, want image.Image = c, c
		if s.Colour < 2 || s.Colour > 6 {
			src, want = g, g
		}
		if s.Bits > 0 && s.Bits < 8 {
			by = 128>>s.Bits + 1<<(8-s.Bits)
		}
		name := fmt.Sprintf("%+v", s)
		near(t, name, sees(t, name, pagetest.TIFF(s.Order, pagetest.Samples(src, s))), want, by)
	}
	for _, order := range orders {
		for _, colour := range []int{0, 1, 2, 5} {
			for _, bits := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 32} {
				for _, apart := range []bool{false, true} {
					if colour != 5 || bits >= 8 {
						check(pagetest.Storage{Order: order, Colour: colour, Bits: bits, Apart: apart, Rows: 10}, 3)
					}
				}
			}
		}
		for _, compression := range []int{1, 5, 8, 32773} {
			for _, s := range []pagetest.Storage{{}, {LowFirst: true}, {Tile: 16}, {Tile: 16, Apart: true}, {Rows: 1},
				{Apart: true, LowFirst: true, Rows: 7}} {
				for _, colour := range []int{1, 2, 6} {
					s.Order, s.Compression, s.Colour = order, compression, colour
					check(s, 4)
					if s.Differences = compression == 5 || compression == 8; s.Differences {
						check(s, 4)
						s.Differences = false
					}
				}
			}
		}
		check(pagetest.Storage{Order: order, Colour: 8}, 3)
		check(pagetest.Storage{Order: order, Colour: 9}, 3)
	}
}

// TestLZWNeedsNoEnd: a strip ends with its samples, with or without an end code.
func TestLZWNeedsNoEnd(t *testing.T) {
	t.Parallel()
	g := image.NewGray(image.Rect(0, 0, 300, 211))
	for i := range g.Pix {
		g.Pix[i] = byte(i * i >> 3 * 37)
	}
	for _, rows := range []int{1, 2, 211} {
		near(t, "LZW", sees(t, "LZW",
			pagetest.TIFF(binary.LittleEndian,
				pagetest.Samples(g, pagetest.Storage{Colour: 1, Compression: 5, Rows: rows, NoEnd: true}))), g, 0)
	}
	// Bytes in place of the end code are ignored.
	p := pagetest.Samples(g, pagetest.Storage{Colour: 1, Compression: 5, Rows: 211, NoEnd: true})
	p.Strips[0] = append(p.Strips[0], 0xff, 0xff, 0xff)
	near(t, "LZW", sees(t, "LZW", pagetest.TIFF(binary.LittleEndian, p)), g, 0)
}

// TestTransparencyIsAlpha: alpha is used for gray, colours and palettes, premultiplied or straight, unless all of it is
// transparent. Without a tag, a fourth channel of RGB and a second channel of gray are alpha.
func TestTransparencyIsAlpha(t *testing.T) {
	t.Parallel()
	clear := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	grays := image.NewNRGBA(clear.Rect)
	for i := 0; i < len(clear.Pix); i += 4 {
		copy(clear.Pix[i:], []byte{byte(i), byte(i >> 4), 90, byte(i >> 5)})
		copy(grays.Pix[i:], []byte{byte(i >> 3), byte(i >> 3), byte(i >> 3), byte(i >> 4)})
	}
	onWhite := func(m image.Image) image.Image {
		white := image.NewRGBA(m.Bounds())
		draw.Draw(white, white.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(white, white.Rect, m, image.Point{}, draw.Over)
		return white
	}
	for _, alpha := range []int{1, 2} {
		for _, apart := range []bool{false, true} {
			s := pagetest.Storage{Colour: 2, Alpha: alpha, Apart: apart, Compression: 8}
			near(t, "RGBA", sees(t, "RGBA", pagetest.TIFF(binary.LittleEndian, pagetest.Samples(clear, s))),
				onWhite(clear), 2)
			s.Colour = 1
			near(t, "gray", sees(t, "gray", pagetest.TIFF(binary.LittleEndian, pagetest.Samples(grays, s))),
				onWhite(grays), 2)
			s.Bits = 16
			near(t, "gray of 16", sees(t, "gray", pagetest.TIFF(binary.LittleEndian, pagetest.Samples(grays, s))),
				onWhite(grays), 2)
		}
	}
	for _, unsaid := range []struct {
		m image.Image
		pagetest.Storage
	}{{clear, pagetest.Storage{Colour: 2}}, {grays, pagetest.Storage{Colour: 1}},
		{grays, pagetest.Storage{Colour: 1, Bits: 16}}} {
		unsaid.Alpha = 2
		p := pagetest.Samples(unsaid.m, unsaid.Storage)
		p.Tags = slices.DeleteFunc(p.Tags, func(tag pagetest.Tag) bool { return tag.ID == 338 })
		near(t, fmt.Sprint("unsaid ", unsaid.Storage), sees(t, "unsaid", pagetest.TIFF(binary.LittleEndian, p)),
			onWhite(unsaid.m), 2)
	}

	hidden := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	copy(hidden.Pix, clear.Pix)
	for i := 3; i < len(hidden.Pix); i += 4 {
		hidden.Pix[i] = 0
	}
	want := image.NewNRGBA(hidden.Rect)
	copy(want.Pix, hidden.Pix)
	for i := 3; i < len(want.Pix); i += 4 {
		want.Pix[i] = 255
	}
	near(t, "clear everywhere",
		sees(t, "clear", pagetest.TIFF(binary.LittleEndian,
			pagetest.Samples(hidden, pagetest.Storage{Colour: 2, Alpha: 2}))), want, 0)
}

func TestPalettesOfAllSizes(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{1, 2, 4, 8} {
		for _, alpha := range []bool{false, true} {
			var colours color.Palette
			for i := range 1 << bits {
				a := byte(255)
				if alpha && i%2 == 1 {
					a = 0
				}
				colours = append(colours, color.NRGBA{byte(i * 37), byte(255 - i), byte(i), a})
			}
			m := image.NewPaletted(image.Rect(0, 0, 33, 7), colours)
			for i := range m.Pix {
				m.Pix[i] = byte(i % len(colours))
			}
			want := image.NewRGBA(m.Rect)
			draw.Draw(want, want.Rect, image.White, image.Point{}, draw.Src)
			draw.Draw(want, want.Rect, m, image.Point{}, draw.Over)
			name := fmt.Sprint(bits, alpha)
			page := pagetest.Indexed(m, bits, alpha)
			near(t, name, sees(t, name, pagetest.TIFF(binary.BigEndian, page)), want, 0)
			for _, tag := range page.Tags {
				if tag.ID == 320 { // some programs write 8 bits instead of 16
					for i := range tag.Values {
						tag.Values[i] >>= 8
					}
				}
			}
			near(t, name, sees(t, name, pagetest.TIFF(binary.BigEndian, page)), want, 0)
		}
	}
}

// TestFaxIsNoNegative: white runs are zeros, and the page declares the meaning of zeros.
func TestFaxIsNoNegative(t *testing.T) {
	t.Parallel()
	g := bilevel(gray(61, 40))
	for _, compression := range []int{2, 3, 4, 32771} {
		for _, o := range []pagetest.FaxOptions{{}, {Fill: true}, {TwoDimensional: true},
			{TwoDimensional: true, Fill: true}, {NoEnds: true}} {
			for _, o.BlackIsZero = range []bool{false, true} {
				for _, o.LowFirst = range []bool{false, true} {
					name := fmt.Sprintf("compression %d, %+v", compression, o)
					near(t, name, sees(t, name,
						pagetest.TIFF(binary.LittleEndian, pagetest.Fax(g, compression, 15, o))), g, 0)
				}
			}
		}
	}
}

// TestMissingPartsAreWhite: if a page or a strip is cut off, the rest is decoded, and the damage reported.
func TestMissingPartsAreWhite(t *testing.T) {
	t.Parallel()
	const w, h, rows = 64, 48, 16
	black := image.NewGray(image.Rect(0, 0, w, h))
	colour := image.NewPaletted(black.Rect, color.Palette{color.Black, color.White})
	planes := image.NewYCbCr(black.Rect, image.YCbCrSubsampleRatio420)
	fill := func(b []byte) {
		for i := range b {
			b[i] = 128
		}
	}
	fill(planes.Cb)
	fill(planes.Cr)
	cut := func(p pagetest.Picture) pagetest.Picture {
		last := len(p.Strips) - 1
		p.Strips[last] = p.Strips[last][:len(p.Strips[last])/2]
		return p
	}
	lost := func(p pagetest.Picture) pagetest.Picture {
		p.Strips[len(p.Strips)-1] = nil
		return p
	}
	for name, p := range map[string]pagetest.Picture{
		"plain":      cut(pagetest.Gray(black, h)),
		"strip":      cut(pagetest.Gray(black, rows)),
		"no strip":   lost(pagetest.Gray(black, rows)),
		"packed":     cut(pagetest.Samples(black, pagetest.Storage{Colour: 1, Compression: 32773, Rows: rows})),
		"LZW":        cut(pagetest.Samples(black, pagetest.Storage{Colour: 1, Compression: 5})),
		"deflate":    cut(pagetest.Samples(black, pagetest.Storage{Colour: 0, Compression: 8, Rows: rows})),
		"RGB":        cut(pagetest.Samples(black, pagetest.Storage{Colour: 2})),
		"CMYK":       cut(pagetest.Samples(black, pagetest.Storage{Colour: 5})),
		"tiles":      lost(pagetest.Samples(black, pagetest.Storage{Colour: 1, Tile: 16})),
		"YCbCr":      cut(pagetest.Sampled(planes, h)),
		"JPEG strip": lost(pagetest.JPEG(planes, rows)),
		"palette":    cut(pagetest.Indexed(colour, 1, false)),
		"Group 4":    pagetest.Fax(black, 4, h, pagetest.FaxOptions{Missing: 20}),
		"Group 3":    pagetest.Fax(black, 3, h, pagetest.FaxOptions{Missing: 20}),
		"inverted":   pagetest.Fax(black, 4, h, pagetest.FaxOptions{Missing: 20, BlackIsZero: true}),
	} {
		b := pagetest.TIFF(binary.LittleEndian, p)
		page := pages(t, b)[0]
		img, damage, err := page.Decode(t.Context(), b)
		if err != nil || damage == nil {
			t.Errorf("%s: damage %v, %v", name, damage, err)
			continue
		}
		first, last := luma(img.At(0, 0)), luma(img.At(w-1, h-1))
		if first > 8 || last < 250 {
			t.Errorf("%s: %d at the first pixel, %d at the last", name, first, last)
		}
	}
}

// TestCutOffJPEGShowsWhatIsLeft: the beginning of a strip that is cut off is decoded.
func TestCutOffJPEGShowsWhatIsLeft(t *testing.T) {
	t.Parallel()
	g, y := gray(64, 90), planar(64, 90)
	for name, c := range map[string]struct {
		page pagetest.Picture
		want image.Image
	}{"gray": {pagetest.JPEG(g, 90), g}, "YCbCr": {pagetest.JPEG(y, 90), y}} {
		c.page.Strips[0] = c.page.Strips[0][:len(c.page.Strips[0])*2/3]
		b := pagetest.TIFF(binary.LittleEndian, c.page)
		p := pages(t, b)[0]
		img, damage, err := p.Decode(t.Context(), b)
		if err != nil || damage == nil {
			t.Fatalf("%s: damage %v, %v", name, damage, err)
		}
		upper := image.Rect(0, 0, 64, 16)
		near(t, name, cropped(img, upper), cropped(c.want, upper), 12)
	}
}

func cropped(m image.Image, r image.Rectangle) image.Image {
	out := image.NewRGBA(r)
	draw.Draw(out, r, m, r.Min, draw.Src)
	return out
}

func luma(c color.Color) byte { return color.GrayModel.Convert(c).(color.Gray).Y }

// TestSizesOfStripsMayBeMissing: a strip without a size ends at the next one or at the end of the file.
func TestSizesOfStripsMayBeMissing(t *testing.T) {
	t.Parallel()
	g := bilevel(gray(61, 40))
	for _, rows := range []int{15, 40} {
		for _, p := range []pagetest.Picture{pagetest.Fax(g, 4, rows, pagetest.FaxOptions{}), pagetest.Gray(g, rows),
			pagetest.Samples(g, pagetest.Storage{Colour: 1, Compression: 8, Rows: rows})} {
			p.NoCounts = true
			near(t, "without sizes", sees(t, "without sizes", pagetest.TIFF(binary.LittleEndian, p)), g, 0)
		}
	}
}

// TestManyStripsWithoutSizesDoNotOverlap: each ends where the next one begins.
func TestManyStripsWithoutSizesDoNotOverlap(t *testing.T) {
	t.Parallel()
	g := gray(300, 400)
	p := pagetest.Gray(g, 10)
	p.NoCounts = true
	near(t, "many", sees(t, "many", pagetest.TIFF(binary.LittleEndian, p)), g, 0)
}

func TestBigTIFF(t *testing.T) {
	t.Parallel()
	g := gray(40, 30)
	for _, order := range orders {
		b := pagetest.BigTIFF(order, pagetest.Gray(g, 7), pagetest.JPEG(planar(32, 32), 16),
			pagetest.CMYK(colours(9, 9)))
		list := pages(t, b)
		if len(list) != 3 {
			t.Fatal(len(list))
		}
		for i, p := range list {
			img, err := decode(&p, t.Context(), b)
			if err != nil {
				t.Fatal(i, err)
			}
			if i == 0 {
				near(t, "BigTIFF", img, g, 0)
			}
		}
		for n := range len(b) {
			if list, err := tiff.Pages(context.Background(), b[:n], 10); err == nil {
				for _, p := range list {
					_, _ = decode(&p, t.Context(), b[:n])
				}
			}
		}
	}
}

func TestSubsampledColour(t *testing.T) {
	t.Parallel()
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422,
		image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410} {
		m := image.NewYCbCr(image.Rect(0, 0, 52, 33), ratio)
		for i := range m.Y {
			m.Y[i] = byte(i * 255 / len(m.Y))
		}
		for i := range m.Cb {
			m.Cb[i], m.Cr[i] = byte(64+i*128/len(m.Cb)), byte(192-i*128/len(m.Cb))
		}
		for _, rows := range []int{8, 33} {
			near(t, ratio.String(),
				sees(t, ratio.String(), pagetest.TIFF(binary.LittleEndian, pagetest.Sampled(m, rows))), m, 1)
		}
	}
	m := image.NewYCbCr(image.Rect(0, 0, 8, 8), image.YCbCrSubsampleRatio422)
	for i := range m.Y {
		m.Y[i] = 235
	}
	for i := range m.Cb {
		m.Cb[i], m.Cr[i] = 128, 128
	}
	video := pagetest.Sampled(m, 8).With(532, 5, 16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1)
	if v := luma(sees(t, "video", pagetest.TIFF(binary.LittleEndian, video)).At(3, 3)); v != 255 {
		t.Errorf("white of video is %d", v)
	}
}

func TestOldJPEG(t *testing.T) {
	t.Parallel()
	m := planar(48, 32)
	for _, tables := range []bool{false, true} {
		near(t, "old JPEG", sees(t, "old JPEG", pagetest.OldJPEG(m, tables)), m, 12)
	}
}

// TestJPEGOfOtherColours: the directory declares the colours, whatever the JPEG declares.
func TestJPEGOfOtherColours(t *testing.T) {
	t.Parallel()
	g := gray(64, 48)
	apart := pagetest.JPEG(g, 16)
	apart.Strips = append(append(apart.Strips, apart.Strips...), apart.Strips...)
	apart = apart.With(262, 3, 2).With(277, 3, 3).With(258, 3, 8, 8, 8).With(284, 3, 2)
	near(t, "planes of JPEG", sees(t, "planes of JPEG", pagetest.TIFF(binary.LittleEndian, apart)), g, 12)

	y := planar(64, 48)
	marked := pagetest.JPEG(y, 48)
	segment := pagetest.JPEGSegment(0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00")) // declares RGB
	marked.Strips[0] = pagetest.WithJPEGSegments(marked.Strips[0], segment)
	near(t, "a strip that says RGB", sees(t, "marked", pagetest.TIFF(binary.LittleEndian, marked)), y, 12)

	named := pagetest.JPEG(y, 48)
	strip := named.Strips[0]
	// the frame and the scan name the channels, 3 and 2 bytes apart
	for segment, first := range map[byte]int{0xc0: 10, 0xda: 5} {
		at := bytes.Index(strip, []byte{0xff, segment}) + first
		for i, name := range []byte("RGB") {
			strip[at+i*map[byte]int{0xc0: 3, 0xda: 2}[segment]] = name
		}
	}
	near(t, "channels called R, G and B", sees(t, "named", pagetest.TIFF(binary.LittleEndian, named)), y, 12)
}

// TestJPEGOfFourChannels: inks, or colours with an extra channel, are not converted.
func TestJPEGOfFourChannels(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("../testdata/video-001.cmyk.jpeg")
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	inverted := decoded.(*image.CMYK) // by image/jpeg
	inks, rgb := image.NewCMYK(inverted.Rect), image.NewNRGBA(inverted.Rect)
	for i, v := range inverted.Pix {
		inks.Pix[i], rgb.Pix[i] = ^v, ^v
	}
	for i := 3; i < len(rgb.Pix); i += 4 {
		rgb.Pix[i] = 255
	}
	page := pagetest.CMYK(inks).With(259, 3, 7)
	page.Strips = [][]byte{file}
	near(t, "CMYK", sees(t, "CMYK", pagetest.TIFF(binary.LittleEndian, page)), inks, 1)
	near(t, "RGB", sees(t, "RGB", pagetest.TIFF(binary.LittleEndian, page.With(262, 3, 2).With(338, 3, 0))), rgb, 0)
}
