package page

import (
	"encoding/binary"
	"testing"
)

func TestExifOrientation(t *testing.T) {
	both := []byteOrder{binary.LittleEndian, binary.BigEndian}
	for _, order := range both {
		for o := range uint16(300) {
			want := upright
			if o >= 1 && o <= 8 {
				want = orientation(o)
			}
			if got := exifOrientation(exif(order, o)); got != want {
				t.Errorf("%v, stored %d: %d", order, o, got)
			}
		}
		long := exif(order, 6)
		order.PutUint16(long[24:], 4) // LONG
		order.PutUint32(long[30:], 6)
		if got := exifOrientation(long); got != 6 {
			t.Errorf("%v, LONG: %d", order, got)
		}
		order.PutUint16(long[24:], 5) // RATIONAL: its value is elsewhere
		if got := exifOrientation(long); got != upright {
			t.Errorf("%v, RATIONAL: %d", order, got)
		}
		far := exif(order, 6)
		order.PutUint32(far[4:], 1<<31)
		if got := exifOrientation(far); got != upright {
			t.Errorf("%v, directory outside: %d", order, got)
		}
	}
	whole := exif(binary.BigEndian, 8)
	for n := range whole {
		if got := exifOrientation(whole[:n]); got != upright && n < len(whole)-4 { // the last 4 only end the directory
			t.Errorf("cut to %d bytes: %d", n, got)
		}
	}
}

func TestOrientationIsRead(t *testing.T) {
	jpg, pngFile := testFile(t, "video-001.q50.420.jpeg"), testFile(t, "basn2c08.png")
	block, other := exif(binary.LittleEndian, 6), exif(binary.BigEndian, 3)
	xmp := segment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00<tiff:Orientation>3"))
	for name, c := range map[string]struct {
		data []byte
		want orientation
	}{
		"JPEG without":                {jpg, upright},
		"JPEG":                        {withSegments(jpg, exifSegment(6)), 6},
		"JPEG, behind JFIF and XMP":   {withSegments(jpg, segment(0xe0, []byte("JFIF\x00\x01\x02")), xmp, exifSegment(8)), 8},
		"JPEG, the first of two":      {withSegments(jpg, exifSegment(6), exifSegment(3)), 6},
		"JPEG, the first one broken":  {withSegments(jpg, segment(0xe1, []byte("Exif\x00\x00MM")), exifSegment(3)), upright},
		"JPEG, empty Exif":            {withSegments(jpg, segment(0xe1, []byte("Exif\x00")), exifSegment(3)), 3},
		"JPEG, APP2 is none":          {withSegments(jpg, segment(0xe2, append([]byte("Exif\x00\x00"), block...))), upright},
		"JPEG, fill and stray bytes":  {withSegments(jpg, []byte{0xff, 0xff, 0xff}, exifSegment(5)[1:], []byte{1, 2, 3}), 5},
		"PNG without":                 {pngFile, upright},
		"PNG":                         {withChunk(pngFile, "eXIf", block), 6},
		"PNG, with JPEG's prefix":     {withChunk(pngFile, "eXIf", append([]byte("Exif\x00\x00"), block...)), 6},
		"PNG, the first of two":       {withChunk(withChunk(pngFile, "eXIf", other), "eXIf", block), 6},
		"PNG, broken":                 {withChunk(pngFile, "eXIf", []byte("MM\x00")), upright},
		"PNG, longer than is read":    {withChunk(pngFile, "eXIf", append(block, make([]byte, 3*exifMax)...)), 6},
		"PNG, behind the pixels":      {append(pngFile[:len(pngFile)-12:len(pngFile)-12], withChunk(pngFile, "eXIf", block)[33:]...), upright},
		"JPEG, stored 0":              {withSegments(jpg, exifSegment(0)), upright},
		"JPEG, Exif behind the frame": {behindFrame(t, jpg, exifSegment(7)), 7},
	} {
		h, err := headerOf(t, c.data)
		if err != nil || h.orientation != c.want {
			t.Errorf("%s: %+v %v, want %d", name, h, err, c.want)
		}
	}
}

// behindFrame puts a segment between a JPEG's frame and its scan.
func behindFrame(t *testing.T, file, seg []byte) []byte {
	t.Helper()
	for i := 2; i+4 < len(file); i += 2 + int(binary.BigEndian.Uint16(file[i+2:])) {
		if file[i+1] == jpegSOS {
			return append(append(file[:i:i], seg...), file[i:]...)
		}
	}
	t.Fatal("no scan")
	return nil
}
