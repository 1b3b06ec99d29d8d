package page

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Files of the tests: encoding them, taking them apart, and their way through the package.

func encodePNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func encodeJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withChunk puts a chunk behind a PNG's IHDR.
func withChunk(file []byte, kind string, body []byte) []byte {
	const end = 8 + 8 + 13 + 4
	c := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	c = append(append(c, kind...), body...)
	c = binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
	return bytes.Join([][]byte{file[:end], c, file[end:]}, nil)
}

// withPNGSize writes another size into a PNG's header, and its checksum.
func withPNGSize(file []byte, w, h uint32) []byte {
	file = bytes.Clone(file)
	binary.BigEndian.PutUint32(file[16:], w)
	binary.BigEndian.PutUint32(file[20:], h)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

// segment is a JPEG segment.
func segment(marker byte, body []byte) []byte {
	n := len(body) + 2
	return append([]byte{0xff, marker, byte(n >> 8), byte(n)}, body...)
}

// withSegments puts segments behind a JPEG's first marker.
func withSegments(file []byte, segments ...[]byte) []byte {
	return bytes.Join([][]byte{file[:2], bytes.Join(segments, nil), file[2:]}, nil)
}

// withJPEGSize writes another size into a JPEG's frame.
func withJPEGSize(t testing.TB, file []byte, w, h uint16) []byte {
	t.Helper()
	file = bytes.Clone(file)
	for i := 2; i+9 < len(file); i += 2 + int(binary.BigEndian.Uint16(file[i+2:])) {
		if m := file[i+1]; m >= 0xc0 && m <= 0xc2 {
			binary.BigEndian.PutUint16(file[i+5:], h)
			binary.BigEndian.PutUint16(file[i+7:], w)
			return file
		}
	}
	t.Fatal("no frame")
	return nil
}

type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// exif is a minimal Exif block that holds an orientation.
func exif(order byteOrder, o uint16) []byte {
	b := []byte("II*\x00")
	if order.String() == "BigEndian" {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	for _, e := range [][2]uint16{{0x0110, 7}, {tagOrientation, o}} {
		b = order.AppendUint16(b, e[0])
		b = order.AppendUint16(b, 3)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint16(b, e[1])
		b = order.AppendUint16(b, 0)
	}
	return order.AppendUint32(b, 0)
}

func exifSegment(o uint16) []byte {
	return segment(0xe1, append([]byte("Exif\x00\x00"), exif(binary.BigEndian, o)...))
}

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testFiles(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	files := map[string][]byte{}
	for _, n := range names {
		files[filepath.Base(n)] = testFile(t, filepath.Base(n))
	}
	return files
}

// wide are limits that stop nothing in these tests.
func wide(edge int) Limits {
	return Limits{Edge: edge, MaxBytes: 64 << 20, MaxPixels: 60e6, MaxPages: 10}
}

// only makes the page of an object, with its bytes.
func only(t testing.TB, o *object, lim Limits) (*Page, []byte, error) {
	t.Helper()
	ctx := t.Context()
	ps, err := Split(ctx, o.source(), lim)
	if err != nil {
		return nil, nil, err
	}
	defer ps.Close()
	pg, err := ps.Page(ctx, 1)
	if err != nil {
		return nil, nil, err
	}
	b, err := content(pg)
	return pg, b, err
}

func content(pg *Page) ([]byte, error) {
	r, err := pg.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// picture makes the page of data and decodes it again.
func picture(t testing.TB, data []byte, edge int) (*Page, image.Image) {
	t.Helper()
	pg, b, err := only(t, newObject(data), wide(edge))
	if err != nil {
		t.Fatal(err)
	}
	m, kind, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if pg.Type != "image/"+kind || pg.Size != int64(len(b)) || m.Bounds().Size() != image.Pt(pg.Width, pg.Height) {
		t.Fatalf("page says %s of %d bytes, %d x %d; is %s of %d, %v",
			pg.Type, pg.Size, pg.Width, pg.Height, kind, len(b), m.Bounds())
	}
	return pg, m
}

func kindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// fixSums writes the right checksum behind each chunk of a PNG.
func fixSums(file []byte) []byte {
	file = bytes.Clone(file)
	for i := 8; i+12 <= len(file); {
		end := i + 8 + int(binary.BigEndian.Uint32(file[i:]))
		binary.BigEndian.PutUint32(file[end:], crc32.ChecksumIEEE(file[i+4:end]))
		i = end + 4
	}
	return file
}
