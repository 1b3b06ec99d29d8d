package page

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/pdf"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// decoders is the process in which engines decode: started by the first object that needs one, for all objects. What takes a
// minute is not going to end; the slowest of a thousand hostile PDFs took two seconds.
var decoders = &sandbox.Child{Patience: time.Minute}

// engineRooms are the bytes that an engine is given to make a page. The first is enough for nearly all: a scan of A4 in colour
// at 300 and at 600 DPI takes 46 MiB, text 20. What it is not enough for is found out in some hundredths of a second.
var engineRooms = []int64{64 << 20, 256 << 20}

// startMemory is about what it takes to start an engine; most of it is given back then.
const startMemory = 300 << 20

// errRoom says that an engine needs more memory than the room that it was given.
var errRoom = &Error{Kind: TooLarge, Msg: "it takes too much memory to decode"}

// The rest of the program may be anybody's main; in the child it is never reached.
func init() {
	sandbox.Serve(handlers(), errorCode)
}

// starts is the handler that starts an engine.
func starts(start func() error) sandbox.Handler {
	return func(sandbox.Message) (sandbox.Message, error) {
		err := start()
		debug.FreeOSMemory()
		return sandbox.Message{}, err
	}
}

// handlers are the calls that the child answers.
func handlers() map[string]sandbox.Handler {
	calls := map[string]sandbox.Handler{
		"nothing": func(m sandbox.Message) (sandbox.Message, error) { return m, nil }, // to see whether it answers
	}
	pdfCalls(calls, &pdf.Engine{})
	heifCalls(calls, "avif", heif.AVIF())
	if e := heif.HEIC(); e != nil {
		heifCalls(calls, "heic", e)
	}
	return calls
}

const roomCode = "room"

// errorCode is how an error goes from the child to its parent, and decodeCall how it becomes one again.
func errorCode(err error) string {
	if err == error(errRoom) {
		return roomCode
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return string(e.Kind)
	}
	return ""
}

// decodeCall has the child do something with data in so much room.
func decodeCall(ctx context.Context, op string, data []byte, room int64, args ...int64) (sandbox.Message, error) {
	m, err := decoders.Call(ctx, sandbox.Message{Op: op, Args: append([]int64{room}, args...), Data: data})
	e, told := errors.AsType[*sandbox.Error](err)
	switch {
	case errors.Is(err, sandbox.ErrSlow):
		return m, &Error{Kind: TooLarge, Msg: "it takes too long to decode", Err: err}
	case told && e.Code == roomCode:
		return m, errRoom
	case told && e.Code != "":
		return m, &Error{Kind: Kind(e.Code), Msg: e.Msg}
	case told:
		return m, fmt.Errorf("page: %s: %w", op, e)
	}
	return m, err
}
