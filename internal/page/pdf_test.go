package page

import (
	"bytes"
	"fmt"
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
