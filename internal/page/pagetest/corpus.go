package pagetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"maps"
	"slices"
	"strings"
)

// CorpusFile is a small test file. Its name begins with its format and a hyphen.
type CorpusFile struct {
	Name  string
	Data  []byte
	Shows image.Image // what its pages show; nil if only another program can tell
}

// Corpus returns files of every supported kind, each with a page of text.
func Corpus() []CorpusFile {
	paper := Paper(420, 560, 16)
	c := &corpus{gray: paper, coloured: Photo(paper), few: FourGrays(420, 560)}
	c.pictures()
	c.faxes()
	c.tiffs()
	c.pdfs()
	return c.files
}

// corpus collects files: it holds one page as three pictures, and the picture that the next files show.
type corpus struct {
	gray     *image.Gray
	coloured *image.RGBA
	few      *image.Paletted // of four grays
	shows    image.Image
	files    []CorpusFile
}

func (c *corpus) add(format, extension, kind string, data []byte) {
	name := format + "-" + strings.NewReplacer(" ", "_", ",", "", "/", "").Replace(kind) + extension
	c.files = append(c.files, CorpusFile{Name: name, Data: data, Shows: c.shows})
}

func (c *corpus) pictures() {
	c.shows = c.gray
	c.add("PNG", ".png", "gray", EncodePNG(c.gray))
	c.shows = c.coloured
	c.add("PNG", ".png", "colour", EncodePNG(c.coloured))
	c.shows = c.few
	c.add("PNG", ".png", "palette", EncodePNG(c.few))
	clear := image.NewPaletted(c.few.Rect, append(color.Palette{color.Transparent}, c.few.Palette...))
	for i, v := range c.few.Pix {
		clear.Pix[i] = v + 1
	}
	for name, change := range sorted(IrregularPNGs()) {
		c.add("PNG", ".png", name, change(EncodePNG(clear)))
	}
	photo := EncodeJPEG(c.coloured)
	c.shows = c.coloured
	c.add("JPEG", ".jpg", "photo", photo)
	c.shows = c.gray
	c.add("JPEG", ".jpg", "gray", EncodeJPEG(c.gray))
	c.shows = nil
	for o := uint16(1); o <= 8; o++ {
		c.add("JPEG", ".jpg", fmt.Sprint("orientation ", o), WithJPEGSegments(photo, ExifSegment(o)))
	}
	c.shows = c.coloured
	for name, change := range sorted(IrregularJPEGs()) {
		c.add("JPEG", ".jpg", name, change(photo))
	}
	c.shows = c.few
	for name, f := range sorted(GIFs(c.few.Rect.Size())) {
		c.add("GIF", ".gif", name, f.Write(c.few))
	}
	for name, f := range sorted(BMPs()) {
		c.add("BMP", ".bmp", name, f.Write(c.few))
	}
}

func (c *corpus) faxes() {
	c.shows = c.gray
	for _, kind := range []struct {
		name        string
		compression int
		options     FaxOptions
	}{
		{"Group 3", 3, FaxOptions{}}, {"Group 3 filled", 3, FaxOptions{Fill: true}},
		{"Group 3 in two dimensions", 3, FaxOptions{TwoDimensional: true}},
		{"Group 3 in two dimensions filled", 3, FaxOptions{TwoDimensional: true, Fill: true}},
		{"Group 4", 4, FaxOptions{}}, {"runs", 2, FaxOptions{}},
	} {
		for _, black := range []bool{false, true} {
			for _, low := range []bool{false, true} {
				o := kind.options
				o.BlackIsZero, o.LowFirst = black, low
				name := kind.name
				if black {
					name += " of ink 0"
				}
				if low {
					name += " reversed"
				}
				c.add("fax", ".tif", name,
					TIFF(binary.LittleEndian, Fax(c.gray, kind.compression, 100, o),
						Fax(c.gray, kind.compression, 560, o)))
			}
		}
	}
}

func (c *corpus) tiffs() {
	for name, s := range sorted(map[string]Storage{
		"gray": {Colour: 1}, "gray of ink 0": {Colour: 0}, "2 bits": {Colour: 1, Bits: 2},
		"4 bits": {Colour: 1, Bits: 4}, "12 bits": {Colour: 1, Bits: 12},
		"16 bits": {Colour: 1, Bits: 16}, "32 bits": {Colour: 1, Bits: 32}, "gray with alpha": {Colour: 1, Alpha: 2},
		"RGB": {Colour: 2}, "RGB 16": {Colour: 2, Bits: 16},
		"RGBA": {Colour: 2, Alpha: 2}, "RGBA multiplied": {Colour: 2, Alpha: 1}, "CMYK": {Colour: 5},
		"CMYK 16": {Colour: 5, Bits: 16}, "YCbCr": {Colour: 6},
		"planes": {Colour: 2, Apart: true}, "planes of 16": {Colour: 2, Apart: true, Bits: 16},
		"tiles": {Colour: 2, Tile: 64}, "tiles in planes": {Colour: 2, Tile: 64, Apart: true},
		"LZW":             {Colour: 2, Compression: 5, Rows: 32},
		"LZW without end": {Colour: 1, Compression: 5, Rows: 32, NoEnd: true},
		"LZW differences": {Colour: 2, Compression: 5, Differences: true},
		"deflate":         {Colour: 2, Compression: 8}, "PackBits": {Colour: 2, Compression: 32773},
		"reversed":          {Colour: 1, LowFirst: true},
		"LZW reversed":      {Colour: 1, Compression: 5, LowFirst: true},
		"PackBits reversed": {Colour: 1, Compression: 32773, LowFirst: true},
	}) {
		var m image.Image = c.coloured
		if s.Colour < 2 {
			m = c.gray
		}
		c.shows = m
		c.add("TIFF", ".tif", name, TIFF(binary.LittleEndian, Samples(m, s), Samples(m, s)))
		s.Order = binary.BigEndian
		c.add("TIFF", ".tif", name+" big-endian", TIFF(binary.BigEndian, Samples(m, s)))
	}
	c.shows = c.coloured
	c.add("TIFF", ".tif", "BigTIFF", BigTIFF(binary.LittleEndian, Samples(c.coloured, Storage{Colour: 2})))
	c.shows = c.few
	c.add("TIFF", ".tif", "palette of 4 bits", TIFF(binary.LittleEndian, Indexed(c.few, 4, false)))
	c.add("TIFF", ".tif", "palette of 8 bits", TIFF(binary.LittleEndian, Indexed(c.few, 8, false)))
	subsampled := subsampledOf(c.coloured)
	c.shows = c.coloured
	c.add("TIFF", ".tif", "YCbCr in 2x2", TIFF(binary.LittleEndian, Sampled(subsampled, 64)))
	c.add("TIFF", ".tif", "JPEG", TIFF(binary.LittleEndian, JPEG(c.coloured, 64)))
	c.add("TIFF", ".tif", "old JPEG", OldJPEG(subsampled, true))
	c.add("TIFF", ".tif", "old JPEG as a file", OldJPEG(subsampled, false))
}

func (c *corpus) pdfs() {
	c.shows = nil
	text := Text("Text in a font that every viewer has", "and a second line of it")
	sound := PDF("", []PDFPage{text, text, {Width: 595, Height: 842}})
	c.add("PDF", ".pdf", "text", sound)
	c.add("PDF", ".pdf", "behind a mark of byte order", append([]byte("\xef\xbb\xbf"), sound...))
	c.add("PDF", ".pdf", "behind a header", append([]byte(strings.Repeat("@PJL COMMENT\r\n", 60)), sound...))
	turned := text
	turned.Dict = "/Rotate 90"
	c.add("PDF", ".pdf", "turned", PDF("", []PDFPage{turned}))
	for name, glyphs := range sorted(map[string]string{
		"Polish":     "Aogonek aogonek Lslash lslash eogonek zacute sacute cacute",
		"Czech":      "Ccaron ecaron rcaron uring dcaron ncaron",
		"Russian":    "afii10017 afii10065 afii10066 afii10097 afii10023",
		"Greek":      "Omega alpha beta alphatonos Sigma sigma1",
		"Vietnamese": "uni1EBF uni1EA1 uni01B0 uni1ED9 dcroat", "Hebrew": "afii57664 afii57665 uni05E9"}) {
		names := strings.Fields(glyphs)
		var codes []byte
		for i := range names {
			codes = append(codes, byte(128+i))
		}
		c.add("PDF", ".pdf", name, PDF("", []PDFPage{Rows(FirstFree(1), codes)}, SimpleFont("Arial", names...)...))
	}
	for name, text := range sorted(map[string][3]string{
		"Japanese":            {"Japan1", "90ms-RKSJ-H", "\x93\xfa\x96\x7b\x8c\xea\x82\xcc\x90\x5c\x90\xbf"},
		"Chinese":             {"GB1", "GBK-EUC-H", "\xd6\xd0\xce\xc4\xbc\xf2\xcc\xe5"},
		"Chinese traditional": {"CNS1", "ETen-B5-H", "\xc1\x63\xc5\xe9\xa4\xa4\xa4\xe5"},
		"Korean":              {"Korea1", "KSCms-UHC-H", "\xc7\xd1\xb1\xb9\xbe\xee"},
	}) {
		c.add("PDF", ".pdf", name,
			PDF("", []PDFPage{Rows(FirstFree(1), []byte(text[2]))}, CIDFont(FirstFree(1), text[0], text[1])...))
	}
}

// sorted iterates over a map in the order of its keys.
func sorted[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

// subsampledOf returns a picture as YCbCr in which four pixels share a chroma sample.
func subsampledOf(m image.Image) *image.YCbCr {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	decoded, err := jpeg.Decode(&b)
	if err != nil {
		panic(err)
	}
	return decoded.(*image.YCbCr)
}
