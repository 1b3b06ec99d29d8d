package pagetest

import (
	"bytes"
	"fmt"
	"strings"
)

// PDFPage is a page of a PDF: its size in points, its content, and additions to its dictionary and resources.
type PDFPage struct {
	Width, Height int
	Content       string
	Dict          string // "/Rotate 90"
	Fonts         string // in addition to /F1, which is Helvetica: "/F2 6 0 R"
	Resources     string // in addition to the fonts
}

// Text returns a page of A4 with lines of text.
func Text(lines ...string) PDFPage {
	var b strings.Builder
	b.WriteString("BT /F1 14 Tf 18 TL 60 780 Td\n")
	for _, line := range lines {
		fmt.Fprintf(&b, "(%s) Tj T*\n", strings.NewReplacer("\\", "\\\\", "(", "\\(", ")", "\\)").Replace(line))
	}
	b.WriteString("ET\n")
	return PDFPage{Width: 595, Height: 842, Content: b.String()}
}

// Scan returns a page of width x height points that is covered by a picture, the object with that number.
func Scan(width, height int, object int) PDFPage {
	return PDFPage{Width: width, Height: height, Content: fmt.Sprintf("%d 0 0 %d 0 0 cm /Im Do\n", width, height),
		Resources: fmt.Sprintf("/XObject << /Im %d 0 R >>", object)}
}

// FirstFree returns the number of the first object after those of n pages.
func FirstFree(n int) int { return 4 + 2*n }

// Stream returns a stream object.
func Stream(dict string, body []byte) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(body), body)
}

// PDF returns a file of pages. more are further objects, numbered from FirstFree; catalog is added to the catalog's
// dictionary.
func PDF(catalog string, pages []PDFPage, more ...string) []byte {
	var kids []string
	for i := range pages {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+2*i))
	}
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R " + catalog + " >>",
		fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", len(pages), strings.Join(kids, " ")),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	for i, p := range pages {
		objects = append(objects, fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R "+
			"/Resources << /Font << /F1 3 0 R %s >> %s >> %s >>", p.Width, p.Height, 5+2*i, p.Fonts, p.Resources,
			p.Dict),
			Stream("", []byte(p.Content)))
	}
	return Objects(append(objects, more...)...)
}

// Objects returns a PDF file of objects, the first of which is the catalog.
func Objects(objects ...string) []byte { return file(objects, "") }

func file(objects []string, trailer string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n")
	var at []int
	for i, o := range objects {
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, n := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", n)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, trailer, xref)
	return b.Bytes()
}

// The functions below return the objects of a font that is not embedded, to be passed to PDF. The first object is the
// font.

// SimpleFont returns a font with one byte per character, whose glyphs are as wide as high. The characters from code 128
// on have the glyphs of these names.
func SimpleFont(name string, glyphs ...string) []string {
	return []string{
		fmt.Sprintf("<< /Type /Font /Subtype /TrueType /BaseFont /%s /Encoding << /BaseEncoding /WinAnsiEncoding /Differences [128 /%s] >> "+
			"/FirstChar 128 /LastChar %d /Widths [%s] >>", name, strings.Join(glyphs, "/"), 127+len(glyphs),
			strings.Repeat("1000 ", len(glyphs)))}
}

// CIDFont returns an East Asian font of an Adobe character collection (Japan1) with an encoding (90ms-RKSJ-H), whose
// glyphs are as wide as high. number is that of its first object.
func CIDFont(number int, collection, encoding string, toUnicode ...string) []string {
	unicode := ""
	if len(toUnicode) > 0 {
		unicode = fmt.Sprintf("/ToUnicode %d 0 R", number+3)
	}
	return append([]string{
		fmt.Sprintf("<< /Type /Font /Subtype /Type0 /BaseFont /Unheard-of /Encoding /%s /DescendantFonts [%d 0 R] %s >>",
			encoding, number+1, unicode),
		fmt.Sprintf("<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Unheard-of /CIDSystemInfo << /Registry (Adobe) /Ordering (%s) /Supplement 0 >> "+
			"/DW 1000 /FontDescriptor %d 0 R >>", collection, number+2),
		"<< /Type /FontDescriptor /FontName /Unheard-of /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 880 /Descent -120 " +
			"/CapHeight 700 /StemV 80 >>"}, toUnicode...)
}

// ToUnicode returns an object that maps codes of two bytes, from 1 on, to characters.
func ToUnicode(characters string) string {
	var lines []string
	for _, r := range characters {
		lines = append(lines, fmt.Sprintf("<%04X> <%04X>", len(lines)+1, r))
	}
	return Stream("", fmt.Appendf(nil, "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def "+
		"1 begincodespacerange <0000> <FFFF> endcodespacerange %d beginbfchar\n%s\nendbfchar endcmap end end",
		len(lines), strings.Join(lines, "\n")))
}

// Row returns a page with a row of n characters of 20 points, from its left edge to its right. font is the number of
// the font's object.
func Row(font, n int, codes []byte) PDFPage {
	return PDFPage{Width: 20 * n, Height: 40, Content: fmt.Sprintf("BT /F2 20 Tf 0 12 Td <%x> Tj ET", codes),
		Fonts: fmt.Sprintf("/F2 %d 0 R", font)}
}

// Rows returns a page of A4 with twenty rows of characters of 12 points. font is the number of the font's object.
func Rows(font int, codes []byte) PDFPage {
	return PDFPage{Width: 595, Height: 842,
		Content: "BT /F2 12 Tf 18 TL 60 780 Td\n" + strings.Repeat(fmt.Sprintf("<%x> Tj T*\n", codes), 20) + "ET\n",
		Fonts:   fmt.Sprintf("/F2 %d 0 R", font)}
}
