package page

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

func addSeeds(f *testing.F, add func(data []byte)) {
	for _, data := range testFiles(f, "*g") {
		add(data)
	}
	for _, data := range smallFiles(f) {
		add(data)
		add(data[:len(data)/2])
	}
	progressive := testFile(f, "video-001.q50.420.progressive.jpeg")
	add(withJPEGSize(f, progressive, 65500, 65500))
	add(withPNGSize(testFile(f, "basn6a16.png"), 1<<31-1, 3))
	add(withSegments(progressive, exifSegment(7), segment(0xee, []byte("Adobe\x00\x64\x00\x00\x00\x00\x00"))))
	for _, s := range []string{"", "GIF89a", "%PDF-1.4", "<svg", "\xff\xd8\xff", pngMagic} {
		add([]byte(s))
	}
}

// FuzzSplit is the front door: any bytes end as a page that keeps its promises or as an *Error, never a panic.
func FuzzSplit(f *testing.F) {
	addSeeds(f, func(data []byte) { f.Add(data, uint16(16), false); f.Add(data, uint16(1540), true) })
	f.Fuzz(func(t *testing.T, data []byte, edge uint16, unsized bool) {
		lim := Limits{Edge: 1 + int(edge), MaxBytes: 1 << 20, MaxPixels: 1 << 20, MaxPages: 1}
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
			if kindOf(err) == "" {
				t.Fatal(err)
			}
			return
		}
		if pg.Width < 1 || pg.Height < 1 || max(pg.Width, pg.Height) > lim.Edge || pg.Size != int64(len(b)) {
			t.Fatalf("%+v", pg)
		}
		if pg.How == "passed through" {
			if !bytes.Equal(b, data) {
				t.Fatal("passed through, but not as it was")
			}
			return
		}
		m, kind, err := image.Decode(bytes.NewReader(b))
		if err != nil || pg.Type != "image/"+kind || m.Bounds().Size() != image.Pt(pg.Width, pg.Height) {
			t.Fatalf("%+v: %s %v", pg, kind, err)
		}
	})
}

// FuzzHeader holds our header readers against the decoders': both must see the same picture, or the limits are held
// against another one than is decoded.
func FuzzHeader(f *testing.F) {
	addSeeds(f, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
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

func FuzzExif(f *testing.F) {
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := exifOrientation(data); o < 1 || o > 8 || strings.Contains(o.words(), "%") {
			t.Fatal(o)
		}
	})
}
