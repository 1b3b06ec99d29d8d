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

// Kind says what is wrong with an object. The list only grows.
type Kind string

const (
	Unsupported Kind = "unsupported" // no image, or none that is read here
	TooLarge    Kind = "too_large"   // over one of the Limits
	Corrupt     Kind = "corrupt"     // broken or cut off
	Encrypted   Kind = "encrypted"   // locked with a password
	Empty       Kind = "empty"       // no bytes at all
	// over the limit on time: perhaps the machine was, so the call may be made once more
	TooSlow Kind = "too_slow"
)

// Error is a fault of the object itself: the same bytes fail again, however often they are read, but for TooSlow. All
// other errors are the source's, the context's or the Budget's, returned as they came, or a bug of this program.
type Error struct {
	Kind Kind
	Msg  string // in words, for the object's owner; contains nothing of the picture
	Err  error  // what the decoder said, in its own words, which are not for the owner; or nil
}

func (e *Error) Error() string { return e.Msg }

func (e *Error) Unwrap() error { return e.Err }

func corrupt(msg string, err error) error { return &Error{Kind: Corrupt, Msg: msg, Err: err} }

func unsupported(msg string) error { return &Error{Kind: Unsupported, Msg: msg} }

// errCut says that a file ends too early.
var errCut = corrupt("the file is cut off", io.ErrUnexpectedEOF)

// complaint classifies what a decoder says of a stream that did not fail.
func complaint(format string, err error) error {
	_, ours := errors.AsType[*Error](err)
	_, notPNG := errors.AsType[png.UnsupportedError](err)
	_, notJPEG := errors.AsType[jpeg.UnsupportedError](err)
	switch {
	case err == nil || ours:
		return err
	case notPNG || notJPEG:
		return &Error{Kind: Unsupported, Msg: format + " of this kind is not supported", Err: err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return corrupt("the file is cut off", err)
	}
	return corrupt("the "+format+" is damaged", err)
}

func tooManyPages(most int) error {
	return &Error{Kind: TooLarge, Msg: fmt.Sprintf("it has more pages than the limit of %d", most)}
}

// isKind reports whether err is a fault of the object of this kind.
func isKind(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}

// pixels says how many pixels there are, in megapixels where they are as many as a photo's. It rounds up, so that what
// is over a limit looks like it.
func pixels(n int64) string {
	if n < 1e5 {
		return fmt.Sprintf("%d pixels", n)
	}
	return strconv.FormatFloat(math.Ceil(float64(n)/1e5)/10, 'f', -1, 64) + " megapixels"
}

// bytesOf says how many bytes there are, in MiB or KiB where they are a whole number of them.
func bytesOf(n int64) string {
	switch {
	case n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
