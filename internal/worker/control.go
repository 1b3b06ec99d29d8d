package worker

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/wait"
	"github.com/bucketocr/bucketocr/ocr"
)

// controlPNG is the control page: one word in clear type.
//
//go:embed control.png
var controlPNG []byte

// ControlPage returns the control page's PNG file, for stand-ins for an OCR service: they must answer it with its word,
// HARBOUR.
func ControlPage() []byte { return bytes.Clone(controlPNG) }

const (
	controlWord = "HARBOUR"
	// controlTime limits the control page, which normally takes a few seconds.
	controlTime = 30 * time.Second
	// controlWait is the longest wait before the control page is sent again to a server that is restarting.
	controlWait = 15 * time.Second
)

// trial returns how long a page that is sent alone and the control page after it take at most at a healthy service.
func (w *Worker) trial() time.Duration { return w.o.OCRTimeout + controlTime }

// send sends one page to the OCR service and adapts the pace to the outcome.
func (w *Worker) send(ctx context.Context, img ocr.Image, timing *pageTiming) (ocr.Result, error) {
	sent, here := time.Now(), timing.here()
	res, err := w.o.OCR.ExtractText(ctx, img)
	timing.read += time.Since(sent) - (timing.here() - here)
	w.telemetry.tries(ctx, res, err)
	w.met(ctx, res)
	if ctx.Err() == nil {
		w.pace.saw(ctx, err)
	}
	return res, err
}

// met remembers the model that answered, and logs once which kind of server the OCR service is, since they differ in
// their ways.
func (w *Worker) met(ctx context.Context, res ocr.Result) {
	if res.Model != "" {
		w.model.Store(new(document.Clip(res.Model, maxModel)))
	}
	if res.Dialect == "" {
		return
	}
	w.answered.Do(func() {
		w.o.Log.LogAttrs(ctx, slog.LevelInfo, "OCR service answered", slog.String("dialect", res.Dialect),
			slog.String("model", document.Clip(res.Model, maxModel)))
	})
}

// pause calls Pause with the worker's random numbers.
func (w *Worker) pause(err error, n int) (time.Duration, bool) { return Pause(err, n, w.o.Rand()) }

// sendControl calls control while nothing else of this instance is at the OCR service.
func (w *Worker) sendControl(ctx context.Context) error {
	give, err := w.pace.take(ctx, true)
	if err != nil {
		return err
	}
	defer give()
	if !w.pace.silent() { // another delivery's control page has been read meanwhile
		return nil
	}
	return w.control(ctx, 0)
}

// control sends the control page, padded to size bytes, and returns nil once it is read: an earlier failure is then not
// the service's fault. A page that failed may have taken the server down, so the control page is sent again while the
// service refuses it or fails, as long as there is time and no drain.
func (w *Worker) control(ctx context.Context, size int64) error {
	img := padPNG(controlPNG, size)
	again, ended := w.untilDrain(ctx)
	defer ended()
	var last error
	for n := 1; ; n++ {
		res, err := w.o.OCR.ExtractText(ctx, img)
		w.telemetry.tries(ctx, res, err)
		w.met(ctx, res)
		if err == nil && !strings.Contains(strings.ToUpper(res.Text), controlWord) {
			err = errNotRead
		}
		if err == nil {
			w.pace.saw(ctx, nil)
			return nil
		}
		if ctx.Err() != nil {
			return cmp.Or(last, withCause(ctx, err))
		}
		w.pace.saw(ctx, err)
		last = &controlError{err}
		pause, comesBack := w.pause(err, n)
		if oe, ok := errors.AsType[*ocr.Error](err); ok &&
			(oe.Kind == ocr.KindBackendFailed || oe.Kind == ocr.KindLost) {
			pause, comesBack = firstWait<<min(n-1, 8), true // the control page does not crash it
		}
		if !comesBack || wait.Sleep(again, min(pause, controlWait)) != nil {
			return last
		}
	}
}

// errNotRead means that the answer to the control page lacks its word.
var errNotRead = errors.New("the answer does not hold the word of the control page")

// controlAfter sends the control page after a page that failed alone. If that page timed out and the control page is
// read late, it is sent once more: the service may still have been at work on the page. If it is late again, a queue of
// other instances' pages explains the time-out.
func (w *Worker) controlAfter(ctx context.Context, failed error, size int64) error {
	oe, ok := errors.AsType[*ocr.Error](failed)
	timedOut := ok && oe.Kind == ocr.KindTimeout
	for range 2 {
		sent := time.Now()
		if err := w.control(ctx, paddingFor(failed, size)); err != nil || !timedOut ||
			time.Since(sent) <= w.o.OCRTimeout/4 {
			return err
		}
	}
	return &controlError{errQueue}
}

var errQueue = errors.New("it was read late twice: the service has a queue")

// paddingFor returns the size in bytes that the control page needs to show whether the page or the service explains an
// error: that of the page, if it was refused for its size.
func paddingFor(err error, size int64) int64 {
	if oe, ok := errors.AsType[*ocr.Error](err); ok && oe.Status == http.StatusRequestEntityTooLarge {
		return size
	}
	return 0
}

// controlError means that the control page was not read either, or late: the service is at fault, not the page before
// it.
type controlError struct{ err error }

func (e *controlError) Error() string { return "the control page failed: " + e.err.Error() }
func (e *controlError) Unwrap() error { return e.err }

// fault returns the code and class, given the fault that the wrapped error alone would mean.
func (e *controlError) fault(f document.Fault) (string, document.Class) {
	oe, _ := errors.AsType[*ocr.Error](e.err)
	switch {
	case errors.Is(e.err, errQueue):
		return document.CodeOCRUnavailable, document.ClassService
	case oe == nil, oe.Kind == ocr.KindBadResponse, oe.Kind == ocr.KindBadImage,
		oe.Status == http.StatusRequestEntityTooLarge:
		return document.CodeOCRMisconfigured, document.ClassService // it answers, but not like an OCR service
	case f.Class == document.ClassService:
		return f.Code, f.Class
	}
	return document.CodeOCRUnavailable, document.ClassService
}
