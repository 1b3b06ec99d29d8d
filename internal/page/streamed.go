package page

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"image"
	"io"
	"runtime"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// decodeHere acquires the memory for a picture, decodes it in this process and finishes it. After an error no memory is
// held.
func (o *object) decodeHere(ctx context.Context, pic *picture) (p finished, err error) {
	if err := o.acquire(ctx, pic.peak(o.lim.Edge)); err != nil {
		return p, err
	}
	if pic.decoding(o.lim.Edge) >= large {
		runtime.GC()
	}
	img, err := o.decodeStream(ctx, pic)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		p, err = o.finishing(&pic.header).finish(img)
	}
	if err == nil && !pic.expects(p.stored) { // a bug: the decoder reads the same header
		err = fmt.Errorf("page: the %s decoder returned %v for %d x %d", o.format.name, p.stored, pic.width, pic.height)
	}
	if err != nil {
		o.settle()
	}
	return p, err
}

// decodeStream decodes a picture while it reads the object to its end.
func (o *object) decodeStream(ctx context.Context, pic *picture) (image.Image, error) {
	s, err := o.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	runtime.LockOSThread() // its processor time is measured
	defer runtime.UnlockOSThread()
	img, err := o.guarded(pic,
		&attentive{s: s, r: bufio.NewReaderSize(s, 32<<10), took: newStopwatch(o.lim.Decoder.limits())})
	return img, s.verdict(err)
}

// guarded runs a decoder. Errors about the file become *Error; a panic becomes another kind of error, because it is a
// bug.
func (o *object) guarded(pic *picture, r io.Reader) (img image.Image, err error) {
	defer func() {
		if v := recover(); v != nil {
			img, err = nil, fmt.Errorf("page: the %s decoder panicked: %v", o.format.name, v)
		}
	}()
	img, err = pic.decode(r, o.finishing(&pic.header))
	return img, complaint(o.format.name, err)
}

// attentive checks the context before every read, which decoders do not do, and the time limits every askTime reads.
// Decoders of these formats need only milliseconds for the bytes between two checks.
type attentive struct {
	s     *stream
	r     io.Reader
	took  *stopwatch
	reads int
}

const (
	oneRead = 1 << 10 // bytes
	askTime = 16      // reads
)

func (a *attentive) Read(p []byte) (int, error) {
	a.took.stop()
	defer a.took.start()
	a.s.err = cmp.Or(a.s.ctx.Err(), a.s.err)
	if a.reads++; a.reads%askTime == 0 && a.s.failure() == nil && a.took.tooMuch() {
		a.s.err = errSlow
	}
	if err := a.s.failure(); err != nil {
		return 0, err
	}
	return a.r.Read(p[:min(len(p), oneRead)])
}

// stopwatch measures the time of a decoder on this thread: processor time, where the system reports it, and wall-clock
// time outside reads.
type stopwatch struct {
	limits  sandbox.Limits
	before  time.Duration // processor time of the thread at the start
	started time.Time
	clock   time.Duration
}

func newStopwatch(l sandbox.Limits) *stopwatch {
	before, _ := threadTime()
	return &stopwatch{limits: l, before: before, started: time.Now()}
}

func (w *stopwatch) start() { w.started = time.Now() }
func (w *stopwatch) stop()  { w.clock += time.Since(w.started) }

// tooMuch reports whether a limit is exceeded.
func (w *stopwatch) tooMuch() bool {
	used, known := threadTime()
	if used -= w.before; !known {
		used = w.clock
	}
	return used > w.limits.Processor || w.clock > w.limits.Clock
}
