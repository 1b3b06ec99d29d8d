package pdf

import (
	"errors"
	"fmt"
	"image"
	"math"
	"strings"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/responses"

	"github.com/bucketocr/bucketocr/internal/page/textlayer"
)

// Limits for examining the text of a page; a page that exceeds one is drawn. A page full of small print has 15,000
// characters.
const (
	maxLayerChars   = 20_000
	maxLayerObjects = 20_000
	maxLayerDepth   = 8
	// longest side in pixels of the drawing that the text is compared with: 7-point letters on A4 get 20 pixels
	layerEdge = 2400
)

// Text returns the text layer of page n of the file b as Markdown, or the doubt because of which the drawn page should
// be read instead. It uses at most room bytes of memory in addition to some 40 MB for its results.
func (e *Engine) Text(b []byte, n int, room int64) (markdown string, doubt textlayer.Doubt, err error) {
	glyphs, err := e.knownGlyphs(room)
	if err != nil {
		return "", "", err
	}
	err = e.call(b, room, func(i pdfium.Pdfium, doc references.FPDF_DOCUMENT) error {
		var p textlayer.Page
		page := requests.Page{ByIndex: &requests.PageByIndex{Document: doc, Index: n - 1}}
		if p, doubt, err = layerOf(i, page, &doc); doubt != "" || err != nil {
			return err
		}
		markdown, doubt = textlayer.Read(p, glyphs)
		return nil
	})
	return markdown, doubt, err
}

// layerOf returns the text of a page and its drawing, or a doubt that makes them useless.
func layerOf(i pdfium.Pdfium, page requests.Page, doc *references.FPDF_DOCUMENT) (p textlayer.Page,
	doubt textlayer.Doubt, err error) {
	w, h, err := size(i, page, layerEdge)
	if err != nil {
		return p, "", err
	}
	l := &layer{text: &text{pdfium: i, page: page}, w: w, h: h}
	if doubt, err = l.annotations(); doubt != "" || err != nil {
		return p, doubt, err
	}
	if l.text, err = openText(i, page); err != nil {
		return p, "", err
	}
	switch {
	case l.text.count == 0:
		return p, textlayer.NoText, nil
	case l.text.count > maxLayerChars:
		return p, textlayer.TooMuch, nil
	}
	if err = l.place(); err != nil {
		return p, "", err
	}
	if doubt, err = l.pictures(); doubt != "" || err != nil {
		return p, doubt, err
	}
	if doubt, err = l.chars(); doubt != "" || err != nil {
		return p, doubt, err
	}
	if doubt = textlayer.Glance(l.found); doubt != "" {
		return p, doubt, nil
	}
	drawing, err := drawn(i, page, doc, w, h)
	if err != nil {
		return p, "", err
	}
	return textlayer.Page{Chars: l.found, Drawing: drawing}, "", nil
}

// layer collects the text of a page.
type layer struct {
	text  *text
	w, h  int
	to    affine // from the page's points to pixels
	found []textlayer.Char
}

// affine is an affine map of points.
type affine struct{ a, b, c, d, e, f float64 }

func (m affine) at(x, y float64) (float64, float64) { return m.a*x + m.c*y + m.e, m.b*x + m.d*y + m.f }

// rect maps a rectangle. The map must turn by a multiple of 90 degrees.
func (m affine) rect(x0, y0, x1, y1 float64) textlayer.Rect {
	ax, ay := m.at(x0, y0)
	bx, by := m.at(x1, y1)
	return textlayer.Rect{X0: min(ax, bx), Y0: min(ay, by), X1: max(ax, bx), Y1: max(ay, by)}
}

// place finds the map from the page to the drawing, including rotation and crop box.
func (l *layer) place() error {
	const fine = 1 << 20 // pixels per side: makes rounding to integers harmless
	const far = 1000     // points
	at := func(x, y float64) (float64, float64, error) {
		d, err := l.text.pdfium.FPDF_PageToDevice(&requests.FPDF_PageToDevice{Page: l.text.page, SizeX: fine,
			SizeY: fine, PageX: x, PageY: y})
		if err != nil {
			return 0, 0, crash(err)
		}
		return float64(d.DeviceX) / fine * float64(l.w), float64(d.DeviceY) / fine * float64(l.h), nil
	}
	e, f, err := at(0, 0)
	ax, bx, errX := at(far, 0)
	cx, dx, errY := at(0, far)
	l.to = affine{(ax - e) / far, (bx - f) / far, (cx - e) / far, (dx - f) / far, e, f}
	return errors.Join(err, errX, errY)
}

// annotations looks for notes and forms, whose text is not in the text layer.
func (l *layer) annotations() (textlayer.Doubt, error) {
	n, err := l.text.pdfium.FPDFPage_GetAnnotCount(&requests.FPDFPage_GetAnnotCount{Page: l.text.page})
	if err != nil {
		return "", crash(err)
	}
	if n.Count > maxLayerObjects {
		return textlayer.TooMuch, nil
	}
	for i := range n.Count {
		a, err := l.text.pdfium.FPDFPage_GetAnnot(&requests.FPDFPage_GetAnnot{Page: l.text.page, Index: i})
		if err != nil {
			return textlayer.Notes, nil
		}
		kind, err := l.text.pdfium.FPDFAnnot_GetSubtype(&requests.FPDFAnnot_GetSubtype{Annotation: a.Annotation})
		if err != nil {
			return textlayer.Notes, nil
		}
		if kind.Subtype != enums.FPDF_ANNOT_SUBTYPE_LINK && kind.Subtype != enums.FPDF_ANNOT_SUBTYPE_POPUP {
			return textlayer.Notes, nil
		}
		_, _ = l.text.pdfium.FPDFPage_CloseAnnot(&requests.FPDFPage_CloseAnnot{Annotation: a.Annotation})
	}
	return "", nil
}

// pictures looks for visible pictures, whose text is not in the text layer.
func (l *layer) pictures() (textlayer.Doubt, error) {
	found, all, err := l.anyPicture(maxLayerObjects, func(references.FPDF_PAGEOBJECT) (bool, error) {
		return true, nil
	})
	switch {
	case err != nil:
		return "", err
	case found:
		return textlayer.Picture, nil
	case !all:
		return textlayer.TooMuch, nil
	}
	return "", nil
}

// anyPicture reports whether is is true of a visible picture. If it is not, all reports whether it was asked about all
// pictures: a page may have more than most objects.
func (l *layer) anyPicture(most int, is func(references.FPDF_PAGEOBJECT) (bool, error)) (found, all bool, err error) {
	n, err := l.text.pdfium.FPDFPage_CountObjects(&requests.FPDFPage_CountObjects{Page: l.text.page})
	if err != nil {
		return false, false, crash(err)
	}
	return l.anyPictureOf(n.Count, 0, &most, is, func(i int) (references.FPDF_PAGEOBJECT, error) {
		o, err := l.text.pdfium.FPDFPage_GetObject(&requests.FPDFPage_GetObject{Page: l.text.page, Index: i})
		if err != nil {
			return "", err
		}
		return o.PageObject, nil
	})
}

func (l *layer) anyPictureOf(n, depth int, left *int, is func(references.FPDF_PAGEOBJECT) (bool, error),
	object func(int) (references.FPDF_PAGEOBJECT, error)) (found, all bool, err error) {
	if *left -= n; *left < 0 || depth > maxLayerDepth {
		return false, false, nil
	}
	all = true
	for i := range n {
		o, err := object(i)
		if err != nil {
			return false, false, crash(err)
		}
		kind, err := l.text.pdfium.FPDFPageObj_GetType(&requests.FPDFPageObj_GetType{PageObject: o})
		if err != nil {
			return false, false, crash(err)
		}
		switch kind.Type {
		case enums.FPDF_PAGEOBJ_IMAGE:
			if depth > 0 || l.showsPicture(o) { // the position of a nested part is unknown
				found, err = is(o)
			}
		case enums.FPDF_PAGEOBJ_FORM:
			var parts *responses.FPDFFormObj_CountObjects
			parts, err = l.text.pdfium.FPDFFormObj_CountObjects(&requests.FPDFFormObj_CountObjects{PageObject: o})
			if err != nil {
				return false, false, crash(err)
			}
			var every bool
			found, every, err = l.anyPictureOf(parts.Count, depth+1, left, is,
				func(i int) (references.FPDF_PAGEOBJECT, error) {
					part, err := l.text.pdfium.FPDFFormObj_GetObject(&requests.FPDFFormObj_GetObject{PageObject: o,
						Index: uint64(i)})
					if err != nil {
						return "", err
					}
					return part.PageObject, nil
				})
			all = all && every
		}
		if found || err != nil {
			return found, all, err
		}
	}
	return false, all, nil
}

// showsPicture reports whether a picture is visible on the page and thicker than a line.
func (l *layer) showsPicture(o references.FPDF_PAGEOBJECT) bool {
	b, err := l.text.pdfium.FPDFPageObj_GetBounds(&requests.FPDFPageObj_GetBounds{PageObject: o})
	if err != nil {
		return true
	}
	const line = 4 // pixels
	r := l.to.rect(float64(b.Left), float64(b.Bottom), float64(b.Right), float64(b.Top)).Intersect(l.bounds())
	return min(r.X1-r.X0, r.Y1-r.Y0) > line
}

func (l *layer) bounds() textlayer.Rect {
	return textlayer.Rect{X1: float64(l.w), Y1: float64(l.h)}
}

// chars collects the characters that lie on the page.
func (l *layer) chars() (textlayer.Doubt, error) {
	var font string
	for n := range l.text.count {
		r, err := l.text.char(n)
		if err != nil {
			return "", err
		}
		const atLineEnd = 2 // PDFium's code for a hyphen there
		if r == atLineEnd {
			r = '-'
		}
		c := textlayer.Char{Rune: r}
		if !visible(r) {
			generated, err := l.text.pdfium.FPDFText_IsGenerated(&requests.FPDFText_IsGenerated{TextPage: l.text.chars,
				Index: n})
			if err != nil {
				return "", crash(err)
			}
			c.Space, c.Guessed = true, generated.IsGenerated
			l.found = append(l.found, c)
			continue
		}
		if l.text.guessed(n) {
			return textlayer.Unmapped, nil
		}
		var ok bool
		if c.Box, c.Advance, ok = l.boxes(n); !ok || !c.Advance.Touches(l.bounds()) {
			continue
		}
		origin, err := l.text.pdfium.FPDFText_GetCharOrigin(&requests.FPDFText_GetCharOrigin{TextPage: l.text.chars,
			Index: n})
		if err != nil {
			return "", crash(err)
		}
		c.X, c.Y = l.to.at(origin.X, origin.Y)
		if upright, err := l.matrix(n, &c); err != nil || !upright {
			return textlayer.Turned, err
		}
		if doubt := l.mode(n); doubt != "" {
			return doubt, nil
		}
		info, err := l.text.pdfium.FPDFText_GetFontInfo(&requests.FPDFText_GetFontInfo{TextPage: l.text.chars,
			Index: n})
		if err == nil {
			font = info.FontName
			const fixedPitch = 1
			c.Fixed = info.Flags&fixedPitch != 0 || strings.Contains(strings.ToLower(font), "mono") ||
				strings.Contains(font, "Courier")
		}
		c.Font = fmt.Sprintf("%s %.0f", font, c.Size)
		l.found = append(l.found, c)
	}
	return "", nil
}

// matrix sets the drawn size of a character and reports whether it is upright in the drawing.
func (l *layer) matrix(n int, c *textlayer.Char) (upright bool, err error) {
	size, err := l.text.pdfium.FPDFText_GetFontSize(&requests.FPDFText_GetFontSize{TextPage: l.text.chars, Index: n})
	if err != nil {
		return false, crash(err)
	}
	m, err := l.text.pdfium.FPDFText_GetMatrix(&requests.FPDFText_GetMatrix{TextPage: l.text.chars, Index: n})
	if err != nil {
		return false, crash(err)
	}
	turn := func(x, y float32) (float64, float64) {
		return l.to.a*float64(x) + l.to.c*float64(y), l.to.b*float64(x) + l.to.d*float64(y)
	}
	alongX, alongY := turn(m.Matrix.A, m.Matrix.B)
	upX, upY := turn(m.Matrix.C, m.Matrix.D)
	c.Size = size.FontSize * math.Hypot(upX, upY)
	const little = 0.01
	return alongX > 0 && math.Abs(alongY) < little*alongX && upY < 0, nil
}

// boxes returns the box of a character's ink and its box in the line.
func (l *layer) boxes(n int) (ink, advance textlayer.Rect, ok bool) {
	tight, err := l.text.pdfium.FPDFText_GetCharBox(&requests.FPDFText_GetCharBox{TextPage: l.text.chars, Index: n})
	loose, looseErr := l.text.pdfium.FPDFText_GetLooseCharBox(&requests.FPDFText_GetLooseCharBox{TextPage: l.text.chars,
		Index: n})
	if err != nil || looseErr != nil {
		return ink, advance, false
	}
	return l.to.rect(tight.Left, tight.Bottom, tight.Right, tight.Top),
		l.to.rect(float64(loose.Rect.Left), float64(loose.Rect.Bottom), float64(loose.Rect.Right),
			float64(loose.Rect.Top)), true
}

// mode returns a doubt if a character is drawn invisibly or as an outline.
func (l *layer) mode(n int) textlayer.Doubt {
	o, err := l.text.pdfium.FPDFText_GetTextObject(&requests.FPDFText_GetTextObject{TextPage: l.text.chars, Index: n})
	if err != nil {
		return textlayer.Hidden
	}
	m, err := l.text.pdfium.FPDFTextObj_GetTextRenderMode(
		&requests.FPDFTextObj_GetTextRenderMode{PageObject: o.TextObject})
	switch {
	case err != nil:
		return textlayer.Hidden
	case m.TextRenderMode == enums.FPDF_TEXTRENDERMODE_FILL, m.TextRenderMode == enums.FPDF_TEXTRENDERMODE_FILL_STROKE:
		return ""
	}
	return textlayer.Hidden
}

// drawn draws a page on white.
func drawn(i pdfium.Pdfium, page requests.Page, doc *references.FPDF_DOCUMENT, w, h int) (*image.Gray, error) {
	d, err := i.RenderPageInPixels(&requests.RenderPageInPixels{Page: page, Width: w, Height: h,
		RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT, RenderForm: doc != nil, Document: doc})
	if err != nil {
		return nil, crash(err)
	}
	defer d.Cleanup()
	m, ok := d.Result.RenderedImage.(*image.RGBA)
	if !ok {
		return nil, fmt.Errorf("PDFium drew a %T", d.Result.RenderedImage)
	}
	return textlayer.Darkest(m), nil
}
