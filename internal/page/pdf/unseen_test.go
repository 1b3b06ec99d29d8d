package pdf_test

import (
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pdf"
)

// TestCutJBIG2IsLost: PDFium draws white what it does not find. A stream has to begin a page, and all its segments.
func TestCutJBIG2IsLost(t *testing.T) {
	t.Parallel()
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	begin := "\x00\x00\x00\x00\x30\x00\x01\x00\x00\x00\x13" + zeros(19)
	end := "\x00\x00\x00\x09\x31\x00\x01" + zeros(4)
	symbols := "\x00\x00\x00\x01\x00\x01\x01\x00\x00\x00\x05" + zeros(5)
	letters := "\x00\x00\x00\x02\x06\x20\x01\x01\x00\x00\x00\x05" + zeros(5)              // of segment 1
	wide := "\x00\x00\x01\x02\x46\x20\x00\x01\x00\x00\x00\x01\x00\x00\x00\x05" + zeros(5) // numbers of more bytes
	many := "\x00\x00\x00\x03\x06\xe0\x00\x00\x09" + zeros(2+9) + "\x01\x00\x00\x00\x05" + zeros(5)
	open := "\x00\x00\x00\x04\x26\x00\x01\xff\xff\xff\xff" + zeros(9)
	for _, whole := range []string{begin, begin + end, symbols + begin + letters, begin + wide + end,
		begin + many + end, begin + letters + "\r\n", begin + open, begin + end + "whatever it is"} {
		if pdf.LostJBIG2([]byte(whole)) {
			t.Errorf("%x is lost", whole)
		}
	}
	for _, cut := range []string{"", "garbage of garbage is garbage", symbols, end, begin[:20], begin + letters[:9],
		begin + letters[:14], begin + wide[:18], begin + many[:20]} {
		if !pdf.LostJBIG2([]byte(cut)) {
			t.Errorf("%x is not lost", cut)
		}
	}
}
