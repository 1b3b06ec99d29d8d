package pdf_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/pdf"
)

// TestPDFIsRecognizedAsByViewers: the first line of a PDF may come later or be missing; other files are not recognized.
func TestPDFIsRecognizedAsByViewers(t *testing.T) {
	t.Parallel()
	for front, is := range map[string]bool{
		"%PDF-1.4\n": true, "\xef\xbb\xbf%PDF-1.4": true, strings.Repeat("x", 1019) + "%PDF-": true,
		strings.Repeat("x", 1020) + "%PDF-": false,
		"1 0 obj\n<<":                       true, "%\xe2\xe3\xcf\xd3\r\n1 0 obj": true, "\n\n12  0\nobj<<": true,
		"": false, "1 0 object": false, "Chapter 1 0 obj": false, "% a comment": false, "1 2 3": false,
	} {
		if pdf.Is([]byte(front)) != is {
			t.Errorf("%q: %v", front, !is)
		}
	}
}

// TestFileWithoutFirstLineIsDrawn: as if it had one.
func TestFileWithoutFirstLineIsDrawn(t *testing.T) {
	text := pagetest.Text("What the page says")
	want := draw(t, pagetest.PDF("", []pagetest.PDFPage{text}), 1)
	for _, front := range []string{"", "%\xe2\xe3\xcf\xd3\n"} {
		b := pagetest.Headless(front, text)
		if n, err := engine.Count(b, room); n != 1 || err != nil {
			t.Fatalf("%q: %d, %v", front, n, err)
		}
		if got := draw(t, b, 1); !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("%q: it looks different", front)
		}
	}
}

// TestFileWhoseAttachmentsAloneAreLockedIsDrawn: and no other locked file.
func TestFileWhoseAttachmentsAloneAreLockedIsDrawn(t *testing.T) {
	text := pagetest.Text("What the page says")
	b := pagetest.LockedAttachments("Identity", text)
	if n, err := engine.Count(b, room); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if got, want := draw(t, b, 1),
		draw(t, pagetest.PDF("", []pagetest.PDFPage{text}), 1); !bytes.Equal(got.Pix, want.Pix) {
		t.Error("it looks different")
	}
	if _, err := engine.Count(pagetest.LockedAttachments("StdCF", text), room); !errors.Is(err, pdf.ErrLocked) {
		t.Error(err)
	}
}
