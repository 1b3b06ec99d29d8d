package page

import (
	"bytes"
	"context"
	"errors"
	"image"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

func TestOtherFilesAreUnsupported(t *testing.T) {
	t.Parallel()
	jpegInside := pagetest.BMP{Header: 40, Depth: 24, Compression: 4}.Write(pagetest.FourGrays(9, 9))
	for want, data := range map[string]string{
		"SVG is not supported": "\xef\xbb\xbf \n<svg xmlns=\"\">",
		"unknown file type":    "BM\x01 is how nothing begins",
		"CgBI":                 pngMagic + "\x00\x00\x00\x04CgBI\x50\x00\x20\x02\x2b\xd5\xb3\x7f",
		"BMP that contains a JPEG is not supported": string(jpegInside),
	} {
		for _, edge := range []int{16, 1540} {
			_, _, err := only(t, newObject([]byte(data)), wide(edge))
			if kindOf(err) != Unsupported || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v", data, err)
			}
		}
	}
	for _, data := range []string{"<?xml version", "<svg", "\x00\x00\x00\x18ftypmp42", "\x00\x00\x00\x18ftypisom",
		"\x00", "x",
		"\xff\xd9", strings.Repeat(" ", 4096), "hello", "BM", "RIFF\x00\x00\x00\x00WAVE", "PK\x03\x04"} {
		if _, _, err := only(t, newObject([]byte(data)), wide(16)); kindOf(err) != Unsupported {
			t.Errorf("%q: %v", data, err)
		}
	}
	for _, data := range []string{"GIF89a", "GIF87a\x00", "GIF8", "II*\x00", "II*", "MM\x00*\x00\x00\x00\x08",
		"II+\x00\x08\x00\x00\x00", "RIFF\x00\x00\x00\x00WEBP",
		"RIFF\x20\x00\x00\x00WEBPVP8 ", "\xff\xd8"} {
		if _, _, err := only(t, newObject([]byte(data)), wide(16)); kindOf(err) != Corrupt {
			t.Errorf("%q: %v", data, err)
		}
	}
}

func TestUnsupportedJPEGSaysWhy(t *testing.T) {
	t.Parallel()
	good := testFile(t, "video-001.q50.420.jpeg")
	at := bytes.Index(good, []byte{0xff, 0xc0})
	for name, c := range map[string]struct {
		at   int
		to   byte
		kind Kind
		says string
	}{
		"lossless":     {1, 0xc3, Unsupported, "lossless"},
		"hierarchical": {1, 0xc6, Unsupported, "hierarchical"},
		"arithmetic":   {1, 0xc9, Unsupported, "arithmetic"},
		"extension":    {1, 0xf0, Unsupported, "extension"},
		"12 bits":      {4, 12, Unsupported, "12 bits"},
		"2 channels":   {9, 2, Corrupt, "description"},
		"no sampling":  {11, 0x02, Corrupt, "description"},
		"marker 0x02":  {1, 0x02, Corrupt, "damaged"},
		"too short":    {3, 1, Corrupt, ""},
	} {
		data := bytes.Clone(good)
		data[at+c.at] = c.to
		if name == "too short" {
			data[at+2] = 0
		}
		if _, _, err := only(t, newObject(data), wide(16)); kindOf(err) != c.kind ||
			!strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	two := pagetest.JPEGSegment(0xc0, []byte{8, 0, 9, 0, 9, 2, 1, 0x11, 0, 2, 0x11, 0})
	if _, err := headerOf(t, pagetest.WithJPEGSegments(good, two)); kindOf(err) != Unsupported {
		t.Error(err)
	}
}

func TestBrokenHeadersAreCorrupt(t *testing.T) {
	t.Parallel()
	jpg, pngFile := testFile(t, "video-001.q50.420.jpeg"), testFile(t, "basn3p02.png")
	frame := pagetest.JPEGSegment(0xc0, []byte{8, 0, 9, 0, 9, 1, 1, 0x11, 0})
	impossible := bytes.Clone(pngFile)
	impossible[24] = 3 // bits
	noPalette := bytes.Clone(pngFile)
	copy(noPalette[bytes.Index(noPalette, []byte("PLTE")):], "zzZz")
	for name, data := range map[string][]byte{
		"JPEG without pixels": pagetest.WithJPEGSize(jpg, 0, 100),
		"JPEG of no height":   pagetest.WithJPEGSize(jpg, 100, 0),
		"PNG without pixels":  pagetest.WithPNGSize(pngFile, 0, 32),
		"PNG of no height":    pagetest.WithPNGSize(pngFile, 32, 0),
		"negative PNG":        pagetest.WithPNGSize(pngFile, 1<<31, 32),
		"two frames":          pagetest.WithJPEGSegments(jpg, frame),
		"JPEG ends at once":   {0xff, 0xd8, 0xff, 0xd9}, "no frame": {0xff, 0xd8, 0xff, 0xda, 0, 2, 0xff, 0xd9},
		"frame of 1 byte":  pagetest.WithJPEGSegments(jpg, pagetest.JPEGSegment(0xc0, []byte{8})),
		"PNG without IHDR": append([]byte(pngMagic), pngFile[33:]...),
		"two IHDR":         pagetest.WithPNGChunk(pngFile, "IHDR", make([]byte, 13)),
		"palette of 4":     pagetest.WithPNGChunk(pngFile, "PLTE", make([]byte, 4)),
		"empty palette":    pagetest.WithPNGChunk(pngFile, "PLTE", nil),
		"wrong sum":        append(pngFile[:29:29], append([]byte{^pngFile[29]}, pngFile[30:]...)...),
		"impossible":       pagetest.WithPNGSize(impossible, 32, 32), "no palette": pagetest.FixPNGSums(noPalette),
	} {
		if _, _, err := only(t, newObject(data), wide(1540)); kindOf(err) != Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTooManyPixels(t *testing.T) {
	t.Parallel()
	lim := wide(16)
	lim.MaxPixels = 100 * 80
	if _, _, err := only(t, newObject(pagetest.EncodePNG(pagetest.Paper(100, 80, 9))), lim); err != nil {
		t.Error(err)
	}
	_, _, err := only(t, newObject(pagetest.EncodePNG(pagetest.Paper(100, 81, 9))), lim)
	if kindOf(err) != TooLarge || err.Error() != "the page has 8100 pixels (100 x 81); the limit is 8000 pixels" {
		t.Error(err)
	}
}

func TestImpossibleLimits(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*Limits){
		func(l *Limits) { l.Edge = 0 }, func(l *Limits) { l.Edge = 65536 }, func(l *Limits) { l.MaxBytes = 0 },
		func(l *Limits) { l.MaxPixels = -1 }, func(l *Limits) { l.MaxPages = 0 },
	} {
		lim := wide(16)
		change(&lim)
		if _, err := Split(t.Context(), Source{}, lim); err == nil || kindOf(err) != "" {
			t.Errorf("%+v: %v", lim, err)
		}
	}
}

func TestPageNumbersOutOfRange(t *testing.T) {
	t.Parallel()
	ps, err := Split(t.Context(), newObject(pagetest.EncodePNG(image.NewGray(image.Rect(0, 0, 3, 3)))).source(),
		wide(16))
	if err != nil || ps.Len() != 1 {
		t.Fatal(err)
	}
	for _, n := range []int{-1, 0, 2} {
		if _, _, err := ps.Page(t.Context(), n); err == nil || kindOf(err) != "" {
			t.Errorf("page %d: %v", n, err)
		}
	}
	for range 2 {
		if err := ps.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPagesAreSafeForConcurrentUse makes the same page many times at once, decoded and passed through, during Close.
func TestPagesAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	data := pagetest.EncodePNG(pagetest.Screen(pagetest.Paper(200, 100, 12)))
	for _, edge := range []int{50, 1540} {
		l := &ledger{}
		lim := wide(edge)
		lim.Budget = l
		o := newObject(data)
		ps, err := Split(t.Context(), o.source(), lim)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				pg, _, err := ps.Page(t.Context(), 1)
				if err != nil {
					t.Error(err)
					return
				}
				for range 2 {
					wg.Go(func() {
						if b, err := content(pg); err != nil || int64(len(b)) != pg.Size {
							t.Error(len(b), err)
						}
					})
				}
				if i == 4 {
					_ = ps.Close()
				}
			})
		}
		wg.Wait()
		if o.opens.Load() != o.closes.Load() || l.held != 0 {
			t.Errorf("%d opens, %d closes, %+v", o.opens.Load(), o.closes.Load(), l)
		}
	}
}

// blocking is a Budget that blocks until it is released, and then fails.
type blocking struct{ entered, leave chan struct{} }

func (b blocking) Acquire(context.Context, int64) error {
	close(b.entered)
	<-b.leave
	return errRefused
}
func (blocking) TryGrow(int64) bool { return false }
func (blocking) Shrink(int64)       {}

func TestWaitingForATurnEndsWithTheContext(t *testing.T) {
	t.Parallel()
	lim := wide(16)
	entered, leave := make(chan struct{}), make(chan struct{})
	lim.Budget = blocking{entered, leave}
	ps, err := Split(t.Context(), newObject(pagetest.EncodePNG(pagetest.Paper(50, 50, 9))).source(), lim)
	if err != nil {
		t.Fatal(err)
	}
	defer ps.Close()
	first := make(chan error)
	go func() { _, _, err := ps.Page(t.Context(), 1); first <- err }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error)
	go func() { _, _, err := ps.Page(ctx, 1); second <- err }()
	cancel()
	if err := <-second; err != context.Canceled {
		t.Error(err)
	}
	close(leave)
	if err := <-first; err != errRefused {
		t.Error(err)
	}
}

// TestCloseWhileReading does what net/http does with the body of a cancelled request.
func TestCloseWhileReading(t *testing.T) {
	t.Parallel()
	pg, _, err := only(t, newObject(pagetest.EncodePNG(pagetest.Paper(300, 300, 12))), wide(1540))
	if err != nil {
		t.Fatal(err)
	}
	r, err := pg.Open()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(io.Discard, struct{ io.Reader }{r}) })
	wg.Go(func() { _ = r.Close() })
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestErrorsSpeakToTheOwner: the message is for the owner; the decoder's error is wrapped, for logs.
func TestErrorsSpeakToTheOwner(t *testing.T) {
	t.Parallel()
	inner := errors.New("bad filter")
	e := &Error{Kind: Corrupt, Msg: "the PNG is damaged", Err: inner}
	if e.Error() != "the PNG is damaged" || !errors.Is(e, inner) {
		t.Error(e)
	}
}
