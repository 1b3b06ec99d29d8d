package pagetest

import (
	"bytes"
	"fmt"
	"strings"
)

// PDFPage is one page of a PDF: its box in points, its content and what else its dictionary and resources hold.
type PDFPage struct {
	Width, Height int
	Content       string
	Dict          string // "/Rotate 90"
	Resources     string // beside the font /F1, Helvetica
}

// Text is a page of A4 with lines of text.
func Text(lines ...string) PDFPage {
	var b strings.Builder
	b.WriteString("BT /F1 14 Tf 18 TL 60 780 Td\n")
	for _, line := range lines {
		fmt.Fprintf(&b, "(%s) Tj T*\n", strings.NewReplacer("\\", "\\\\", "(", "\\(", ")", "\\)").Replace(line))
	}
	b.WriteString("ET\n")
	return PDFPage{Width: 595, Height: 842, Content: b.String()}
}

// Scan is a page of width x height points with the picture all over it that is the object of that number.
func Scan(width, height int, object int) PDFPage {
	return PDFPage{Width: width, Height: height, Content: fmt.Sprintf("%d 0 0 %d 0 0 cm /Im Do\n", width, height),
		Resources: fmt.Sprintf("/XObject << /Im %d 0 R >>", object)}
}

// FirstFree is the number of the first object beside n pages.
func FirstFree(n int) int { return 4 + 2*n }

// Stream is an object with a body.
func Stream(dict string, body []byte) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(body), body)
}

// PDF is a file of pages; more are objects beside them, numbered from FirstFree; catalog is added to its dictionary.
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
			"/Resources << /Font << /F1 3 0 R >> %s >> %s >>", p.Width, p.Height, 5+2*i, p.Resources, p.Dict),
			Stream("", []byte(p.Content)))
	}
	return Objects(append(objects, more...)...)
}

// Objects is a PDF file of objects, the first of which is its catalog.
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
