package ocr_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestOnlyUprightJPEGsAreSent: a JPEG whose Exif orientation is not upright is refused, with that reason, since not all
// servers turn such images.
func TestOnlyUprightJPEGsAreSent(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t)
	s.Default(ocrtest.Text("read"))
	c, err := ocr.New(ocr.Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	exif := func(order pagetest.ByteOrder, o uint16) []byte {
		return pagetest.JPEGSegment(0xe1, append([]byte("Exif\x00\x00"), pagetest.Exif(order, o)...))
	}
	page, xmp := jpegPage(t), pagetest.JPEGSegment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<x/>"))
	for o := uint16(1); o <= 8; o++ {
		for name, segments := range map[string][][]byte{
			"big": {exif(binary.BigEndian, o)}, "little": {exif(binary.LittleEndian, o)},
			"after another": {xmp, exif(binary.BigEndian, o), exif(binary.BigEndian, 1)},
		} {
			before := s.Counts().Requests
			_, err := c.ExtractText(t.Context(), ocr.Bytes(pagetest.WithJPEGSegments(page, segments...)))
			if o == 1 {
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				continue
			}
			if e := failure(t, err); e.Kind != ocr.KindBadImage || e.Phase != ocr.PhaseImage ||
				!strings.Contains(e.Message, fmt.Sprintf("orientation is %d", o)) ||
				s.Counts().Requests != before {
				t.Errorf("%s, %d: %v", name, o, err)
			}
		}
	}
	for name, segment := range map[string][]byte{
		"no orientation": exif(binary.BigEndian, 0), "none that there is": exif(binary.BigEndian, 9),
		"cut off": pagetest.JPEGSegment(0xe1, []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x02")),
		"beyond":  pagetest.JPEGSegment(0xe1, []byte("Exif\x00\x00II*\x00\xff\xff\xff\x7f")),
		"no TIFF": pagetest.JPEGSegment(0xe1, []byte("Exif\x00\x00text")),
	} {
		if _, err := c.ExtractText(t.Context(), ocr.Bytes(pagetest.WithJPEGSegments(page, segment))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
