package page

import (
	"context"
	"fmt"
	"io"
)

// Source opens an object's bytes.
type Source struct {
	// Open returns a reader at the first byte, and the size in bytes, or -1 if it is unknown (decompressed gzip, say).
	// It may be called more than once, and concurrently if several pages are read. ctx lives as long as the reader is
	// read. The reader is closed once, perhaps during a Read; it should verify its checksum before it returns io.EOF.
	// Errors of Open and of the reader, other than io.EOF, are returned to the caller unwrapped.
	Open func(ctx context.Context) (io.ReadCloser, int64, error)
}

// Limits bound what an object may cost. All numbers must be positive.
type Limits struct {
	Edge      int   // the longest side of a page in pixels, at most 65535; larger images are scaled down
	MaxBytes  int64 // of the object; also enforced while reading
	MaxPixels int64 // of one page, before it is scaled
	MaxPages  int
	First     bool     // make the first MaxPages pages of an object that has more, instead of none
	Budget    Budget   // of memory; nil: unlimited
	Decoder   *Decoder // for PDF, JPEG 2000, AVIF and HEIC, whose pages cannot be made without one
}

const maxEdge = 65535

func (l Limits) check() error {
	if l.Edge < 1 || l.Edge > maxEdge || l.MaxBytes < 1 || l.MaxPixels < 1 || l.MaxPages < 1 {
		return fmt.Errorf("page: invalid limits: edge %d, %d bytes, %d pixels, %d pages",
			l.Edge, l.MaxBytes, l.MaxPixels, l.MaxPages)
	}
	return nil
}

// Budget is an account for the memory of one Pages, in bytes, drawn from an amount that is shared with others. It may
// hold something before Split is called: a guess at what the object will need. Every argument is the total that the
// account is to hold, not a difference. Totals are upper bounds. Before a decoder runs they cover its peak in both
// processes, and afterwards what stays in memory: nothing, or, for a multi-page file (TIFF, PDF) until Close, the
// object's bytes. Finished pages are not counted: each is small, and belongs to the caller.
//
// Calls for one Pages come from Split, Page and Close, and never overlap.
type Budget interface {
	// Acquire returns once the account holds at least n bytes. If it already does, it does not block. Otherwise it
	// releases everything it holds and then waits for n bytes, so that no two accounts wait for each other; Pages has
	// nothing in memory at that time. It fails with ctx's error, or with an *Error of kind TooLarge if n bytes can
	// never be available. Split and Page shrink the account to nothing and return that error unwrapped.
	Acquire(ctx context.Context, n int64) error
	// TryGrow grows the account to n bytes if that is possible without waiting, and reports whether it holds at least
	// n. If it does not, nothing changes, and Pages drops the object's bytes before it calls Acquire.
	TryGrow(n int64) bool
	// Shrink releases what the account holds in excess of n bytes. It does not block.
	Shrink(n int64)
}

// Warnings of a page.
const (
	WarnDamaged       = "damaged"        // truncated or partly broken; the page shows the rest
	WarnMissingGlyphs = "missing_glyphs" // some characters could not be drawn, because no font has them
)

// Thresholds of Page.Ink. Up to InkOfNothing a page has no print, from InkOfPrint on it has some; in between it may be
// either. A line of thirty letters covers about 0.001 of A4, a full page 0.2 to 0.9.
const (
	LeastInk = 1e-6 // a page on which nothing was found
	// scanner noise, dust, holes, shadows, empty forms and show-through have no more
	InkOfNothing = 0.0002
	InkOfPrint   = 0.0004 // a few words have more, unless they are pale
)

// Page is one finished page.
type Page struct {
	Number, Width, Height int    // Number counts from 1; the size is in pixels, as sent
	Type                  string // image/png or image/jpeg
	Size                  int64  // bytes, exact
	// Open returns a reader of the page's bytes, which the caller must close. It may be called again, to retry a
	// request, and concurrently. A page that passed through is read from the source, so reading can fail with the
	// source's error, and the contexts of Split and of the call of Page must not have ended; other pages are in memory.
	Open  func() (io.ReadCloser, error)
	Blank bool // the page has no ink and, in a PDF, no text; never set for a page that passed through
	// Ink is the fraction of the page that print covers, from 0 to 1; see InkOfNothing and InkOfPrint. It is at least
	// LeastInk for a page that was decoded, and 0 for one that passed through.
	Ink float64
	// Turns lists by how many degrees clockwise the page may have to be turned to be upright, the likeliest first. If
	// its lines run down the page, which upright vertical writing does, too, 90 and 270 come first. 180 is always last,
	// since an upside-down page cannot be detected. It is empty if there is no print, or if the page passed through.
	Turns    []int
	Passed   bool // it passed through; Pages.Decoded makes a re-encoded one
	Warnings []string
	How      string // what was done: "passed through", "scaled 4032x3024 to 1540x1155, turned 90°"
}
