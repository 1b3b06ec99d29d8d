package pdf

import (
	"errors"
	"fmt"
)

// Errors about a file or a page. Other errors are the engine's.
var (
	ErrBroken = errors.New("not a readable PDF")
	ErrLocked = errors.New("locked with a password")
	ErrPage   = errors.New("the page cannot be read")
	ErrRoom   = errors.New("needs more memory") // than the given room
	ErrCrash  = errors.New("PDFium crashed")
)

// crash wraps the error of an instance that the file crashed.
func crash(err error) error { return fmt.Errorf("%w: %w", ErrCrash, err) }
