package page

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/pdf"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
	"github.com/bucketocr/bucketocr/internal/page/wasm"
)

// Decoder decodes everything but PNG and baseline JPEG in a separate process, one page at a time for all objects. The
// process is started by the first object that needs it, restarted after it was killed or has died, and ends with the
// program. A Decoder is safe for concurrent use. A nil Decoder, for tests, decodes in this process without limits and
// without the formats that need an engine.
type Decoder struct {
	child   *sandbox.Child
	engines *keptEngines // nil: each process compiles them
}

// Time limits for one call, and for one page decoded in this process. A page that takes a minute of processor time will
// not finish; the slowest of a thousand hostile PDFs took two seconds. The wall-clock limit catches a process that
// hangs, and leaves room for a busy machine that gives a page only a third of a processor.
const (
	processorLimit = time.Minute
	clockLimit     = 3 * time.Minute
)

// NewDecoder returns a Decoder. Its process is not started yet.
func NewDecoder() *Decoder {
	return &Decoder{child: sandbox.New(sandbox.Limits{Processor: processorLimit, Clock: clockLimit})}
}

// LimitMemory makes the process die if it exceeds the given bytes of memory, from its next start on. All mapped memory
// counts, used or not: about 500 MiB in addition to the pictures that Limits.Budget accounts for. On systems other than
// Linux it is only a soft limit of the heap.
func (d *Decoder) LimitMemory(bytes int64) {
	l := d.child.Limits()
	l.Memory = bytes
	d.child.Limit(l)
}

// Close ends the process after the running call. The next call starts another.
func (d *Decoder) Close() { d.child.Close() }

// limits returns the limits for a page.
func (d *Decoder) limits() sandbox.Limits {
	if d == nil {
		return sandbox.Limits{Processor: processorLimit, Clock: clockLimit}
	}
	return d.child.Limits()
}

// Reasons that do not depend on the file's format.
var (
	// an engine needs more than the room that it was given
	errRoom = &Error{Kind: TooLarge, Msg: "it takes too much memory to decode"}
	errSlow = &Error{Kind: TooSlow, Msg: "it takes too long to decode"}
	errDied = &Error{Kind: Corrupt, Msg: "the decoder crashed on it"} // the process, twice, or an engine in it
)

// errNoDecoder reports a bug.
var errNoDecoder = errors.New("page: Limits.Decoder is missing for this kind of file")

// call makes a call and classifies its error. The error of a process that died is returned unchanged.
func (d *Decoder) call(ctx context.Context, m sandbox.Message) (answer sandbox.Message, waited time.Duration,
	err error) {
	if d == nil {
		decode, ok := decoders[m.Op]
		if !ok {
			return answer, 0, errNoDecoder
		}
		m.Data = m.File.Bytes()
		answer, err = sandbox.Handle(ctx, decode.serve, m)
		return answer, 0, err
	}
	answer, waited, err = d.child.Call(ctx, m)
	e, told := errors.AsType[*sandbox.Error](err)
	switch {
	case errors.Is(err, sandbox.ErrSlow):
		err = errSlow
	case told && e.Code == roomCode:
		err = errRoom
	case told && e.Code != "":
		err = &Error{Kind: Kind(e.Code), Msg: e.Msg}
	case told:
		err = fmt.Errorf("page: %s: %w", m.Op, e)
	}
	return answer, waited, err
}

const roomCode = "room"

// errorCode returns the code that carries an error from the child to its parent, where call turns it into an error
// again.
func errorCode(err error) string {
	e, ok := errors.AsType[*Error](err)
	switch {
	case e == errRoom:
		return roomCode
	case ok:
		return string(e.Kind)
	case errors.Is(err, wasm.ErrNotKept):
		return notKeptCode
	}
	return ""
}

// ServeIfDecoder must be the first statement of every program that uses a Decoder, in main, TestMain or, if the main
// program is not ours, init. A Decoder starts the same program again; in that process the call decodes and never
// returns. In any other process it does nothing.
func ServeIfDecoder() { sandbox.ServeIfChild(handlers(), errorCode) }

// decoding decodes a picture of a file. An engine may use room bytes; args are the call's own arguments. Errors are
// *Error unless they are the program's.
type decoding func(ctx context.Context, file []byte, room int64, args []int64) (image.Image, error)

// scaling is a decoding that also scales the picture and turns it upright.
type scaling func(ctx context.Context, file []byte, f finishing, args []int64) (image.Image, error)

// decoders lists the calls that decode a picture without an engine.
var decoders = map[string]interface {
	serve(ctx context.Context, m sandbox.Message) (sandbox.Message, error)
}{
	"jpeg": scaling(salvageJPEG), "png.salvage": decoding(salvagePNG), "gif": decoding(decodeGIF),
	"bmp":  decoding(decodeBMP),
	"webp": decoding(decodeWebP), "tiff": decoding(decodeTIFF),
}

// handlers returns the calls that the decoder process answers: decoders, and for each engine the call that starts it,
// under the engine's name, and the calls that it serves.
func handlers() map[string]sandbox.Handler {
	calls := map[string]sandbox.Handler{}
	for op, d := range decoders {
		calls[op] = d.serve
	}
	for name, e := range engines() {
		calls[name] = startHandler(e)
		switch e := e.(type) {
		case *pdf.Engine:
			servePDF(calls, e)
			servePDFText(calls, e)
			serveJPX(calls, e)
		case *heif.Engine:
			serveHEIF(calls, name, e)
		}
	}
	return calls
}

// serve handles a call by decoding a picture and making a page of it.
func (decode decoding) serve(ctx context.Context, m sandbox.Message) (sandbox.Message, error) {
	room, f, own, err := finishingOf(m.Args)
	if err != nil {
		return sandbox.Message{}, err
	}
	img, err := decode(ctx, m.Data, room, own)
	return f.answer(img, err)
}

// serve handles a call by decoding a picture in the size of its page.
func (decode scaling) serve(ctx context.Context, m sandbox.Message) (sandbox.Message, error) {
	_, f, own, err := finishingOf(m.Args)
	if err != nil {
		return sandbox.Message{}, err
	}
	img, err := decode(ctx, m.Data, f, own)
	return f.answer(img, err)
}

// answer returns the page of a decoded picture.
func (f finishing) answer(img image.Image, err error) (sandbox.Message, error) {
	if err != nil {
		return sandbox.Message{}, err
	}
	p, err := f.finish(img)
	return p.message(), err
}
