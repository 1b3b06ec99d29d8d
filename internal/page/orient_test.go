package page

import (
	"encoding/binary"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

func TestOrientationIsRead(t *testing.T) {
	t.Parallel()
	jpg, pngFile := testFile(t, "video-001.q50.420.jpeg"), testFile(t, "basn2c08.png")
	block, other := pagetest.Exif(binary.LittleEndian, 6), pagetest.Exif(binary.BigEndian, 3)
	xmp := pagetest.JPEGSegment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<tiff:Orientation>3"))
	for name, c := range map[string]struct {
		data []byte
		want orientation
	}{
		"JPEG without": {jpg, upright},
		"JPEG":         {pagetest.WithJPEGSegments(jpg, pagetest.ExifSegment(6)), 6},
		"JPEG, after JFIF and XMP": {pagetest.WithJPEGSegments(jpg,
			pagetest.JPEGSegment(0xe0, []byte("JFIF\x00\x01\x02")), xmp, pagetest.ExifSegment(8)), 8},
		"JPEG, the first of two": {pagetest.WithJPEGSegments(jpg, pagetest.ExifSegment(6), pagetest.ExifSegment(3)),
			6},
		"JPEG, the first one broken": {pagetest.WithJPEGSegments(jpg,
			pagetest.JPEGSegment(0xe1, []byte("Exif\x00\x00MM")), pagetest.ExifSegment(3)), upright},
		"JPEG, empty Exif": {pagetest.WithJPEGSegments(jpg, pagetest.JPEGSegment(0xe1, []byte("Exif\x00")),
			pagetest.ExifSegment(3)), 3},
		"JPEG, APP2 is none": {pagetest.WithJPEGSegments(jpg,
			pagetest.JPEGSegment(0xe2, append([]byte("Exif\x00\x00"), block...))), upright},
		"JPEG, fill and stray bytes": {pagetest.WithJPEGSegments(jpg, []byte{0xff, 0xff, 0xff},
			pagetest.ExifSegment(5)[1:], []byte{1, 2, 3}), 5},
		"PNG without": {pngFile, upright},
		"PNG":         {pagetest.WithPNGChunk(pngFile, "eXIf", block), 6},
		"PNG, with JPEG's prefix": {pagetest.WithPNGChunk(pngFile, "eXIf", append([]byte("Exif\x00\x00"), block...)),
			6},
		"PNG, the first of two": {pagetest.WithPNGChunk(pagetest.WithPNGChunk(pngFile, "eXIf", other), "eXIf",
			block), 6},
		"PNG, broken": {pagetest.WithPNGChunk(pngFile, "eXIf", []byte("MM\x00")), upright},
		"PNG, longer than is read": {pagetest.WithPNGChunk(pngFile, "eXIf",
			append(block, make([]byte, 3*exifMax)...)), 6},
		"PNG, after the pixels": {append(pngFile[:len(pngFile)-12:len(pngFile)-12],
			pagetest.WithPNGChunk(pngFile, "eXIf", block)[33:]...), upright},
		"JPEG, stored 0":             {pagetest.WithJPEGSegments(jpg, pagetest.ExifSegment(0)), upright},
		"JPEG, Exif after the frame": {afterFrame(t, jpg, pagetest.ExifSegment(7)), 7},
	} {
		h, err := headerOf(t, c.data)
		if err != nil || h.orientation != c.want {
			t.Errorf("%s: %+v %v, want %d", name, h, err, c.want)
		}
	}
}

// afterFrame inserts a segment between a JPEG's frame and its scan.
func afterFrame(t *testing.T, file, seg []byte) []byte {
	t.Helper()
	for i := 2; i+4 < len(file); i += 2 + int(binary.BigEndian.Uint16(file[i+2:])) {
		if file[i+1] == jpegfile.SOS {
			return append(append(file[:i:i], seg...), file[i:]...)
		}
	}
	t.Fatal("no scan")
	return nil
}
