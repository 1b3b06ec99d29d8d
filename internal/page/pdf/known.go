package pdf

import (
	"fmt"
	"strings"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"

	"github.com/bucketocr/bucketocr/internal/page/textlayer"
)

// knownFonts lists the fonts with which a page's letters are compared, as typical shapes of letters.
var knownFonts = []string{"Helvetica", "Helvetica-Bold", "Helvetica-Oblique", "Times-Roman", "Times-Bold",
	"Times-Italic", "Times-BoldItalic", "Courier", "Courier-Bold"}

// knownGlyphs returns the shapes of known characters, which are drawn only once.
func (e *Engine) knownGlyphs(room int64) (*textlayer.Glyphs, error) {
	if e.glyphs != nil {
		return e.glyphs, nil
	}
	known := textlayer.Known()
	glyphs := textlayer.NewGlyphs()
	err := e.call(specimen(known), room, func(i pdfium.Pdfium, doc references.FPDF_DOCUMENT) error {
		for n := range knownFonts {
			page := requests.Page{ByIndex: &requests.PageByIndex{Document: doc, Index: n}}
			m, err := drawn(i, page, nil, textlayer.SheetSide(len(known)), textlayer.SheetSide(len(known)))
			if err != nil {
				return err
			}
			glyphs.Learn(m, known)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	glyphs.Settle()
	e.glyphs = glyphs
	return glyphs, nil
}

// specimen returns a PDF with a page for each of knownFonts, on which each character has a cell.
func specimen(runes []rune) []byte {
	const perFont = 200 // codes per font
	chunks := (len(runes) + perFont - 1) / perFont
	objects := []string{"<< /Type /Catalog /Pages 2 0 R >>", ""}
	add := func(body string) int {
		objects = append(objects, body)
		return len(objects)
	}
	var kids []string
	side := textlayer.SheetSide(len(runes))
	codes := map[rune]int{}
	for _, name := range knownFonts {
		var fonts, content strings.Builder
		for c := range chunks {
			var names strings.Builder
			for k := c * perFont; k < min(len(runes), (c+1)*perFont); k++ {
				codes[runes[k]] = k
				fmt.Fprintf(&names, "/uni%04X ", runes[k])
			}
			n := add(fmt.Sprintf(
				"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding << /Type /Encoding /Differences [32 %s] >> >>",
				name, names.String()))
			fmt.Fprintf(&fonts, "/F%d %d 0 R ", c, n)
		}
		for k, r := range runes {
			x, y := textlayer.Cell(k, len(runes))
			fmt.Fprintf(&content, "BT %d %d Td\n", x, side-y)
			for _, r := range textlayer.Spelled(r) {
				fmt.Fprintf(&content, "/F%d %d Tf <%02x> Tj\n", codes[r]/perFont, textlayer.CellSize,
					32+codes[r]%perFont)
			}
			content.WriteString("ET\n")
		}
		stream := add(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", content.Len(), content.String()))
		page := add(fmt.Sprintf(
			"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << %s >> >> /Contents %d 0 R >>",
			side, side, fonts.String(), stream))
		kids = append(kids, fmt.Sprintf("%d 0 R", page))
	}
	objects[1] = fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", len(kids), strings.Join(kids, " "))
	var w Writer
	for _, body := range objects {
		w.Object([]byte(body))
	}
	return w.Bytes()
}
