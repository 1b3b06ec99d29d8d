package page

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"
	"time"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"

	"github.com/bucketocr/bucketocr/internal/page/sandbox"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

func addSeeds(f *testing.F, add func(data []byte)) {
	for _, kind := range []string{"*g", "*.gif", "*.bmp", "*.webp", "*.tiff"} {
		for _, data := range testFiles(f, kind) {
			add(data)
		}
	}
	for _, c := range irregular(f) {
		add(c.file)
	}
	for _, data := range smallFiles(f) {
		add(data)
		add(data[:len(data)/2])
	}
	progressive := testFile(f, "video-001.q50.420.progressive.jpeg")
	add(pagetest.WithJPEGSize(progressive, 65500, 65500))
	add(pagetest.WithPNGSize(testFile(f, "basn6a16.png"), 1<<31-1, 3))
	add(pagetest.WithJPEGSegments(progressive, pagetest.ExifSegment(7),
		pagetest.JPEGSegment(0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00"))))
	for _, s := range []string{"", "GIF89a", "<svg", "\xff\xd8\xff", pngMagic} {
		add([]byte(s))
	}
}

// FuzzSplit makes pages of any bytes. The result must be a valid page or an *Error, never a panic. Everything is
// decoded in this process, where the fuzzer sees the coverage.
func FuzzSplit(f *testing.F) {
	addSeeds(f, func(data []byte) { f.Add(data, uint16(16), false); f.Add(data, uint16(1540), true) })
	f.Fuzz(func(t *testing.T, data []byte, edge uint16, unsized bool) {
		if engineFor(data) != "" {
			t.Skip("for FuzzEngines")
		}
		if err := keepsPromises(t, data, 1+int(edge), unsized, nil); err != nil && kindOf(err) == "" {
			t.Fatal(err)
		}
	})
}

// FuzzEngines is the same for the Decoder's engines. An engine may fail, but neither its process nor ours may. It is
// best run without instrumentation (go test -c, then the program with -test.fuzz): the engines' own code has none, and
// an engine is started again after each kill.
func FuzzEngines(f *testing.F) {
	for _, kind := range []string{"*.avif", "*.heic", "*.jp2", "*.j2k"} {
		for _, data := range testFiles(f, kind) {
			f.Add(data)
			f.Add(data[:len(data)/2])
		}
	}
	for _, c := range pdfCases() {
		if len(c.data) < 1<<16 && c.name != "PDF that draws itself" { // its variants are slow
			f.Add(c.data)
		}
	}
	child := decoder.child
	patience := func(d time.Duration) { child.Limit(sandbox.Limits{Processor: d, Clock: 3 * d}) }
	defer patience(time.Hour)
	started, starting, wait, decoding := make(chan error, 1), false, time.Hour, time.Hour
	if flag.Lookup("test.fuzz").Value.String() != "" {
		wait, decoding = 5*time.Second, 4*time.Second // the fuzzer kills a process after 10 s with one input
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		engine := engineFor(data)
		if engine == "" {
			t.Skip("for FuzzSplit")
		}
		if !starting && !child.Started(engine) {
			starting = true
			patience(time.Hour)
			go func() { _, err := child.Start(context.Background(), sandbox.Message{Op: engine}); started <- err }()
		}
		if starting {
			select {
			case err := <-started:
				if starting = false; err != nil {
					t.Fatal(err)
				}
			case <-time.After(wait):
				t.Skip("the engine is still starting")
			}
		}
		if !child.Started(engine) {
			t.Skip("it was another one that started")
		}
		patience(decoding) // slowness is not a finding
		err := keepsPromises(t, data, 300, false, decoder)
		if _, told := errors.AsType[*sandbox.Error](err); err != nil && kindOf(err) == "" && !told {
			t.Fatal(err)
		}
		if engine == pdfEngine {
			looksAtText(t, data)
		}
	})
}

// looksAtText asks for the text of the first page of a PDF. The result must be text or a doubt.
func looksAtText(t *testing.T, data []byte) {
	l := &ledger{}
	ps, err := Split(t.Context(), newObject(data).source(),
		Limits{Edge: 300, MaxBytes: 1 << 20, MaxPixels: 1 << 20, MaxPages: 20, Budget: l, Decoder: decoder})
	if err != nil {
		return
	}
	text, _, err := ps.Text(t.Context(), 1)
	_, told := errors.AsType[*sandbox.Error](err)
	if err != nil && !told || err == nil && (text.Markdown == "") == (text.Doubt == "") {
		t.Fatalf("%+v, %v", text, err)
	}
	if _ = ps.Close(); l.held != 0 {
		t.Fatalf("%d bytes held", l.held)
	}
}

// engineFor returns the engine that decodes the bytes, "" if there is none.
func engineFor(data []byte) string {
	f := sniff(data[:min(len(data), sniffLen)])
	switch {
	case f == nil || !f.supported():
		return ""
	case f.name == "PDF", f.name == "JPEG 2000":
		return pdfEngine
	case f.name == "AVIF":
		return avifEngine
	case f.name == "HEIC":
		return heicEngine
	}
	return ""
}

// keepsPromises makes the first page of an object and checks what must hold for every page, and for every failure.
func keepsPromises(t *testing.T, data []byte, edge int, unsized bool, d *Decoder) error {
	l := &ledger{}
	lim := Limits{Edge: edge, MaxBytes: 1 << 20, MaxPixels: 1 << 20, MaxPages: 20, Budget: l, Decoder: d}
	o := newObject(data)
	if unsized {
		o.size = -1
	}
	pg, b, err := only(t, o, lim)
	if o.opens.Load() != o.closes.Load() || l.held != 0 {
		t.Fatalf("%d opens, %d closes, %d held", o.opens.Load(), o.closes.Load(), l.held)
	}
	if err != nil {
		return err
	}
	if min(pg.Width, pg.Height) < min(leastSide, lim.Edge) || max(pg.Width, pg.Height) > lim.Edge ||
		pg.Size != int64(len(b)) {
		t.Fatalf("%+v", pg)
	}
	if pg.How == "passed through" {
		if !bytes.Equal(b, data) {
			t.Fatal("passed through, but not as it was")
		}
		if pg.Ink != 0 || pg.Turns != nil {
			t.Fatalf("passed through, but looked at: %+v", pg)
		}
		return nil
	}
	if pg.Ink < LeastInk || pg.Ink > 1 || len(pg.Turns) > 0 && pg.Ink == LeastInk {
		t.Fatalf("%+v", pg)
	}
	m, kind, err := image.Decode(bytes.NewReader(b))
	if err != nil || pg.Type != "image/"+kind || m.Bounds().Size() != image.Pt(pg.Width, pg.Height) {
		t.Fatalf("%+v: %s %v", pg, kind, err)
	}
	return nil
}

// FuzzHeader compares our header readers with the decoders'. Both must see the same picture, or the limits would be
// applied to another picture than is decoded.
func FuzzHeader(f *testing.F) {
	addSeeds(f, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		if engineFor(data) != "" {
			t.Skip("FuzzRead of package heif, FuzzEngines")
		}
		f, pic, err := pictureOf(t, data)
		if err != nil {
			if kindOf(err) == "" {
				t.Fatal(err)
			}
			return
		}
		config := map[string]func() (image.Config, error){
			"PNG":  func() (image.Config, error) { return png.DecodeConfig(bytes.NewReader(data)) },
			"JPEG": func() (image.Config, error) { return jpeg.DecodeConfig(bytes.NewReader(data)) },
			"BMP":  func() (image.Config, error) { return bmp.DecodeConfig(bytes.NewReader(data)) },
			"GIF":  func() (image.Config, error) { return gifScreen(data, &pic.header) },
			"WebP": func() (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(data)) },
			"TIFF": func() (image.Config, error) { return image.Config{}, errors.New("FuzzPages of package tiff") },
		}[f.name]
		h := &pic.header
		cfg, err := config()
		if err != nil || cfg.Height == 0 {
			return // the decoder is stricter than we are, which does no harm
		}
		if h.width != cfg.Width || h.height != cfg.Height || h.memory < 0 || h.peak(1540) < h.memory {
			t.Fatalf("%+v, the decoder says %d x %d", h, cfg.Width, cfg.Height)
		}
		if h.orientation < 1 || h.orientation > 8 {
			t.Fatal(h.orientation)
		}
	})
}

// gifScreen returns the size that the decoder finds in a GIF, if it is not a bomb.
func gifScreen(data []byte, h *header) (image.Config, error) {
	if h.pixels() > 1<<20 {
		return image.Config{}, errors.New("too large")
	}
	if _, err := gif.Decode(bytes.NewReader(data)); err != nil {
		return image.Config{}, err
	}
	return gif.DecodeConfig(bytes.NewReader(data))
}
