package page

import "errors"

// Kind says what is wrong with an object. The list only grows.
type Kind string

const (
	Unsupported Kind = "unsupported" // no image, or none that is read here
	TooLarge    Kind = "too_large"   // over one of the Limits
	Corrupt     Kind = "corrupt"     // broken or cut off
	Encrypted   Kind = "encrypted"   // locked with a password
	Empty       Kind = "empty"       // no bytes at all
)

// Error is a fault of the object itself: the same bytes fail again, however often they are read. All other errors are the
// source's, the context's or Limits.Reserve's, returned as they came, or a bug of this program.
type Error struct {
	Kind Kind
	Msg  string // in words, for the object's owner; holds nothing of the picture
	Err  error  // what the decoder said, or nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Msg
	}
	return e.Msg + ": " + e.Err.Error()
}

// Unwrap gives what the decoder said.
func (e *Error) Unwrap() error { return e.Err }

func corrupt(msg string, err error) error { return &Error{Kind: Corrupt, Msg: msg, Err: err} }

func unsupported(msg string) error { return &Error{Kind: Unsupported, Msg: msg} }

// isCorrupt reports whether err blames the object's bytes.
func isCorrupt(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == Corrupt
}

func isTooLarge(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == TooLarge
}
