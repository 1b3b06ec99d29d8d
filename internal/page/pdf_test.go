package page

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"image"
	"image/jpeg"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/pdf"
)

// TestPageWithTextIsNeverBlank: a PDF page with invisible characters is not blank, and characters that cannot be drawn
// cause a warning.
func TestPageWithTextIsNeverBlank(t *testing.T) {
	t.Parallel()
	of := func(content string) []byte {
		return pagetest.PDF("", []pagetest.PDFPage{{Width: 100, Height: 100, Content: content}})
	}
	font := pagetest.FirstFree(1)
	for name, c := range map[string]struct {
		file     []byte
		blank    bool
		warnings []string
	}{
		"nothing":          {of(""), true, nil},
		"spaces":           {of("BT /F1 12 Tf 10 10 Td (   ) Tj ET"), true, nil},
		"text":             {of("BT /F1 12 Tf 10 10 Td (text) Tj ET"), false, nil},
		"invisible text":   {of("BT /F1 12 Tf 3 Tr 10 10 Td (text) Tj ET"), false, nil},
		"text without ink": {of("1 g BT /F1 12 Tf 10 10 Td (text) Tj ET"), false, nil},
		"text in no font": {pagetest.PDF("", []pagetest.PDFPage{pagetest.Row(font, 2, []byte{128, 129})},
			pagetest.SimpleFont("Arial", "u13000", "u13001")...), false, []string{WarnMissingGlyphs}},
		"text not embedded": {pagetest.PDF("", []pagetest.PDFPage{pagetest.Row(font, 2, []byte{128, 129})},
			pagetest.SimpleFont("Arial", "aogonek", "Omega")...), false, nil},
	} {
		pg, _, err := only(t, newObject(c.file), wide(100))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if pg.Blank != c.blank || !slices.Equal(pg.Warnings, c.warnings) {
			t.Errorf("%s: blank %v, warnings %v", name, pg.Blank, pg.Warnings)
		}
	}
}

// cutJPEG returns a JPEG up to the first of its pixels.
func cutJPEG(b []byte) []byte {
	at := bytes.Index(b, []byte{0xff, 0xda})
	return b[:at+2+int(binary.BigEndian.Uint16(b[at+2:]))]
}

// TestLostPictureIsNoBlankPage: a PDF page that is blank because its picture cannot be decoded is an error. A sound
// picture without ink is blank, and what is drawn beside a lost picture is a page with a warning.
func TestLostPictureIsNoBlankPage(t *testing.T) {
	t.Parallel()
	photo, jpx := testFile(t, "video-001.q50.420.jpeg"), testFile(t, "small.jp2")
	object := pagetest.FirstFree(1)
	scan := pagetest.Scan(100, 100, object)
	of := func(dict, body string) string {
		return pagetest.Stream("/Type /XObject /Subtype /Image "+dict, []byte(body))
	}
	gray := func(w, h int, filter, body string) string {
		return of(fmt.Sprintf("/Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 %s", w, h, filter),
			body)
	}
	bits := func(filter, body string) string {
		return of("/Width 64 /Height 64 /ColorSpace /DeviceGray /BitsPerComponent 1 /Filter /"+filter, body)
	}
	dct := func(b []byte) string {
		return of("/Width 150 /Height 103 /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode", string(b))
	}
	coded := func(marker byte) []byte {
		return bytes.Replace(photo, []byte{0xff, 0xc0, 0}, []byte{0xff, marker, 0}, 1)
	}
	deflated := func(b []byte) string {
		var out bytes.Buffer
		w := zlib.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
		return out.String()
	}
	paper := image.NewGray(image.Rect(0, 0, 64, 64))
	for i := range paper.Pix {
		paper.Pix[i] = 255
	}
	var white bytes.Buffer
	if err := jpeg.Encode(&white, paper, nil); err != nil {
		t.Fatal(err)
	}
	const (
		whole = "\x00\x00\x00\x00\x30\x00\x01\x00\x00\x00\x13\x00\x00\x00\x40\x00\x00\x00\x40" +
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // a page of JBIG2
		region = "\x00\x00\x00\x01\x26\x00\x01\x00\x00\x00\x40\x00\x00"
		end    = "\x00\x00\x00\x02\x31\x00\x01\x00\x00\x00\x00"
	)
	file := func(page pagetest.PDFPage, objects ...string) *fakeObject {
		return newObject(pagetest.PDF("", []pagetest.PDFPage{page}, objects...))
	}
	cut := dct(photo[:100])
	for name, picture := range map[string]string{
		"JPEG cut in its tables":     cut,
		"JPEG cut before its pixels": dct(cutJPEG(photo)),
		"arithmetic JPEG":            dct(coded(0xc9)),
		"lossless JPEG":              dct(coded(0xc3)),
		"no JPEG":                    dct([]byte("not a JPEG")),
		"arithmetic JPEG, deflated": of("/Width 150 /Height 103 /ColorSpace /DeviceRGB /BitsPerComponent 8 "+
			"/Filter [/FlateDecode /DCTDecode]", deflated(coded(0xc9))),
		"JPEG 2000 cut":     of("/Width 29 /Height 40 /Filter /JPXDecode", string(jpx[:500])),
		"no JBIG2":          bits("JBIG2Decode", "garbage of garbage is garbage"),
		"JBIG2 cut":         bits("JBIG2Decode", whole+region),
		"JBIG2 of no bytes": bits("JBIG2Decode", ""),
		"unknown filter":    bits("FooDecode", strings.Repeat("\xff", 64*8)),
		"not deflated":      gray(64, 64, "/Filter /FlateDecode", "not deflated"),
		"no bytes":          gray(64, 64, "", ""),
	} {
		if pg, _, err := only(t, file(scan, picture), wide(100)); kindOf(err) != Corrupt {
			t.Errorf("%s: %+v, %v", name, pg, err)
		}
	}
	for name, picture := range map[string]string{
		"JPEG":            gray(64, 64, "/Filter /DCTDecode", white.String()),
		"JBIG2":           bits("JBIG2Decode", whole+end),
		"JBIG2 of no end": bits("JBIG2Decode", whole+"\n"),
		"fax": bits("CCITTFaxDecode /DecodeParms << /K -1 /Columns 64 /Rows 64 >>",
			strings.Repeat("\xff", 8)),
		"bytes":     gray(64, 64, "", string(paper.Pix)),
		"deflated":  gray(64, 64, "/Filter /FlateDecode", deflated(paper.Pix)),
		"black":     gray(64, 64, "/Filter /FlateDecode", deflated(make([]byte, 64*64))),
		"a mask":    of("/Width 64 /Height 64 /ImageMask true /BitsPerComponent 1", strings.Repeat("\xff", 64*8)),
		"JPEG 2000": of("/Width 29 /Height 40 /Filter /JPXDecode", string(flatJPX(t, 29, 40))),
		"JPEG 2000 larger than the engine's memory": of("/Width 6000 /Height 9000 /Filter /JPXDecode",
			string(flatJPX(t, 6000, 9000))),
		"larger than the engine's memory": gray(10000, 14000, "/Filter /RunLengthDecode",
			strings.Repeat("\x81\xff", 10000*14000/128)),
	} {
		if pg, _, err := only(t, file(scan, picture), wide(1540)); err != nil || !pg.Blank || pg.Warnings != nil {
			t.Errorf("%s: %+v, %v", name, pg, err)
		}
	}
	const letters = "BT /F1 12 Tf 10 10 Td (text) Tj ET\n"
	with := func(before string) pagetest.PDFPage {
		p := scan
		p.Content = before + p.Content
		return p
	}
	form := pagetest.Stream(fmt.Sprintf(
		"/Type /XObject /Subtype /Form /BBox [0 0 1 1] /Resources << /XObject << /Im %d 0 R >> >>", object+1),
		[]byte("/Im Do"))
	for name, c := range map[string]struct {
		file     *fakeObject
		kind     Kind
		blank    bool
		warnings []string
	}{
		"part of a form":      {file(scan, form, cut), Corrupt, false, nil},
		"under unseen text":   {file(with("3 Tr "+letters), cut), Corrupt, false, nil},
		"beside text":         {file(with(letters), cut), "", false, []string{WarnDamaged}},
		"sound, beside text":  {file(with(letters), dct(photo)), "", false, nil},
		"half a JPEG":         {file(scan, dct(photo[:len(photo)/2])), "", false, []string{WarnDamaged}},
		"a JPEG without mark": {file(scan, dct(photo[:len(photo)-2])), "", false, nil},
		"outside of the page": {file(with("1 0 0 1 200 0 cm\n"), cut), "", true, nil},
	} {
		pg, _, err := only(t, c.file, wide(100))
		if kindOf(err) != c.kind || err != nil && c.kind == "" {
			t.Errorf("%s: %v", name, err)
		} else if err == nil && (pg.Blank != c.blank || !slices.Equal(pg.Warnings, c.warnings)) {
			t.Errorf("%s: blank %v, warnings %v", name, pg.Blank, pg.Warnings)
		}
	}
}

// TestPDFMayBeginLater: bytes before the first line are tolerated as far as viewers tolerate them.
func TestPDFMayBeginLater(t *testing.T) {
	t.Parallel()
	sound := pagetest.PDF("", []pagetest.PDFPage{pagetest.Text("text")})
	for name, front := range map[string]string{
		"a mark of byte order": "\xef\xbb\xbf",
		"a printer's header":   "\x1b%-12345X@PJL SET COPIES=1\r\n@PJL ENTER LANGUAGE=PDF\r\n",
		"a mail's header":      "Content-Type: application/pdf\r\nContent-Disposition: attachment\r\n\r\n",
		"zeros":                string(make([]byte, 1019)),
	} {
		if pg, _, err := only(t, newObject(append([]byte(front), sound...)), wide(100)); err != nil || pg.Blank {
			t.Errorf("%s: %v", name, err)
		}
	}
	for what, front := range map[string]string{"a ZIP archive": "PK\x03\x04\x14\x00\x00\x00\x00\x00a.pdf",
		"a tar archive": "a.pdf" + strings.Repeat("\x00", 252) + "ustar"} {
		if _, _, err := only(t, newObject(append([]byte(front), sound...)), wide(100)); kindOf(err) != Unsupported ||
			!strings.HasPrefix(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := only(t, newObject(append(bytes.Repeat([]byte{' '}, 1020), sound...)),
		wide(100)); kindOf(err) != Unsupported {
		t.Error("behind the first 1,024 bytes:", err)
	}
}

// TestPDFComplaints: each failure of PDFium has its own error, and a crash on the file's bytes is final.
func TestPDFComplaints(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]Kind{pdf.ErrLocked: Encrypted, pdf.ErrBroken: Corrupt, pdf.ErrPage: Corrupt,
		pdf.ErrCrash: Corrupt} {
		if got := pdfComplaint(fmt.Errorf("%w: unreachable", err)); kindOf(got) != want {
			t.Errorf("%v: %v", err, got)
		}
	}
	if got := pdfComplaint(fmt.Errorf("%w: 64 MiB", pdf.ErrRoom)); got != error(errRoom) {
		t.Error(got)
	}
}
