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
	"strings"
	"testing"
	"time"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

func addSeeds(f *testing.F, add func(data []byte)) {
	for _, kind := range []string{"*g", "*.gif", "*.bmp", "*.webp", "*.tiff"} {
		for _, data := range testFiles(f, kind) {
			add(data)
		}
	}
	for _, data := range smallFiles(f) {
		add(data)
		add(data[:len(data)/2])
	}
	progressive := testFile(f, "video-001.q50.420.progressive.jpeg")
	add(withJPEGSize(f, progressive, 65500, 65500))
	add(withPNGSize(testFile(f, "basn6a16.png"), 1<<31-1, 3))
	add(withSegments(progressive, exifSegment(7), segment(0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00"))))
	for _, s := range []string{"", "GIF89a", "<svg", "\xff\xd8\xff", pngMagic} {
		add([]byte(s))
	}
}

// FuzzSplit is the front door: any bytes end as a page that keeps its promises or as an *Error, never a panic.
func FuzzSplit(f *testing.F) {
	addSeeds(f, func(data []byte) { f.Add(data, uint16(16), false); f.Add(data, uint16(1540), true) })
	f.Fuzz(func(t *testing.T, data []byte, edge uint16, unsized bool) {
		if engineFor(data) != "" {
			t.Skip("for FuzzEngines")
		}
		if err := keepsPromises(t, data, 1+int(edge), unsized); err != nil && kindOf(err) == "" {
			t.Fatal(err)
		}
	})
}

// FuzzEngines is the front door for what is decoded in the process of engines: there an engine may also fail by
// itself, but neither its process nor ours. It is best run without instrumentation (go test -c, then the program with
// -test.fuzz), which the engines' own code has none of: it starts them anew whenever one had to be killed.
func FuzzEngines(f *testing.F) {
	for _, kind := range []string{"*.avif", "*.heic"} {
		for _, data := range testFiles(f, kind) {
			f.Add(data)
			f.Add(data[:len(data)/2])
		}
	}
	for _, c := range pdfCases() {
		if len(c.data) < 1<<16 && c.name != "PDF that draws itself" { // what becomes of that one is slow
			f.Add(c.data)
		}
	}
	defer func(d time.Duration) { decoders.Patience = d }(decoders.Patience)
	started, starting, patience := make(chan error, 1), false, time.Hour
	if flag.Lookup("test.fuzz").Value.String() != "" {
		patience = 5 * time.Second // the fuzzer ends a process that is busy with one input for 10
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		engine := engineFor(data)
		if engine == "" {
			t.Skip("for FuzzSplit")
		}
		if !starting && !decoders.Started(engine) {
			starting, decoders.Patience = true, time.Hour
			go func() { started <- decoders.Start(context.Background(), engine) }()
		}
		if starting {
			select {
			case err := <-started:
				if starting = false; err != nil {
					t.Fatal(err)
				}
			case <-time.After(patience):
				t.Skip("the engine is still starting")
			}
		}
		if !decoders.Started(engine) {
			t.Skip("it was another one that started")
		}
		decoders.Patience = 4 * time.Second // what is slow is no finding
		err := keepsPromises(t, data, 300, false)
		if _, told := errors.AsType[*sandbox.Error](err); err != nil && kindOf(err) == "" && !told {
			t.Fatal(err)
		}
	})
}

// engineFor names the engine that decodes such bytes, "" if none does.
func engineFor(data []byte) string {
	switch name := sniff(data[:min(len(data), sniffLen)]); {
	case name == "PDF", name == "AVIF", name == "HEIC" && heif.HEIC() != nil:
		return strings.ToLower(name)
	}
	return ""
}

// keepsPromises makes the first page of an object and checks what holds for every one, also if there is none.
func keepsPromises(t *testing.T, data []byte, edge int, unsized bool) error {
	lim := Limits{Edge: edge, MaxBytes: 1 << 20, MaxPixels: 1 << 20, MaxPages: 20}
	l := &ledger{}
	lim.Reserve = l.reserve
	o := newObject(data)
	if unsized {
		o.size = -1
	}
	pg, b, err := only(t, o, lim)
	if o.opens.Load() != o.closes.Load() || l.held != 0 {
		t.Fatalf("%d opens, %d closes, %d reserved", o.opens.Load(), o.closes.Load(), l.held)
	}
	if err != nil {
		return err
	}
	if pg.Width < 1 || pg.Height < 1 || max(pg.Width, pg.Height) > lim.Edge || pg.Size != int64(len(b)) {
		t.Fatalf("%+v", pg)
	}
	if pg.How == "passed through" {
		if !bytes.Equal(b, data) {
			t.Fatal("passed through, but not as it was")
		}
		return nil
	}
	m, kind, err := image.Decode(bytes.NewReader(b))
	if err != nil || pg.Type != "image/"+kind || m.Bounds().Size() != image.Pt(pg.Width, pg.Height) {
		t.Fatalf("%+v: %s %v", pg, kind, err)
	}
	return nil
}

// FuzzHeader holds our header readers against the decoders': both must see the same picture, or the limits are held
// against another one than is decoded.
func FuzzHeader(f *testing.F) {
	addSeeds(f, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		if engineFor(data) != "" {
			t.Skip("FuzzRead of package heif, FuzzEngines")
		}
		h, err := headerOf(t, data)
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
			"GIF":  func() (image.Config, error) { return gifFrame(data, h) },
			"WebP": func() (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(data)) },
			"TIFF": func() (image.Config, error) { return image.Config{}, errors.New("FuzzPages of package tiff") },
		}[h.format]
		cfg, err := config()
		if err != nil {
			return // the decoder refuses what we let pass: it does no harm
		}
		if h.width != cfg.Width || h.height != cfg.Height || h.memory < 0 || h.peak(1540) < h.memory {
			t.Fatalf("%+v, the decoder says %d x %d", h, cfg.Width, cfg.Height)
		}
		if h.orientation < 1 || h.orientation > 8 {
			t.Fatal(h.orientation)
		}
	})
}

// gifFrame is what the decoder sees of a GIF, if it is no bomb.
func gifFrame(data []byte, h *header) (image.Config, error) {
	if h.pixels() > 1<<20 {
		return image.Config{}, errors.New("too large")
	}
	m, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return image.Config{}, err
	}
	return image.Config{Width: m.Bounds().Dx(), Height: m.Bounds().Dy()}, nil
}

func FuzzExif(f *testing.F) {
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := exifOrientation(data); o < 1 || o > 8 || strings.Contains(o.words(), "%") {
			t.Fatal(o)
		}
	})
}
