package page

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// pictureOf finds a file's first picture, as Split does.
func pictureOf(t testing.TB, data []byte) (*format, *picture, error) {
	t.Helper()
	s, err := open(context.Background(), newObject(data).source(), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f, err := identify(s)
	if err != nil {
		return nil, nil, err
	}
	if f.pages == nil {
		pic, err := f.read(s)
		return f, pic, err
	}
	lim := Limits{Edge: 1540, MaxBytes: 1 << 30, MaxPixels: 1 << 62, MaxPages: 100}
	lim.Decoder = decoder
	file, err := sandbox.NewFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	entries, err := f.pages(context.Background(), &object{file: file, size: int64(len(data)), lim: lim}, 64<<20)
	if err != nil {
		return nil, nil, err
	}
	return f, entries[0].picture, entries[0].err
}

// headerOf returns the header of a file's first picture.
func headerOf(t testing.TB, data []byte) (*header, error) {
	t.Helper()
	_, pic, err := pictureOf(t, data)
	if err != nil {
		return nil, err
	}
	return &pic.header, nil
}

func TestHeaderAgreesWithDecoder(t *testing.T) {
	t.Parallel()
	for name, data := range testFiles(t, "*g") {
		f, pic, err := pictureOf(t, data)
		cfg, format, werr := image.DecodeConfig(bytes.NewReader(data))
		if werr != nil {
			if kindOf(err) != Corrupt {
				t.Errorf("%s: %v, image.DecodeConfig: %v", name, err, werr)
			}
			continue
		}
		if err != nil {
			t.Fatal(name, err)
		}
		gray := cfg.ColorModel == color.GrayModel || cfg.ColorModel == color.Gray16Model
		h := &pic.header
		if h.width != cfg.Width || h.height != cfg.Height || strings.ToLower(f.name) != format {
			t.Errorf("%s: %s %d x %d, want %s %d x %d", name, f.name, h.width, h.height, format, cfg.Width, cfg.Height)
		}
		if !strings.HasPrefix(name, "ftb") && gray != h.gray { // DecodeConfig stops before a transparent gray
			t.Errorf("%s: gray %v", name, h.gray)
		}
	}
}

func TestHeaderListsChanges(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"basn0g01-30.png": "", "basn0g08.png": "", "basn2c08.png": "", "basn3p02.png": "", "basn3p04-31i.png": "",
		"basn0g16.png": "16 bits reduced to 8", "basn2c16.png": "16 bits reduced to 8",
		"basn3p08-trns.png": "laid on white", "basn4a08.png": "laid on white", "basn6a08.png": "laid on white",
		"ftbbn0g01.png": "laid on white", "ftbrn2c08.png": "laid on white",
		"basn6a16.png": "laid on white, 16 bits reduced to 8", "ftbwn0g16.png": "laid on white, 16 bits reduced to 8",
		"video-001.q50.420.jpeg": "", "video-001.progressive.jpeg": "", "video-001.rgb.jpeg": "",
		"video-001.cmyk.jpeg": "CMYK to RGB", "video-005.gray.q50.2x2.jpeg": "",
	} {
		h, err := headerOf(t, testFile(t, name))
		if err != nil {
			t.Fatal(name, err)
		}
		if got := strings.Join(h.changes, ", "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	animated := pagetest.WithPNGChunk(testFile(t, "basn2c08.png"), "acTL", make([]byte, 8))
	if h, err := headerOf(t, animated); err != nil || len(h.changes) != 1 {
		t.Errorf("animated: %v %v", h, err)
	}
}

// TestHeaderMemoryCoversTheDecoder compares the estimates with what the decoders allocate for files that lie about
// their size: they allocate for the declared size and then miss the data. A JPEG is scaled meanwhile.
func TestHeaderMemoryCoversTheDecoder(t *testing.T) {
	for name, data := range testFiles(t, "*[0-9pce]*g") {
		if strings.HasPrefix(name, "invalid") {
			continue
		}
		for _, size := range [][2]int{{3000, 2000}, {65500, 70}, {70, 65500}, {1e6, 1}} {
			lie := pagetest.WithPNGSize(data, uint32(size[0]), uint32(size[1]))
			isJPEG := strings.HasSuffix(name, ".jpeg")
			if isJPEG {
				lie = pagetest.WithJPEGSize(data, uint16(min(size[0], 65535)), uint16(size[1]))
			}
			_, pic, err := pictureOf(t, lie)
			if err != nil {
				t.Fatal(name, err)
			}
			for _, edge := range []int{65535, 900} {
				estimated := pic.memory + codecMemory
				if isJPEG {
					estimated = pic.peak(edge)
				}
				used := allocated(func() { _ = decodedHere(pic, lie, edge) })
				if used > estimated {
					t.Errorf("%s as %v to %d: estimated %d, allocated %d", name, size, edge, estimated, used)
				}
				// Interlaced parts come only where there is data.
				if decoding := pic.decoding(edge); !strings.Contains(name, "31i") &&
					decoding > used+used/5+codecMemory {
					t.Errorf("%s as %v to %d: estimated %d, allocated only %d", name, size, edge, decoding, used)
				}
			}
		}
	}
}

// decodedHere decodes a picture in this process, whichever should, for a page of this size.
func decodedHere(pic *picture, data []byte, edge int) error {
	f := finishing{edge: edge, orientation: upright}
	if pic.decode != nil {
		_, err := pic.decode(bytes.NewReader(data), f)
		return err
	}
	switch decode := decoders[pic.call].(type) {
	case decoding:
		_, err := decode(context.Background(), data, 0, pic.args)
		return err
	case scaling:
		_, err := decode(context.Background(), data, f, pic.args)
		return err
	}
	return errors.New("no such decoder")
}

// TestMemoryPerPixel: as measured, in bytes for each pixel of 6400 x 6400. A baseline JPEG needs rows of it alone, and
// a progressive one less the smaller it is shown.
func TestMemoryPerPixel(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][3]float64{ // at 6400, 3200 and 800 pixels
		"basn6a08.png": {4, 4, 4}, "basn2c08.png": {4, 4, 4}, "basn2c16.png": {8, 8, 8}, "basn0g08.png": {1, 1, 1},
		"basn0g01-30.png": {1, 1, 1},
		"basn3p08.png":    {1, 1, 1}, "basn3p04-31i.png": {2, 2, 2}, "video-001.q50.420.jpeg": {},
		"video-001.rgb.jpeg": {}, "video-001.cmyk.jpeg": {},
		"video-005.gray.q50.2x2.jpeg": {}, "video-001.q50.420.progressive.jpeg": {3.375, 1.125, 0.42},
		"video-001.q50.444.progressive.jpeg":      {3.75, 1.5, 0.84},
		"video-005.gray.q50.2x2.progressive.jpeg": {2.25, 0.75, 0.28},
	} {
		data := testFile(t, name)
		if strings.HasSuffix(name, ".png") {
			data = pagetest.WithPNGSize(data, 6400, 6400)
		} else {
			data = pagetest.WithJPEGSize(data, 6400, 6400)
		}
		h, err := headerOf(t, data)
		if err != nil {
			t.Fatal(name, err)
		}
		for i, edge := range []int{6400, 3200, 800} {
			if got := float64(h.decoding(edge)) / (6400 * 6400); got < want[i] || got > want[i]*1.02+0.01 {
				t.Errorf("%s at %d: %.4f bytes a pixel, want %.4f", name, edge, got, want[i])
			}
		}
	}
}

func TestBombsEndAtTheirHeader(t *testing.T) {
	progressive := testFile(t, "video-001.q50.420.progressive.jpeg")
	for name, data := range map[string][]byte{
		"progressive JPEG": pagetest.WithJPEGSize(progressive, 65500, 65500),
		"PNG":              pagetest.WithPNGSize(testFile(t, "basn0g01-30.png"), 60000, 60000),
		"PNG, huge":        pagetest.WithPNGSize(testFile(t, "basn6a16.png"), 1<<31-1, 1<<31-1),
	} {
		o := newObject(append(data, make([]byte, 1<<20)...))
		var err error
		used := allocated(func() { _, err = Split(t.Context(), o.source(), wide(1540)) })
		if kindOf(err) != TooLarge || used > 256<<10 || o.read.Load() > 2*readSize {
			t.Errorf("%s: %v, allocated %d, read %d", name, err, used, o.read.Load())
		}
	}
}

// TestHeaderEstimatesStopAtTheLargest: a header cannot make its estimate overflow to a small number.
func TestHeaderEstimatesStopAtTheLargest(t *testing.T) {
	t.Parallel()
	h, err := headerOf(t, pagetest.WithPNGSize(testFile(t, "basn6a16.png"), 1<<31-1, 1<<31-1))
	if err != nil || h.memory < 1<<62 || h.peak(65535) < 1<<62 {
		t.Errorf("%v %v", h, err)
	}
	line, err := headerOf(t, pagetest.WithPNGSize(testFile(t, "basn6a16.png"), 60e6, 1))
	if err != nil || line.peak(1540) < 24*60e6 { // includes the decoder's rows, and ours
		t.Errorf("%v %v", line, err)
	}
}

func TestLongHeaderIsNotKept(t *testing.T) {
	app := pagetest.JPEGSegment(0xe2, make([]byte, 65000))
	many := bytes.Repeat(app, 200) // 13 MB before the picture, Exif after it
	data := pagetest.WithJPEGSegments(testFile(t, "video-001.q50.420.jpeg"), many, pagetest.ExifSegment(1))
	o := newObject(data)
	var pg *Page
	var b []byte
	used := allocated(func() {
		ps, err := Split(t.Context(), o.source(), wide(1540))
		if err != nil {
			t.Fatal(err)
		}
		pg, _, err = ps.Page(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
	})
	if used > 6*headMax {
		t.Errorf("allocated %d", used)
	}
	b, err := content(pg)
	if err != nil || !bytes.Equal(b, data) || o.opens.Load() != 2 || o.closes.Load() != 2 {
		t.Errorf("%v, %d of %d bytes, %d opens, %d closes", err, len(b), len(data), o.opens.Load(), o.closes.Load())
	}
	// Decoding it opens the source a second time, too.
	if pg, m := converted(t, pagetest.WithJPEGSegments(data, pagetest.ExifSegment(6)), 100); pg.Height != 100 ||
		m.Bounds().Dx() != 69 {
		t.Error(pg.How)
	}
}

// TestHeaderKeepsErrorKinds: the kinds of errors of the decoders are still distinguished.
func TestHeaderKeepsErrorKinds(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]Kind{png.UnsupportedError("x"): Unsupported,
		jpeg.UnsupportedError("x"): Unsupported,
		png.FormatError("x"):       Corrupt, jpeg.FormatError("x"): Corrupt,
		errors.New("zlib: invalid header"): Corrupt} {
		if got := complaint("PNG", err); kindOf(got) != want || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
}
