package pdf

import (
	"image"
	"unicode"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

// maxLooked bounds the characters of a page whose glyphs are checked; a page full of small print has 15,000.
const maxLooked = 50_000

// text is the text of one page as PDFium extracts it, without annotations and form fields.
type text struct {
	pdfium pdfium.Pdfium
	page   requests.Page
	chars  references.FPDF_TEXTPAGE
	count  int
}

func openText(i pdfium.Pdfium, page requests.Page) (*text, error) {
	p, err := i.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: page})
	if err != nil {
		return nil, crash(err)
	}
	n, err := i.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: p.TextPage})
	if err != nil {
		return nil, crash(err)
	}
	return &text{pdfium: i, page: page, chars: p.TextPage, count: n.Count}, nil
}

// any reports whether there are characters other than spaces.
func (t *text) any() (bool, error) {
	for n := range t.count {
		r, err := t.char(n)
		if err != nil || visible(r) {
			return err == nil, err
		}
	}
	return false, nil
}

// lacksGlyphs reports whether PDFium has no glyph for a character, neither in the substitute for its font nor in the
// fallback font, or can only guess which character a code means. Embedded fonts are not checked.
//
// A character without a glyph may be part of a glyph, such as a ligature. So if there seems to be no glyph, the picture
// of the page decides.
func (t *text) lacksGlyphs(picture *image.NRGBA) (bool, error) {
	drawn := map[rune]bool{} // drawn by a substitute
	for n := range min(t.count, maxLooked) {
		r, err := t.char(n)
		if err != nil {
			return false, err
		}
		if !visible(r) || drawn[r] {
			continue
		}
		font, err := t.substituted(n)
		if err != nil {
			return false, err
		}
		if font == "" {
			continue
		}
		if drawn[r] = t.draws(font, r); t.guessed(n) || !drawn[r] && !t.inked(n, picture) {
			return true, nil
		}
	}
	return false, nil
}

func (t *text) char(n int) (rune, error) {
	c, err := t.pdfium.FPDFText_GetUnicode(&requests.FPDFText_GetUnicode{TextPage: t.chars, Index: n})
	if err != nil {
		return 0, crash(err)
	}
	return rune(c.Unicode), nil
}

// draws reports whether a font's substitute draws a character.
func (t *text) draws(font references.FPDF_FONT, r rune) bool {
	// Despite its name, Glyph is the number of the character.
	path, err := t.pdfium.FPDFFont_GetGlyphPath(&requests.FPDFFont_GetGlyphPath{Font: font, Glyph: uint32(r),
		FontSize: 1})
	if err != nil {
		return false
	}
	lines, err := t.pdfium.FPDFGlyphPath_CountGlyphSegments(
		&requests.FPDFGlyphPath_CountGlyphSegments{GlyphPath: path.GlyphPath})
	return err == nil && lines.Count > 0
}

// guessed reports whether PDFium does not know which character a code means.
func (t *text) guessed(n int) bool {
	guess, err := t.pdfium.FPDFText_HasUnicodeMapError(&requests.FPDFText_HasUnicodeMapError{TextPage: t.chars,
		Index: n})
	return err == nil && guess.HasUnicodeMapError
}

// inked reports whether the picture has more than one colour within the box of a character.
func (t *text) inked(n int, picture *image.NRGBA) bool {
	box, err := t.pdfium.FPDFText_GetLooseCharBox(&requests.FPDFText_GetLooseCharBox{TextPage: t.chars, Index: n})
	if err != nil {
		return false
	}
	at := func(x, y float32) image.Point {
		d, err := t.pdfium.FPDF_PageToDevice(&requests.FPDF_PageToDevice{Page: t.page, SizeX: picture.Rect.Dx(),
			SizeY: picture.Rect.Dy(),
			PageX: float64(x), PageY: float64(y)})
		if err != nil {
			return image.Point{}
		}
		return image.Pt(d.DeviceX, d.DeviceY)
	}
	r := image.Rectangle{
		at(box.Rect.Left, box.Rect.Top), at(box.Rect.Right, box.Rect.Bottom)}.Canon().Intersect(picture.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if picture.NRGBAAt(x, y) != picture.NRGBAAt(r.Min.X, r.Min.Y) {
				return true
			}
		}
	}
	return false
}

// substituted returns the font of a character if it is not embedded, else "".
func (t *text) substituted(n int) (references.FPDF_FONT, error) {
	object, err := t.pdfium.FPDFText_GetTextObject(&requests.FPDFText_GetTextObject{TextPage: t.chars, Index: n})
	if err != nil {
		return "", nil // a character that PDFium added, such as a space between words
	}
	font, err := t.pdfium.FPDFTextObj_GetFont(&requests.FPDFTextObj_GetFont{PageObject: object.TextObject})
	if err != nil {
		return "", crash(err)
	}
	embedded, err := t.pdfium.FPDFFont_GetIsEmbedded(&requests.FPDFFont_GetIsEmbedded{Font: font.Font})
	if err != nil {
		return "", crash(err)
	}
	if embedded.IsEmbedded {
		return "", nil
	}
	return font.Font, nil
}

// visible reports whether a character is visible, unlike spaces, direction marks and line ends.
func visible(r rune) bool {
	return !unicode.In(r, unicode.White_Space, unicode.C, unicode.Variation_Selector) || unicode.Is(unicode.Co, r)
}
