package worker_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestRefusedPageIsDecodedOnce: a page that was sent as stored, and that the service cannot read, is decoded here and
// sent again. Only if that does not help either, it fails, with the most specific error.
func TestRefusedPageIsDecodedOnce(t *testing.T) {
	t.Parallel()
	photo := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(300, 200, 14)))
	scan := pagetest.EncodePNG(pagetest.Scanned(pagetest.Paper(300, 200, 14), 5))
	pixels := bytes.Index(photo, []byte{0xff, 0xda}) + 14
	never := ocrtest.Error(400, "BadRequestError", "",
		"Failed to load image: cannot identify image file <_io.BytesIO object>")
	reads := ocrtest.Text("a page")
	for name, c := range map[string]struct {
		data     []byte
		reply    ocrtest.Reply // to what the stand-in can decode
		status   document.Status
		code     string
		warnings []string
		requests int
	}{
		"sound":               {photo, reads, document.StatusDone, "", nil, 1},
		"without its end":     {photo[:len(photo)-2], reads, document.StatusDone, "", nil, 2},
		"cut off":             {photo[:len(photo)*2/3], reads, document.StatusDone, "", []string{"damaged"}, 2},
		"PNG without its end": {scan[:len(scan)-12], reads, document.StatusDone, "", nil, 2},
		"cut-off PNG":         {scan[:len(scan)*2/3], reads, document.StatusDone, "", []string{"damaged"}, 2},
		"nothing left":        {photo[:pixels], reads, document.StatusFailed, document.CodeCorrupt, nil, 1},
		"refused twice":       {photo, never, document.StatusFailed, document.CodeOCRRejected, nil, 2},
		"PNG refused twice":   {scan, never, document.StatusFailed, document.CodeOCRRejected, nil, 2},
		"decoded at once":     {book(1), never, document.StatusFailed, document.CodeOCRRejected, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t)
			s.Default(c.reply)
			client, err := ocr.New(ocr.Config{URL: s.URL})
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			w.options.OCR = client
			w.worker().Process(t.Context(), w.bucket.Put("a.jpg", c.data))
			r := w.want("a.jpg", c.status, c.code)
			if n := s.Counts().Requests; n != c.requests || len(r.Strikes) > 0 {
				t.Errorf("%d requests, want %d; strikes %v", n, c.requests, r.Strikes)
			}
			if done := c.status == document.StatusDone; !slices.Equal(r.Warnings, c.warnings) ||
				done != (r.Text == "a page") {
				t.Errorf("%q, warnings %v", r.Text, r.Warnings)
			}
		})
	}
}

// TestRefusedBlankPageIsNotSentAgain: only decoding shows whether a page that was sent as stored is blank.
func TestRefusedBlankPageIsNotSentAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		m := image.NewGray(image.Rect(0, 0, 40, 30))
		for i := range m.Pix {
			m.Pix[i] = 250
		}
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
		}
		w.worker().Process(t.Context(), w.bucket.Put("a.png", pagetest.EncodePNG(m)))
		if r := w.want("a.png", document.StatusDone, ""); !r.Blank || w.calls.Load() != 1 {
			t.Errorf("blank %v, %d calls", r.Blank, w.calls.Load())
		}
	})
}

// TestRefusalIsRemembered: a page that becomes a suspect after it was decoded is not sent as stored again when it is
// read alone.
func TestRefusalIsRemembered(t *testing.T) {
	photo := pagetest.EncodeJPEG(pagetest.Photo(pagetest.Paper(300, 200, 14)))
	bubble(t, func(t *testing.T, w *world) {
		var asWere, decoded int
		w.options.OCR = extractor{func(ctx context.Context, img ocr.Image) (ocr.Result, error) {
			r, err := img.Open()
			if err != nil {
				return ocr.Result{}, err
			}
			defer r.Close()
			b, err := io.ReadAll(r)
			switch {
			case err != nil:
				return ocr.Result{}, err
			case bytes.Equal(b, photo):
				asWere++
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
			case bytes.Equal(b, worker.ControlPage()):
				return result("HARBOUR"), nil
			}
			decoded++
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindBackendFailed}
		}}
		w.worker().Process(t.Context(), w.bucket.Put("a.jpg", photo))
		if w.want("a.jpg", document.StatusRetrying, document.CodeOCRFailed); asWere != 1 || decoded != 2 {
			t.Errorf("sent %d times as it was and %d times decoded", asWere, decoded)
		}
	})
}

// TestKindOfServiceIsLoggedOnce: at the first answer to any page, and not at errors.
func TestKindOfServiceIsLoggedOnce(t *testing.T) {
	t.Parallel()
	s := ocrtest.New(t, ocrtest.Llama())
	s.Next(ocrtest.LlamaError(400, "invalid_request_error", "Failed to load image or audio file"))
	client, err := ocr.New(ocr.Config{URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.options.OCR = client
	p := w.worker()
	const line = `"OCR service answered","dialect":"llama-server","model":"/models/LightOnOCR.gguf"`
	for i := range 2 {
		p.Process(t.Context(), w.bucket.Put(fmt.Sprintf("%d.png", i), picture(40+i)))
		if n := strings.Count(w.log.String(), line); n != 1 {
			t.Errorf("after %d images: %d lines\n%s", i+1, n, w.log)
		}
	}
}

// TestStripIsRead: a strip that a server would scale down to nothing is sent wide enough to be read.
func TestStripIsRead(t *testing.T) {
	t.Parallel()
	strip := image.NewGray(image.Rect(0, 0, 3, 9000))
	for i := range strip.Pix {
		strip.Pix[i] = byte(i / 3000 * 120)
	}
	for name, options := range map[string][]ocrtest.Option{"vLLM": nil, "llama-server": {ocrtest.Llama()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ocrtest.New(t, options...)
			s.Default(ocrtest.Text("a strip"))
			client, err := ocr.New(ocr.Config{URL: s.URL})
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			w.options.OCR = client
			w.worker().Process(t.Context(), w.bucket.Put("a.png", pagetest.EncodePNG(strip)))
			r := w.want("a.png", document.StatusDone, "")
			if last := s.Last(); r.Text != "a strip" || r.Blank || last.Width != 28 || last.Height != 1540 {
				t.Errorf("%q, blank %v, sent %d x %d", r.Text, r.Blank, last.Width, last.Height)
			}
		})
	}
}
