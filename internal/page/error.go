package page

import (
	"errors"
	"fmt"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"strconv"
)

// Kind is a kind of fault. Kinds may be added, but are never removed.
type Kind string

const (
	Unsupported Kind = "unsupported" // not an image, or of an unsupported kind
	TooLarge    Kind = "too_large"   // it exceeds one of the Limits
	Corrupt     Kind = "corrupt"     // broken or cut off
	Encrypted   Kind = "encrypted"   // a password is needed
	Empty       Kind = "empty"       // it has no bytes
	// it exceeds the time limit; the machine may have been slow, so the call may be repeated once
	TooSlow Kind = "too_slow"
)

// Error is a fault of the object itself. Except for TooSlow, the same bytes always fail again. All other errors are the
// source's, the context's or the Budget's, unwrapped, or a bug of this program.
type Error struct {
	Kind Kind
	Msg  string // for the object's owner; contains nothing of the picture
	Err  error  // the decoder's error, which is not for the owner; or nil
}

func (e *Error) Error() string { return e.Msg }

func (e *Error) Unwrap() error { return e.Err }

func corrupt(msg string, err error) error { return &Error{Kind: Corrupt, Msg: msg, Err: err} }

func unsupported(msg string) error { return &Error{Kind: Unsupported, Msg: msg} }

var errCut = corrupt("the file is cut off", io.ErrUnexpectedEOF)

// complaint turns a decoder's error into an *Error. The stream itself must not have failed.
func complaint(format string, err error) error {
	_, ours := errors.AsType[*Error](err)
	_, notPNG := errors.AsType[png.UnsupportedError](err)
	_, notJPEG := errors.AsType[jpeg.UnsupportedError](err)
	switch {
	case err == nil || ours:
		return err
	case notPNG || notJPEG:
		return &Error{Kind: Unsupported, Msg: "this kind of " + format + " is not supported", Err: err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return corrupt("the file is cut off", err)
	}
	return corrupt("the "+format+" is damaged", err)
}

func tooManyPages(most int) error {
	return &Error{Kind: TooLarge, Msg: fmt.Sprintf("it has more pages than the limit of %d", most)}
}

// isKind reports whether err is an *Error of this kind.
func isKind(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}

// formatPixels formats a number of pixels, in megapixels if it is large. It rounds up, so that a number over a limit
// never looks equal to it.
func formatPixels(n int64) string {
	if n < 1e5 {
		return fmt.Sprintf("%d pixels", n)
	}
	return strconv.FormatFloat(math.Ceil(float64(n)/1e5)/10, 'f', -1, 64) + " megapixels"
}

// bytesOf formats a number of bytes, in MiB or KiB if it is a multiple of them.
func bytesOf(n int64) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
