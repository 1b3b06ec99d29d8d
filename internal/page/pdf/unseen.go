package pdf

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"math"
	"sync"

	"github.com/klippa-app/go-pdfium"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"

	"github.com/bucketocr/bucketocr/internal/page/jpegdecode"
	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
)

// Unseen is what a page holds although its drawing is blank.
type Unseen struct {
	Text bool // characters other than spaces, visible or not
	Lost bool // a picture that cannot be decoded: PDFium leaves it out, or draws it in one colour
}

// Unseen examines page n of the file b, which Draw has drawn blank with the same arguments. It uses at most room bytes
// of memory in addition to a drawing or a compressed picture.
func (e *Engine) Unseen(b []byte, n, edge int, room int64) (u Unseen, err error) {
	err = e.call(b, room, func(i pdfium.Pdfium, doc references.FPDF_DOCUMENT) error {
		page := requests.Page{ByIndex: &requests.PageByIndex{Document: doc, Index: n - 1}}
		text, err := openText(i, page)
		if err != nil {
			return err
		}
		if u.Text, err = text.any(); err != nil {
			return err
		}
		// Every JPEG 2000 of the page asks for the same drawing.
		draws := sync.OnceValues(func() (bool, error) { return drawsAny(i, page, edge) })
		left := 1000 // a scan may consist of hundreds of strips
		u.Lost, err = anyEmbedded(i, page, maxLayerObjects, func(p *embedded) (bool, error) {
			if left--; left < 0 {
				return false, nil
			}
			return p.lost(draws)
		})
		return err
	})
	return u, err
}

// lacksPicture is a glance at a page drawn from the file b. It reports whether PDFium has left out a picture, or drawn
// a JPEG that is cut off. It does not look at pages of many objects. It decodes only JPEGs without an end mark, and
// takes less than a millisecond if the file has none, plus a tenth for each megabyte of the file.
func lacksPicture(i pdfium.Pdfium, page requests.Page, b []byte) (bool, error) {
	const most = 100 // objects
	cut := lacksJPEGEnd(b)
	return anyEmbedded(i, page, most, func(p *embedded) (bool, error) {
		filter, _, err := p.filter()
		if err != nil || filter == jpx {
			return false, err
		}
		if starts, err := p.starts(); !starts || err != nil || !cut || filter != "DCTDecode" && filter != "DCT" {
			return !starts, err
		}
		data := p.data()
		return !endsAsJPEG(data) && lostJPEG(data), nil
	})
}

// lacksJPEGEnd reports whether a stream of the PDF begins as a JPEG and does not end as one.
func lacksJPEGEnd(b []byte) bool {
	for {
		begin := bytes.Index(b, []byte{0xff, jpegfile.SOI, 0xff})
		if begin < 0 {
			return false
		}
		b = b[begin:]
		end := bytes.Index(b, []byte("endstream"))
		if end < 0 || !endsAsJPEG(b[:end]) {
			return true
		}
		b = b[end:]
	}
}

// endsAsJPEG reports whether a file ends with a JPEG's last marker, except for white space.
func endsAsJPEG(b []byte) bool {
	return bytes.HasSuffix(bytes.TrimRight(b, "\x00\t\n\f\r "), []byte{0xff, jpegfile.EOI})
}

// anyEmbedded reports whether is is true of a visible picture of a page that has at most so many objects.
func anyEmbedded(i pdfium.Pdfium, page requests.Page, most int, is func(*embedded) (bool, error)) (bool, error) {
	w, h, err := size(i, page, layerEdge)
	if err != nil {
		return false, err
	}
	l := &layer{text: &text{pdfium: i, page: page}, w: w, h: h}
	if err := l.place(); err != nil {
		return false, err
	}
	found, _, err := l.anyPicture(most, func(o references.FPDF_PAGEOBJECT) (bool, error) {
		return is(&embedded{i, page, o})
	})
	return found, err
}

// embedded is a picture of a page.
type embedded struct {
	pdfium pdfium.Pdfium
	page   requests.Page
	object references.FPDF_PAGEOBJECT
}

// jpx is the filter of JPEG 2000. PDFium decodes it as a whole: in a smaller size when it draws a page, in full when it
// is asked for a picture.
const jpx = "JPXDecode"

// lost reports whether the picture cannot be decoded. It never asks for all pixels, since PDFium draws pictures that
// are larger than its memory. A JPEG 2000 is lost if the page draws nothing: also a sound one that PDFium would have to
// decode in a smaller size than the file holds.
func (p *embedded) lost(draws func() (bool, error)) (bool, error) {
	filter, last, err := p.filter()
	if err != nil {
		return false, err
	}
	if filter == jpx {
		drawn, err := draws()
		return !drawn, err
	}
	if starts, err := p.starts(); !starts || err != nil {
		return !starts, err
	}
	// Some decoders start although they will not find anything.
	switch filter {
	case "DCTDecode", "DCT":
		return lostJPEG(p.data()), nil
	case "JBIG2Decode":
		return lostJBIG2(p.data()), nil
	case "FlateDecode", "Fl":
		return last == 0 && lostZlib(p.raw()), nil
	}
	return false, nil
}

// starts reports whether the picture's decoder can be started.
func (p *embedded) starts() (bool, error) {
	m, err := p.pdfium.FPDFImageObj_GetImageMetadata(&requests.FPDFImageObj_GetImageMetadata{ImageObject: p.object,
		Page: p.page})
	if err != nil {
		return false, crash(err)
	}
	return m.ImageMetadata.BitsPerPixel > 0, nil
}

// filter returns the name and index of the last filter, which makes the pixels; "" if there is none.
func (p *embedded) filter() (name string, last int, err error) {
	n, err := p.pdfium.FPDFImageObj_GetImageFilterCount(&requests.FPDFImageObj_GetImageFilterCount{
		ImageObject: p.object})
	if err != nil {
		return "", 0, crash(err)
	}
	if n.Count < 1 {
		return "", 0, nil
	}
	last = n.Count - 1
	f, err := p.pdfium.FPDFImageObj_GetImageFilter(&requests.FPDFImageObj_GetImageFilter{ImageObject: p.object,
		Index: last})
	if err != nil {
		return "", 0, nil // it has no name
	}
	return f.ImageFilter, last, nil
}

// raw returns the bytes of the picture as in the file, data those that the last filter reads if it is one for pictures.
// Both return nil if there are none.
func (p *embedded) raw() []byte {
	d, err := p.pdfium.FPDFImageObj_GetImageDataRaw(&requests.FPDFImageObj_GetImageDataRaw{ImageObject: p.object})
	if err != nil {
		return nil
	}
	return d.Data
}

func (p *embedded) data() []byte {
	d, err := p.pdfium.FPDFImageObj_GetImageDataDecoded(&requests.FPDFImageObj_GetImageDataDecoded{
		ImageObject: p.object})
	if err != nil {
		return nil
	}
	return d.Data
}

// drawsAny reports whether a page draws anything, white or not. It is drawn in the size in which it was blank, which
// decides what is decoded.
func drawsAny(i pdfium.Pdfium, page requests.Page, edge int) (bool, error) {
	w, h, err := size(i, page, edge)
	if err != nil {
		return false, err
	}
	created, err := i.FPDFBitmap_Create(&requests.FPDFBitmap_Create{Width: w, Height: h, Alpha: 1})
	if err != nil {
		return false, crash(err)
	}
	m := created.Bitmap
	_, err = i.FPDFBitmap_FillRect(&requests.FPDFBitmap_FillRect{Bitmap: m, Width: w, Height: h, Color: 0})
	if err != nil {
		return false, crash(err)
	}
	_, err = i.FPDF_RenderPageBitmap(&requests.FPDF_RenderPageBitmap{Page: page, Bitmap: m, SizeX: w, SizeY: h})
	if err != nil {
		return false, crash(err)
	}
	pixels, err := i.FPDFBitmap_GetBuffer(&requests.FPDFBitmap_GetBuffer{Bitmap: m})
	if err != nil {
		return false, crash(err)
	}
	return len(bytes.TrimLeft(pixels.Buffer, "\x00")) > 0, nil
}

// lostJPEG reports whether part of a JPEG is missing, or is of a kind that neither PDFium nor Salvage knows.
func lostJPEG(b []byte) bool {
	for s := (&jpegfile.Bytes{File: b, At: min(2, len(b))}); ; {
		marker, body, err := s.Segment()
		f, ok := jpegfile.ParseFrame(body)
		switch {
		case err == jpegfile.ErrSize: // as decoders do, take it for a segment without a body
		case err != nil || marker == jpegfile.SOS || marker == jpegfile.EOI:
			return true
		case marker == jpegfile.SOF2 && ok && f.Width*f.Height > mostProgressive:
			return false
		case marker >= jpegfile.SOF0 && marker <= jpegfile.SOF2:
			res, err := jpegdecode.Salvage(context.Background(), b, f.Height, unused{})
			return err != nil || res.There < res.All
		}
	}
}

// mostProgressive is the largest progressive JPEG that is examined, in pixels: each needs up to a byte of memory.
const mostProgressive = 32 << 20

// unused is a sink for a picture of which only the extent is of interest.
type unused struct{}

// Begin implements jpegdecode.Sink.
func (unused) Begin(p jpegdecode.Picture) []int {
	by := make([]int, len(p.Channels))
	for i := range by {
		by[i] = 8
	}
	return by
}

// Strip implements jpegdecode.Sink.
func (unused) Strip([]jpegdecode.Samples) {}

// lostZlib reports whether not a single byte can be decompressed.
func lostZlib(b []byte) bool {
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err == nil {
		_, err = r.Read(make([]byte, 1))
	}
	return err != nil
}

// lostJBIG2 reports whether a JBIG2 is cut off before its page ends, or begins none.
func lostJBIG2(b []byte) bool {
	const (
		immediate = 38 // kinds of segments
		page      = 48
		endOfPage = 49
		unknown   = math.MaxUint32 // size of an immediate region that ends with a mark
	)
	begun := false
	for {
		kind, size, body, ok := jbig2Segment(b)
		begun = begun || ok && kind == page
		switch {
		case !ok:
			return !begun || len(bytes.Trim(b, "\x00\t\r\n ")) > 0 // a page need not say that it ends
		case kind == endOfPage, kind == immediate && size == unknown:
			return !begun
		case int64(size) > int64(len(body)):
			return true
		}
		b = body[size:]
	}
}

// jbig2Segment parses the header of a segment: its kind, the size of its body, and what follows the header.
func jbig2Segment(b []byte) (kind byte, size uint32, body []byte, ok bool) {
	const number = 4  // bytes of the segment's number
	const wide = 0x40 // the page's number has four bytes instead of one
	if len(b) < number+2 {
		return 0, 0, nil, false
	}
	at, refs := number+2, int(b[number+1]>>5) // other segments to which it refers
	if refs == 7 && len(b) >= number+5 {      // their number has four bytes, and each of them a bit
		refs = int(binary.BigEndian.Uint32(b[number+1:]) & (1<<29 - 1))
		at = number + 5 + (refs+8)/8
	}
	switch n := binary.BigEndian.Uint32(b); {
	case n <= 1<<8:
		at += refs
	case n <= 1<<16:
		at += 2 * refs
	default:
		at += 4 * refs
	}
	if at++; b[number]&wide != 0 {
		at += 3
	}
	if len(b) < at+4 {
		return 0, 0, nil, false
	}
	return b[number] & 63, binary.BigEndian.Uint32(b[at:]), b[at+4:], true
}
