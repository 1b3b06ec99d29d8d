package page

import (
	"context"
	"fmt"
	"io"
)

// Source is an object's bytes.
type Source struct {
	// Open begins at the first byte each time it is called. It is called more than once, and concurrently if pages are.
	// The second result is the size in bytes, -1 if unknown (unpacked gzip, say). ctx lives as long as the reader is
	// read. The reader is closed once, perhaps while a Read runs; it should check its sum before it answers io.EOF.
	// Errors of Open and of the reader, other than io.EOF, come back to the caller as they are.
	Open func(ctx context.Context) (io.ReadCloser, int64, error)
}

// Limits bound what an object may cost. All numbers must be over 0.
type Limits struct {
	Edge      int   // longest side in pixels that the model looks at, at most 65535; images are never enlarged
	MaxBytes  int64 // of the object, enforced while reading, not only before
	MaxPixels int64 // of one page, before it is scaled
	MaxPages  int
	First     bool     // of an object with more pages than MaxPages those are made, instead of none
	Budget    Budget   // of memory; nil: unlimited
	Decoder   *Decoder // for PDF, JPEG 2000, AVIF and HEIC, whose pages cannot be made without one
}

const maxEdge = 65535

func (l Limits) check() error {
	if l.Edge < 1 || l.Edge > maxEdge || l.MaxBytes < 1 || l.MaxPixels < 1 || l.MaxPages < 1 {
		return fmt.Errorf("page: impossible limits: edge %d, %d bytes, %d pixels, %d pages",
			l.Edge, l.MaxBytes, l.MaxPixels, l.MaxPages)
	}
	return nil
}

// Budget accounts for the memory of one Pages, in bytes, out of an amount that is shared with others. An account may
// hold something before Split is called: a guess at what the object will need. Every argument is the total that the
// account holds afterwards, not a difference. Totals are rather too high: before a decoder runs they cover its peak, in
// whichever process, once it has run what stays in memory, which is nothing or, for a file of pages (TIFF, PDF) until
// Close, the object's own bytes, twice if the Decoder keeps them too. Finished pages are not counted: each is small,
// and is read by whoever asked for it.
//
// Calls for one Pages come from Split, Page and Close, and never overlap.
type Budget interface {
	// Acquire returns once the account holds n bytes. If it holds as many already, it does not block. Otherwise it
	// releases all that it holds and then waits for n bytes, so that no two accounts wait for each other; Pages has
	// nothing in memory then. It fails with ctx's error, or with an *Error of kind TooLarge if n bytes are never
	// available. Split and Page return its error as it is, after they have shrunk the account to nothing.
	Acquire(ctx context.Context, n int64) error
	// TryGrow reports whether the account holds n bytes or more, or got them without waiting. If not, nothing changes,
	// and Pages drops the object's bytes before it calls Acquire.
	TryGrow(n int64) bool
	// Shrink releases what the account holds above n bytes. It does not block.
	Shrink(n int64)
}

// Warnings of a page.
const (
	WarnDamaged       = "damaged"        // it was cut off or broken in part, and shows what is left
	WarnMissingGlyphs = "missing_glyphs" // it has characters that could not be drawn: no font has them
)

// What the Ink of a page means; between InkOfNothing and InkOfPrint it may be either. A line of thirty
// letters makes about 0.001 of A4, a full page 0.2 to 0.9.
const (
	LeastInk = 1e-6 // of a page on which nothing was found
	// scanner noise, dust, holes, shadows, empty forms and what shines through the paper do not have more
	InkOfNothing = 0.0002
	InkOfPrint   = 0.0004 // a few words have more, unless they are pale
)

// Page is one finished page.
type Page struct {
	Number, Width, Height int    // 1-based; pixels as sent
	Type                  string // image/png or image/jpeg
	Size                  int64  // bytes, exact
	// Open returns the page's bytes from the first one. It may be called again (a request that is retried) and
	// concurrently. A page that passed through is read from the source, so reading can fail with the source's error,
	// and the context of the call of Pages.Page must not have ended; other pages are in memory. The caller closes the
	// reader.
	Open  func() (io.ReadCloser, error)
	Blank bool // no ink on it, and no text in a PDF; only where it was decoded anyway
	// Ink is the part of the page that print covers, from 0 to 1, as InkOfPrint and InkOfNothing say what that means. A
	// page that was decoded has LeastInk at least; 0 says that it passed through and was not looked at.
	Ink float64
	// Turns are by how many degrees clockwise the page may have to be turned to be upright, the likeliest first: 90 and
	// 270, in the likelier order, where its lines run down the page, as those of upright vertical writing do, and 180,
	// which cannot be seen, last. None where there is no print, or where the page passed through.
	Turns    []int
	Passed   bool // it passed through: Pages.Decoded can make another one of it
	Warnings []string
	How      string // what was done, in a few words: "passed through", "scaled 4032x3024 to 1540x1155, turned 90°"
}
