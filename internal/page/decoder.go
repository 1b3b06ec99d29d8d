package page

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync/atomic"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/pdf"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
	"github.com/bucketocr/bucketocr/internal/page/wasm"
)

// Decoder is the process in which all is decoded but PNG and baseline JPEG: started by the first object that needs it,
// for all objects, one page at a time, and again after it was killed or has died. It ends with the program. Safe for
// concurrent use. A nil Decoder decodes in this process and with no limit what needs no engine; that is for tests.
type Decoder struct {
	child   *sandbox.Child
	keys    atomic.Int64 // how many objects have one
	engines *keptEngines // nil: they are compiled by each process
}

// Limits on the time of one call, and of one page that is decoded here. What takes a minute of a processor is not going
// to end; the slowest of a thousand hostile PDFs took two seconds. The clock's limit is for a process that hangs, and
// for a machine that is so busy that it gives a page less than a third of a processor.
const (
	processorLimit = time.Minute
	clockLimit     = 3 * time.Minute
)

// NewDecoder returns a Decoder that is not started yet.
func NewDecoder() *Decoder {
	return &Decoder{child: sandbox.New(sandbox.Limits{Processor: processorLimit, Clock: clockLimit})}
}

// LimitMemory has the process die rather than have more than so many bytes of memory, from its next start on. All that
// is mapped counts, used or not: beside the pictures that Limits.Budget accounts for about 500 MiB. On other systems
// than Linux it bounds the heap alone, and softly.
func (d *Decoder) LimitMemory(bytes int64) {
	l := d.child.Limits()
	l.Memory = bytes
	d.child.Limit(l)
}

// Close ends the process, once no call is running. The next call starts another.
func (d *Decoder) Close() { d.child.Close() }

// limits returns those of a page.
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
	errDied = &Error{Kind: Corrupt, Msg: "the decoder crashed on it"} // its process, twice, or an engine in it
)

// errNoDecoder is a mistake of the program.
var errNoDecoder = errors.New("page: Limits.Decoder is missing for this kind of file")

// call makes a call, and classifies what it fails with; that the process died comes back as it is.
func (d *Decoder) call(ctx context.Context, m sandbox.Message) (answer sandbox.Message, waited time.Duration,
	err error) {
	if d == nil {
		decode, ok := decoders[m.Op]
		if !ok {
			return answer, 0, errNoDecoder
		}
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

// errorCode is how an error goes from the child to its parent, where call makes it one again.
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

// ServeIfDecoder must be the first statement of every program that uses a Decoder, in main, TestMain or, where the main
// program is not ours, init: a Decoder starts the same program once more, and there this call decodes, and does not
// return. In any other process it does nothing.
func ServeIfDecoder() { sandbox.ServeIfChild(handlers(), errorCode) }

// decoding decodes a picture of a file, with so many bytes of room where an engine does it, in the way that the call's
// own numbers say. Its errors are *Error, unless it fails by itself.
type decoding func(ctx context.Context, file []byte, room int64, args []int64) (image.Image, error)

// scaling is a decoding that scales the picture, too, and turns it upright.
type scaling func(ctx context.Context, file []byte, f finishing, args []int64) (image.Image, error)

// decoders are the calls that decode a picture without an engine.
var decoders = map[string]interface {
	serve(ctx context.Context, m sandbox.Message) (sandbox.Message, error)
}{
	"jpeg": scaling(salvageJPEG), "png.salvage": decoding(salvagePNG), "gif": decoding(decodeGIF),
	"bmp":  decoding(decodeBMP),
	"webp": decoding(decodeWebP), "tiff": decoding(decodeTIFF),
}

// handlers returns the calls that the decoder process answers: decoders, and for each engine one of its name that
// starts it, and what it does.
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

// serve is the handler that decodes a picture and makes a page of it.
func (decode decoding) serve(ctx context.Context, m sandbox.Message) (sandbox.Message, error) {
	room, f, own, err := finishingOf(m.Args)
	if err != nil {
		return sandbox.Message{}, err
	}
	img, err := decode(ctx, m.Data, room, own)
	return f.answer(img, err)
}

// serve is the handler that decodes a picture in the size of its page.
func (decode scaling) serve(ctx context.Context, m sandbox.Message) (sandbox.Message, error) {
	_, f, own, err := finishingOf(m.Args)
	if err != nil {
		return sandbox.Message{}, err
	}
	img, err := decode(ctx, m.Data, f, own)
	return f.answer(img, err)
}

// answer makes a page of a decoded picture.
func (f finishing) answer(img image.Image, err error) (sandbox.Message, error) {
	if err != nil {
		return sandbox.Message{}, err
	}
	p, err := f.finish(img)
	return p.message(), err
}
