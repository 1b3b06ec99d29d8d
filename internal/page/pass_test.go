package page

import (
	"bytes"
	"errors"
	"image"
	"io"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// passing are files that need nothing.
func passing(t testing.TB) map[string][]byte {
	text := pagetest.Paper(300, 400, 12)
	gray16 := testFile(t, "basn0g08.png")
	files := map[string][]byte{
		"gray PNG": pagetest.EncodePNG(text), "RGB PNG": pagetest.EncodePNG(pagetest.Screen(text)), "gray JPEG": pagetest.EncodeJPEG(text),
		"photo": pagetest.EncodeJPEG(pagetest.Photo(text)), "photo with Exif 1": pagetest.WithJPEGSegments(pagetest.EncodeJPEG(pagetest.Photo(text)), pagetest.ExifSegment(1)),
		"small PNG": gray16,
	}
	for _, name := range []string{"basn0g01-30.png", "basn3p02.png", "basn3p04-31i.png", "video-001.progressive.jpeg",
		"video-001.rgb.jpeg", "video-005.gray.q50.2x2.jpeg", "video-001.q50.411.jpeg", "video-001.restart2.jpeg"} {
		files[name] = testFile(t, name)
	}
	return files
}

func TestPassThrough(t *testing.T) {
	for name, data := range passing(t) {
		o := newObject(data)
		ps, err := Split(t.Context(), o.source(), wide(1540))
		if err != nil {
			t.Fatal(name, err)
		}
		pg, _, err := ps.Page(t.Context(), 1)
		if err != nil {
			t.Fatal(name, err)
		}
		if read := o.read.Load(); read > chunk || o.opens.Load() != 1 {
			t.Errorf("%s: %d bytes of %d read before Open, %d opens", name, read, len(data), o.opens.Load())
		}
		cfg, format, _ := image.DecodeConfig(bytes.NewReader(data))
		if pg.How != "passed through" || pg.Size != int64(len(data)) || pg.Type != "image/"+format || pg.Number != 1 ||
			pg.Width != cfg.Width || pg.Height != cfg.Height || pg.Blank || pg.Warnings != nil {
			t.Errorf("%s: %+v", name, pg)
		}
		for try := range int64(3) { // a request that is retried reads it again
			b, err := content(pg)
			if err != nil || !bytes.Equal(b, data) {
				t.Errorf("%s: %d bytes of %d, %v", name, len(b), len(data), err)
			}
			if o.opens.Load() != try+1 || o.closes.Load() != try+1 {
				t.Errorf("%s, try %d: %d opens, %d closes", name, try, o.opens.Load(), o.closes.Load())
			}
		}
		if err := ps.Close(); err != nil || o.closes.Load() != 3 {
			t.Errorf("%s: %v, %d closes", name, err, o.closes.Load())
		}
		if b, err := content(pg); err != nil || !bytes.Equal(b, data) { // also after Close
			t.Errorf("%s: after Close %d bytes of %d, %v", name, len(b), len(data), err)
		}
	}
}

func TestPassThroughNeedsNoMemory(t *testing.T) {
	lim := wide(1540)
	lim.Budget = &ledger{refuse: errRefused}
	if _, _, err := only(t, newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9))), lim); err != nil {
		t.Error(err)
	}
}

func TestPassThroughOfUnknownSize(t *testing.T) {
	for name, data := range passing(t) {
		o := newObject(data)
		o.size = -1
		l := &ledger{}
		lim := wide(1540)
		lim.Budget = l
		pg, b, err := only(t, o, lim)
		if err != nil || !bytes.Equal(b, data) || pg.Size != int64(len(data)) || pg.How != "passed through" {
			t.Errorf("%s: %+v %v", name, pg, err)
		}
		if _, err := content(pg); err != nil || o.opens.Load() != 1 || o.closes.Load() != 1 {
			t.Errorf("%s: %v, %d opens, %d closes", name, err, o.opens.Load(), o.closes.Load())
		}
		if l.held != 0 || l.most < 3*passMax {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

func TestTooManyBytesToPass(t *testing.T) {
	data := append(pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(200, 100, 9))), make([]byte, passMax)...)
	for _, size := range []int64{int64(len(data)), -1} {
		o := newObject(data)
		o.size = size
		pg, b, err := only(t, o, wide(1540))
		if err != nil || len(b) > 1<<20 || pg.How != "encoded again" || pg.Width != 200 {
			t.Errorf("declared %d: %+v %v", size, pg, err)
		}
		if o.opens.Load() != o.closes.Load() {
			t.Errorf("declared %d: %d opens, %d closes", size, o.opens.Load(), o.closes.Load())
		}
	}
}

// TestPassedStreamReportsFailures reads as net/http does, no more than the declared bytes, and still has to see them.
func TestPassedStreamReportsFailures(t *testing.T) {
	data := pagetest.EncodePNG(pagetest.Scanned(pagetest.Paper(300, 400, 12), 5))
	bad := errors.New("checksum wrong")
	for name, c := range map[string]struct {
		change func(*fakeObject)
		is     error
	}{
		"checksum at the end": {func(o *fakeObject) { o.fail, o.failAt = bad, len(data) }, bad},
		"in the middle":       {func(o *fakeObject) { o.fail, o.failAt = bad, len(data)/2 }, bad},
		"shorter than said":   {func(o *fakeObject) { o.data = data[:len(data)-1] }, io.ErrUnexpectedEOF},
		"longer than said":    {func(o *fakeObject) { o.data = append(data, 0) }, nil},
	} {
		o := newObject(data)
		ps, err := Split(t.Context(), o.source(), wide(1540))
		if err != nil {
			t.Fatal(err)
		}
		pg, _, err := ps.Page(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		c.change(o)
		r, err := pg.Open()
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.CopyN(io.Discard, r, pg.Size)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || kindOf(err) != "" {
			t.Errorf("%s: %v", name, err)
		}
		r.Close()
		ps.Close()
	}
}

func TestPassedObjectMustKeepItsSize(t *testing.T) {
	o := newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9)))
	pg, _, err := only(t, o, wide(1540))
	if err != nil {
		t.Fatal(err)
	}
	o.size++
	if _, err := pg.Open(); !errors.Is(err, errSize) || o.closes.Load() != o.opens.Load() {
		t.Error(err)
	}
}
