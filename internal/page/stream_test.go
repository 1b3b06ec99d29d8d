package page

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// smallFiles returns files that take different paths through the decoders, and are short enough to try each byte.
func smallFiles(t testing.TB) map[string][]byte {
	text := pagetest.Paper(40, 30, 5)
	return map[string][]byte{
		"gray PNG": pagetest.EncodePNG(text), "RGB PNG": pagetest.EncodePNG(pagetest.Screen(text)),
		"JPEG": pagetest.EncodeJPEG(pagetest.Photo(text)),
		"PNG with Exif": pagetest.WithPNGChunk(pagetest.EncodePNG(text), "eXIf",
			pagetest.Exif(binary.LittleEndian, 6)),
		"gray JPEG":      pagetest.EncodeJPEG(text),
		"JPEG with Exif": pagetest.WithJPEGSegments(pagetest.EncodeJPEG(text), pagetest.ExifSegment(6)),
		"palette":        testFile(t, "basn3p04-31i.png"),
		"progressive":    testFile(t, "video-005.gray.q50.2x2.progressive.jpeg"),
		"16 bits":        pagetest.EncodePNG(drawn(image.NewNRGBA64, colourful(9, 8))),
	}
}

func TestCutOffAtEveryByte(t *testing.T) {
	t.Parallel()
	for name, data := range smallFiles(t) {
		for _, n := range places(len(data)) {
			want := Corrupt
			if n == 0 {
				want = Empty
			}
			o := newObject(data[:n])
			o.size = eitherSize(n, n)
			pg, _, err := only(t, o, wide(16))
			damaged := err == nil && slices.Equal(pg.Warnings, []string{WarnDamaged})
			if whole := err == nil && n >= len(data)-endOfFile; kindOf(err) != want && !damaged && !whole {
				t.Fatalf("%s cut to %d of %d bytes, declared %d: %v", name, n, len(data), o.size, err)
			}
			if o.opens.Load() != o.closes.Load() {
				t.Fatalf("%s cut to %d: left open", name, n)
			}
			// When it passes through, only a cut header is noticed; the bytes after it are passed on unread.
			pg, b, err := only(t, o, wide(1540))
			if err == nil && pg.How == "passed through" && len(b) != n || err != nil && kindOf(err) != want {
				t.Fatalf("%s cut to %d of %d bytes, passing: %d bytes, %v", name, n, len(data), len(b), err)
			}
		}
	}
}

// endOfFile bounds the bytes after the last pixel's.
const endOfFile = 30

// places returns offsets where a file of n bytes is cut or broken: every byte, but every fifth in the entropy-coded
// part of longer files.
func places(n int) []int {
	var at []int
	for i := range n {
		if i < 1100 || i%5 == 0 || i > n-20 {
			at = append(at, i)
		}
	}
	return at
}

// eitherSize returns n and -1 (unknown) alternately, as the declared size.
func eitherSize(i, n int) int64 {
	if i%2 == 0 {
		return -1
	}
	return int64(n)
}

// TestSourceErrorsComeBack: wherever the source fails, its own error is returned, whatever the decoder's is.
func TestSourceErrorsComeBack(t *testing.T) {
	t.Parallel()
	bad := errors.New("bucket on fire")
	for name, data := range smallFiles(t) {
		for _, n := range places(len(data) + 1) {
			o := newObject(data)
			o.size, o.fail, o.failAt, o.step = eitherSize(n, len(data)), bad, n, 97
			if _, _, err := only(t, o, wide(16)); err != bad {
				t.Fatalf("%s failing at %d of %d, declared %d: %v", name, n, len(data), o.size, err)
			}
			if o.opens.Load() != o.closes.Load() {
				t.Fatalf("%s failing at %d: left open", name, n)
			}
		}
	}
}

// TestSourceErrorsOfAnyKind: an unexpected EOF from the source is the source's error, too.
func TestSourceErrorsOfAnyKind(t *testing.T) {
	t.Parallel()
	data := pagetest.EncodePNG(pagetest.Screen(pagetest.Paper(40, 30, 5)))
	for _, bad := range []error{io.ErrUnexpectedEOF, fmt.Errorf("read: %w", io.EOF), &Error{Kind: Corrupt},
		context.Canceled} {
		for n := range len(data) + 1 {
			for _, edge := range []int{16, 1540} {
				o := newObject(data)
				o.size, o.fail, o.failAt, o.step = -1, bad, n, 97
				if _, _, err := only(t, o, wide(edge)); err != bad {
					t.Fatalf("failing with %q at %d of %d: %v", bad, n, len(data), err)
				}
			}
		}
	}
}

// TestSourceErrorComesBeforeBrokenBytes: bytes that were damaged in transit look like a broken file, but the source's
// checksum at the end decides.
func TestSourceErrorComesBeforeBrokenBytes(t *testing.T) {
	t.Parallel()
	bad := errors.New("checksum wrong")
	for name, data := range smallFiles(t) {
		for _, i := range places(len(data)) {
			wrong := bytes.Clone(data)
			wrong[i] ^= 0xff
			o := newObject(wrong)
			o.fail, o.failAt, o.step = bad, len(wrong), 97
			_, _, err := only(t, o, wide(16))
			if kind := kindOf(err); err != bad && kind != Unsupported && kind != TooLarge {
				t.Fatalf("%s, byte %d wrong: %v", name, i, err)
			}
		}
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	bad := errors.New("no such object")
	src := Source{Open: func(context.Context) (io.ReadCloser, int64, error) { return nil, 0, bad }}
	if _, err := Split(t.Context(), src, wide(10)); err != bad {
		t.Error(err)
	}
}

func TestSourceLiesAboutItsSize(t *testing.T) {
	t.Parallel()
	data := pagetest.EncodePNG(pagetest.Paper(300, 300, 12))
	for _, by := range []int64{-int64(len(data)) + 1, -1, 1, 1000} {
		o := newObject(data)
		o.size += by
		if _, _, err := only(t, o, wide(16)); err == nil || kindOf(err) != "" {
			t.Errorf("by %d: %v", by, err)
		}
	}
}

func TestSourceWithoutProgress(t *testing.T) {
	t.Parallel()
	src := Source{Open: func(context.Context) (io.ReadCloser, int64, error) { return io.NopCloser(nothing{}), -1, nil }}
	if _, err := Split(t.Context(), src, wide(10)); !errors.Is(err, io.ErrNoProgress) || kindOf(err) != "" {
		t.Error(err)
	}
}

type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, nil }

func TestTooManyBytes(t *testing.T) {
	t.Parallel()
	data := pagetest.EncodePNG(pagetest.Scanned(pagetest.Paper(200, 200, 12), 9))
	for name, c := range map[string]struct {
		data []byte
		edge int
	}{
		"decoded": {data, 16}, "passing": {data, 1540},
		"long tail":      {append(bytes.Clone(data), make([]byte, 1<<20)...), 16},
		"endless header": {pagetest.WithPNGChunk(data, "zzZz", make([]byte, 1<<20)), 1540},
		"broken":         {append([]byte(pngMagic), data...), 16},
	} {
		n := int64(len(c.data))
		for _, size := range []int64{n, -1} {
			lim := wide(c.edge)
			for _, lim.MaxBytes = range []int64{1, 100, n / 2, n - 1} {
				o := newObject(c.data)
				o.size = size
				_, _, err := only(t, o, lim)
				if kindOf(err) != TooLarge || !strings.Contains(err.Error(), fmt.Sprint(lim.MaxBytes)) {
					t.Errorf("%s, declared %d, limit %d of %d: %v", name, size, lim.MaxBytes, n, err)
				}
				if size >= 0 && o.read.Load() > 0 || o.read.Load() > o.opens.Load()*(lim.MaxBytes+1) {
					t.Errorf("%s, declared %d, limit %d: %d bytes read", name, size, lim.MaxBytes, o.read.Load())
				}
			}
			for _, lim.MaxBytes = range []int64{n, n + 1, 1<<63 - 1} {
				o := newObject(c.data)
				o.size = size
				if _, _, err := only(t, o, lim); kindOf(err) == TooLarge || err != nil && name != "broken" {
					t.Errorf("%s, declared %d, limit %d of %d: %v", name, size, lim.MaxBytes, n, err)
				}
			}
		}
	}
}

func TestContextEndsReading(t *testing.T) {
	t.Parallel()
	for name, data := range smallFiles(t) {
		for _, edge := range []int{16, 1540} {
			for at := int64(1); ; at++ {
				ctx, cancel := context.WithCancel(t.Context())
				o := newObject(data)
				o.size, o.step = -1, 97
				o.before = func() {
					if o.reads.Load() == at {
						cancel()
					}
				}
				l := &ledger{}
				lim := wide(edge)
				lim.Budget = l
				err := through(ctx, o, lim)
				cancel()
				if l.held != 0 {
					t.Fatalf("%s to %d, read %d: %d bytes are not given back", name, edge, at, l.held)
				}
				if o.reads.Load() < at {
					break
				}
				if err == nil && edge == 1540 && o.read.Load() == int64(len(data)) {
					continue // the context ended during the last read
				}
				if err != context.Canceled || o.opens.Load() != o.closes.Load() {
					t.Fatalf("%s to %d, read %d: %v", name, edge, at, err)
				}
			}
		}
	}
}

// through makes the page of an object and reads it, with a context.
func through(ctx context.Context, o *fakeObject, lim Limits) error {
	ps, err := Split(ctx, o.source(), lim)
	if err != nil {
		return err
	}
	defer ps.Close()
	_, _, err = ps.Page(ctx, 1)
	return err
}

// TestContextEndsDecoding: a decoder that reads buffered bytes is stopped, too.
func TestContextEndsDecoding(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := newObject(pagetest.EncodePNG(pagetest.Scanned(pagetest.Paper(300, 300, 12), 9)))
	s, err := open(ctx, o.source(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r := &attentive{s: s, r: bytes.NewReader(make([]byte, 1<<20)), took: newStopwatch(decoder.limits())}
	if n, err := r.Read(make([]byte, 1<<20)); n != 1<<10 || err != nil {
		t.Error(n, err)
	}
	cancel()
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != context.Canceled ||
		s.verdict(io.ErrUnexpectedEOF) != context.Canceled {
		t.Error(n, err)
	}
}

func TestEndedContextEndsEveryCall(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	o := newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9)))
	ps, err := Split(ctx, o.source(), wide(16))
	if err != nil {
		t.Fatal(err)
	}
	defer ps.Close()
	cancel()
	if _, _, err := ps.Page(ctx, 1); err != context.Canceled {
		t.Error(err)
	}
	if _, err := Split(ctx, o.source(), wide(16)); err != context.Canceled || o.opens.Load() != 1 {
		t.Error(err)
	}
}
