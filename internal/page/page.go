// Package page turns the bytes of an object into pages that the OCR model can look at: upright, no larger than it looks at,
// as PNG or JPEG. A PNG or JPEG that is right already passes through as it is. Formats are recognized by the bytes, never by a
// name or a declared type. The package has no network.
//
// Files, in reading order:
//
//	page.go      Split, Pages and their Limits
//	make.go      how one page is made: passed through, or decoded, scaled, turned and encoded
//	load.go      objects that are kept in memory while their pages are made, and the memory that is accounted for
//	formats.go   the table of formats, and how a file's format is recognized
//	png.go jpeg.go gif.go bmp.go webp.go tiff.go pdf.go heif.go   one format each
//	picture.go   what the formats have in common: a picture that is not decoded yet
//	decoder.go   the process in which PDF, AVIF and HEIC are decoded
//	encode.go    in what format a finished page is encoded, and whether it is blank
//	render.go    scaling a decoded picture and turning it upright
//	average.go   the area average that scales
//	channels.go  the rows of a decoded picture as 8-bit channels
//	orient.go    Exif's orientations
//	stream.go    the object as it is read: limits, sizes, failures
//	error.go     what is wrong with an object
package page

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Source is an object's bytes.
type Source struct {
	// Open begins at the first byte each time it is called. It is called more than once, and concurrently if pages are. The
	// second result is the size in bytes, -1 if unknown (unpacked gzip, say). ctx lives as long as the reader is read. The
	// reader is closed once, perhaps while a Read runs; it should check its sum before it answers io.EOF. Errors of Open
	// and of the reader, other than io.EOF, come back to the caller as they are.
	Open func(ctx context.Context) (io.ReadCloser, int64, error)
}

// Limits bound what an object may cost. All numbers must be over 0.
type Limits struct {
	Edge      int   // longest side in pixels that the model looks at, at most 65535; images are never enlarged
	MaxBytes  int64 // of the object, enforced while reading, not only before
	MaxPixels int64 // of one page, before it is scaled
	MaxPages  int
	Budget    Budget   // of memory; nil: unlimited
	Decoder   *Decoder // for PDF, AVIF and HEIC, whose pages cannot be made without one
}

func (l Limits) check() error {
	if l.Edge < 1 || l.Edge > 65535 || l.MaxBytes < 1 || l.MaxPixels < 1 || l.MaxPages < 1 {
		return fmt.Errorf("page: impossible limits: edge %d, %d bytes, %d pixels, %d pages",
			l.Edge, l.MaxBytes, l.MaxPixels, l.MaxPages)
	}
	return nil
}

// Budget is the account of one Pages in a memory budget that it shares with others. It holds a number of bytes, 0 at first or
// what its owner has acquired before. All arguments are that number as it shall be, not by how much it changes, and rather too
// high: before a decoder runs what it needs at its peak, after it what is left, which is the object's own bytes for a file of
// pages (TIFF, PDF) until Close, else 0. Finished pages are not counted.
//
// Split, Page and Close call it, never concurrently for one Pages.
type Budget interface {
	// Acquire makes it n bytes. For more than it holds it may block, until ctx ends; it then holds nothing while it waits, so
	// that accounts cannot wait for each other, and Pages keeps nothing in memory by then. An error is returned to the caller
	// as it is, and leaves the account with nothing. The error for more than can ever be acquired is an *Error of kind TooLarge.
	Acquire(ctx context.Context, n int64) error
	// TryGrow makes it n bytes unless it holds more, and reports whether that was possible at once. Otherwise nothing changes,
	// and the object is read again for the next page.
	TryGrow(n int64) bool
	// Shrink makes it n bytes unless it holds less. It does not block.
	Shrink(n int64)
}

// WarnDamaged is the warning of a page that was cut off or broken in part and shows what is left.
const WarnDamaged = "damaged"

// Page is one finished page.
type Page struct {
	Number, Width, Height int    // 1-based; pixels as sent
	Type                  string // image/png or image/jpeg
	Size                  int64  // bytes, exact
	// Open returns the page's bytes from the first one. It may be called again (a request that is retried) and concurrently. A
	// page that passed through is read from the source, so reading can fail with the source's error, and the context of
	// the call of Pages.Page must not have ended; other pages are in memory. The caller closes the reader.
	Open     func() (io.ReadCloser, error)
	Blank    bool // no ink on it; only where it was decoded anyway
	Warnings []string
	How      string // what was done, in a few words: "passed through", "scaled 4032x3024 to 1540x1155, turned 90°"
}

// Pages are the pages of one object. Its methods are safe for concurrent use; pages are made one at a time. Close it.
type Pages struct {
	src     Source
	lim     Limits
	format  *format
	entries []entry       // one for each page
	size    int64         // of the object in bytes, -1 unknown
	turn    chan struct{} // contains a token while a page is made

	// For whoever has the turn:
	data   []byte        // the object's bytes, if they are in memory
	room   int           // index of the room that an engine has needed so far
	waited time.Duration // for memory, in this turn
	closed bool

	mu   sync.Mutex
	live *stream // at its first byte; nil once it is taken
}

// entry is one page of a file: its picture, or why it cannot be made. A file of one page fails with it; of several, the page
// alone.
type entry struct {
	picture
	err error
}

// Split finds out how many pages the object has. It reads the header, no more, except for files of pages (TIFF, PDF), WebP,
// AVIF and HEIC, which it reads whole. What it opens, the first page goes on to read: ctx must live until Close, and until
// pages that passed through are read. Errors: *Error if the object is at fault, else the source's, the Budget's or ctx's own.
func Split(ctx context.Context, src Source, lim Limits) (*Pages, error) {
	if err := lim.check(); err != nil {
		return nil, err
	}
	if lim.Budget == nil {
		lim.Budget = unlimited{}
	}
	s, err := open(ctx, src, lim.MaxBytes)
	if err != nil {
		return nil, err
	}
	f, err := identify(s)
	if err != nil {
		err = s.verdict(err)
		s.Close()
		return nil, err
	}
	p := &Pages{src: src, lim: lim, format: f, size: s.size, turn: make(chan struct{}, 1), live: s}
	if f.pages != nil {
		err = p.listPages(ctx)
	} else {
		err = p.readHeader(ctx, s)
	}
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// readHeader finds the only page of a picture that is read from front to back.
func (p *Pages) readHeader(ctx context.Context, s *stream) error {
	pic, err := p.format.header(s)
	if err == nil {
		err = p.checkSize(pic)
	}
	if err != nil {
		return s.verdict(err)
	}
	p.entries = []entry{{picture: pic}}
	if !s.rewind(ctx) {
		p.live = nil
		return s.Close()
	}
	return nil
}

// checkSize compares a picture with the limits.
func (p *Pages) checkSize(pic picture) error {
	switch h := pic.common(); {
	case p.format.drawn:
		return nil
	case h.width == 0 || h.height == 0:
		return corrupt(fmt.Sprintf("the %s says that it has no pixels", p.format.name), nil)
	case h.pixels() > p.lim.MaxPixels:
		return &Error{Kind: TooLarge, Msg: fmt.Sprintf("%d x %d pixels are more than the limit of %d", h.width, h.height, p.lim.MaxPixels)}
	}
	return nil
}

// Len returns the number of pages, at least 1.
func (p *Pages) Len() int { return len(p.entries) }

// Page makes page n, counted from 1. It may be asked for more than once, but then a picture costs the source another
// reading. Errors are those of Split. With an error too, waited is how long the call waited for its turn and for memory.
func (p *Pages) Page(ctx context.Context, n int) (pg *Page, waited time.Duration, err error) {
	if n < 1 || n > p.Len() {
		return nil, 0, fmt.Errorf("page: no page %d of %d", n, p.Len())
	}
	begun := time.Now()
	err = p.takeTurn(ctx)
	waited = time.Since(begun)
	if err != nil {
		return nil, waited, err
	}
	defer p.endTurn()
	p.waited = 0
	if e := p.entries[n-1]; e.err != nil {
		err = e.err
	} else {
		pg, err = p.make(ctx, e.picture)
	}
	p.settle()
	waited += p.waited
	if err != nil {
		return nil, waited, err
	}
	pg.Number = n
	return pg, waited, nil
}

// takeTurn waits until no other page is being made.
func (p *Pages) takeTurn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Pages) endTurn() { <-p.turn }

// Close releases the source and the memory, once the page that is being made is finished. Pages that were made stay usable;
// one that passed through opens the source again. It may be called more than once.
func (p *Pages) Close() error {
	p.turn <- struct{}{}
	defer p.endTurn()
	p.closed = true
	p.unload()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live == nil {
		return nil
	}
	s := p.live
	p.live = nil
	return s.Close()
}

// take returns a stream at the object's first byte, for the caller alone: the one that Split opened, or a new one.
func (p *Pages) take(ctx context.Context) (*stream, error) {
	p.mu.Lock()
	s := p.live
	p.live = nil
	p.mu.Unlock()
	if s == nil {
		return open(ctx, p.src, p.lim.MaxBytes)
	}
	s.rewind(ctx) // can, since nothing read it after Split did
	return s, nil
}
