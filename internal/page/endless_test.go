package page

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// TestOnlyPNGAndBaselineJPEGAreDecodedHere: all other decoders run in a process that can be killed.
func TestOnlyPNGAndBaselineJPEGAreDecodedHere(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"*.png", "*.jpeg", "*.gif", "*.bmp", "*.webp", "*.tiff", "*.avif", "*.heic"} {
		for name, data := range testFiles(t, kind) {
			f, pic, err := pictureOf(t, data)
			if err != nil || pic == nil {
				continue
			}
			progressive := bytes.Contains(data, []byte{0xff, 0xc2})
			here := kind == "*.png" || kind == "*.jpeg" && !progressive
			if (pic.decode != nil) != here || (pic.call == "") != here {
				t.Errorf("%s: here %v, by call %q", name, pic.decode != nil, pic.call)
			}
			if _, known := decoders[pic.salvage]; pic.salvage != "" &&
				(!known || !strings.HasPrefix(pic.salvage, strings.ToLower(f.name))) {
				t.Errorf("%s: %q", name, pic.salvage)
			}
		}
	}
}

// TestEndlessJPEGIsTooSlow: a small progressive JPEG that would keep a decoder busy for minutes, whole or broken, is
// stopped at the limit, and the Decoder continues with others.
func TestEndlessJPEGIsTooSlow(t *testing.T) {
	t.Parallel()
	d := limited(t, sandbox.Limits{Processor: 300 * time.Millisecond, Clock: time.Hour})
	endless := pagetest.EndlessJPEG(7000, 50_000)
	for name, data := range map[string][]byte{"whole": endless, "cut off": endless[:len(endless)-1]} {
		l := &ledger{}
		lim := l.limits(60)
		lim.Decoder = d
		o := newObject(data)
		if _, _, err := only(t, o, lim); kindOf(err) != TooSlow || err.Error() != "it takes too long to decode" {
			t.Errorf("%s: %v", name, err)
		}
		if l.held != 0 || o.opens.Load() != o.closes.Load() {
			t.Errorf("%s: %d bytes held, %d opens, %d closes", name, l.held, o.opens.Load(), o.closes.Load())
		}
		if _, _, err := only(t, newObject(pagetest.EndlessJPEG(800, 2)), lim); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

// TestDecodingHereHasTheLimitToo: the limit applies to PNG and baseline JPEG, which this process decodes.
func TestDecodingHereHasTheLimitToo(t *testing.T) {
	t.Parallel()
	paper := pagetest.Scanned(pagetest.Paper(300, 400, 12), 9)
	for name, data := range map[string][]byte{"PNG": pagetest.EncodePNG(paper), "JPEG": pagetest.EncodeJPEG(paper)} {
		if _, pic, err := pictureOf(t, data); err != nil || pic.decode == nil {
			t.Errorf("%s: %v, or the decoder process decodes it", name, err)
		}
		for _, limits := range []sandbox.Limits{{Processor: 1, Clock: time.Hour}, {Processor: time.Hour, Clock: 1}} {
			l := &ledger{}
			lim := l.limits(60)
			lim.Decoder = limited(t, limits)
			o := newObject(data)
			if _, _, err := only(t, o, lim); kindOf(err) != TooSlow {
				t.Errorf("%s, %v: %v", name, limits, err)
			}
			if l.held != 0 || o.opens.Load() != 1 || o.closes.Load() != 1 {
				t.Errorf("%s: %d bytes held, %d opens, %d closes", name, l.held, o.opens.Load(), o.closes.Load())
			}
		}
	}
}

// TestReadingDoesNotCountAsDecoding: time spent in a slow source does not count against the picture.
func TestReadingDoesNotCountAsDecoding(t *testing.T) {
	t.Parallel()
	w := newStopwatch(sandbox.Limits{Processor: time.Hour, Clock: time.Minute})
	w.stop()
	w.started = time.Now().Add(-time.Hour) // it has been reading since
	w.start()
	if w.stop(); w.tooMuch() {
		t.Error("reading counted")
	}
	w.started = time.Now().Add(-time.Hour) // it has been decoding since
	if w.stop(); !w.tooMuch() {
		t.Error("decoding did not count")
	}
}

// TestDecoderDiesOfTooMuchMemory: the decoder process dies instead of the instance. The file is corrupt, and the next
// one is made.
func TestDecoderDiesOfTooMuchMemory(t *testing.T) {
	t.Parallel()
	if !pagetest.Apart {
		t.Skip("NOT TESTED: not to be limited here")
	}
	lim := wideWith(newDecoder())
	t.Cleanup(lim.Decoder.Close)
	lim.Decoder.LimitMemory(160 << 20)
	lim.Edge = 6999 // hardly smaller
	_, _, err := only(t, newObject(pagetest.EndlessJPEG(7000, 1)), lim)
	if kindOf(err) != Corrupt || !strings.Contains(err.Error(), "crashed") {
		t.Error(err)
	}
	if _, _, err := only(t, newObject(pagetest.EndlessJPEG(800, 1)), lim); err != nil {
		t.Error(err)
	}
}

// TestWithoutDecoderNothingElseRuns: formats that need no engine are decoded in this process; for others a missing
// Decoder is a programming error.
func TestWithoutDecoderNothingElseRuns(t *testing.T) {
	t.Parallel()
	lim := wide(60)
	lim.Decoder = nil
	for _, name := range []string{"bmp_8bpp.bmp", "video-005.gray.gif", "video-001.lossy.webp", "video-001-gray.tiff",
		"video-001.progressive.jpeg",
		"video-001.progressive.truncated.jpeg"} {
		want, wantBytes, err := only(t, newObject(testFile(t, name)), wide(60))
		if err != nil {
			t.Fatal(err)
		}
		got, gotBytes, err := only(t, newObject(testFile(t, name)), lim)
		if err != nil || string(gotBytes) != string(wantBytes) || got.How != want.How {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Split(context.Background(), newObject(pdfOf(1)).source(), lim); err != errNoDecoder {
		t.Error(err)
	}
}

// TestImpossibleAnswersAreRefused: an answer that the decoder process never gives is an error.
func TestImpossibleAnswersAreRefused(t *testing.T) {
	t.Parallel()
	good := func() sandbox.Message {
		return sandbox.Message{Args: []int64{90, 60, 45, 30, 0, 0, 1, 0, inkUnit / 2, 270, 1}, Data: []byte{1}}
	}
	if p, err := finishedOf(good(), 60); err != nil || p.kind != "image/png" || p.size.X != 45 || p.stored.Y != 60 ||
		p.blank || !p.lacksGlyphs || p.damaged || !p.byOpacity || p.print != (print{0.5, 270}) {
		t.Errorf("%+v, %v", p, err)
	}
	for name, change := range map[string]func(m *sandbox.Message){
		"nothing": func(m *sandbox.Message) { *m = sandbox.Message{} }, "no bytes": func(m *sandbox.Message) {
			m.Data = nil
		},
		"too large": func(m *sandbox.Message) { m.Args[2] = 61 }, "no height": func(m *sandbox.Message) {
			m.Args[3] = 0
		},
		"negative": func(m *sandbox.Message) { m.Args[0] = -1 }, "another kind": func(m *sandbox.Message) {
			m.Args[4] = 2
		},
		"too few": func(m *sandbox.Message) { m.Args = m.Args[:10] }, "too much ink": func(m *sandbox.Message) {
			m.Args[8] = inkUnit + 1
		},
		"no ink at all": func(m *sandbox.Message) { m.Args[8] = -1 }, "askew": func(m *sandbox.Message) {
			m.Args[9] = 45
		},
	} {
		m := good()
		change(&m)
		if _, err := finishedOf(m, 60); err == nil || kindOf(err) != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, args := range [][]int64{nil, {0, 60, 1, 0},
		{0, 0, 1, 0, 0, 0}, {0, 60, 9, 0, 0, 0}, {0, 1 << 40, 1, 0, 0, 0},
		{0, 60, 1, 0, -1, 1}, {0, 60, 1, 0, 1, 1 << 40}} {
		if _, _, _, err := finishingOf(args); err == nil {
			t.Error(args)
		}
	}
}
