package tiff_test

import (
	"encoding/binary"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/tiff"
)

func TestOrientationOfExif(t *testing.T) {
	t.Parallel()
	both := []pagetest.ByteOrder{binary.LittleEndian, binary.BigEndian}
	for _, order := range both {
		for o := range uint16(300) {
			want := 1
			if o >= 1 && o <= 8 {
				want = int(o)
			}
			if got := tiff.Orientation(pagetest.Exif(order, o)); got != want {
				t.Errorf("%v, stored %d: %d", order, o, got)
			}
		}
		long := pagetest.Exif(order, 6)
		order.PutUint32(long[30:], 6)
		for _, kind := range []uint16{4, 9} { // LONG and SLONG
			order.PutUint16(long[24:], kind)
			if got := tiff.Orientation(long); got != 6 {
				t.Errorf("%v, kind %d: %d", order, kind, got)
			}
		}
		signed := pagetest.Exif(order, 6)
		order.PutUint16(signed[24:], 8) // SSHORT
		if got := tiff.Orientation(signed); got != 6 {
			t.Errorf("%v, SSHORT: %d", order, got)
		}
		order.PutUint16(long[24:], 5) // RATIONAL: its value is elsewhere
		if got := tiff.Orientation(long); got != 1 {
			t.Errorf("%v, RATIONAL: %d", order, got)
		}
		far := pagetest.Exif(order, 6)
		order.PutUint32(far[4:], 1<<31)
		if got := tiff.Orientation(far); got != 1 {
			t.Errorf("%v, directory outside: %d", order, got)
		}
	}
	whole := pagetest.Exif(binary.BigEndian, 8)
	for n := range whole {
		if got := tiff.Orientation(whole[:n]); got != 1 && n < len(whole)-4 { // the last 4 end the directory
			t.Errorf("cut to %d bytes: %d", n, got)
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := tiff.Orientation(data); o < 1 || o > 8 {
			t.Fatal(o)
		}
	})
}
