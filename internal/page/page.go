// Package page is the darkroom: it turns the bytes of an object into pages that the OCR model can look at, upright, no
// larger than it looks at, as PNG or JPEG. A PNG or JPEG that is right already passes through unread. Formats are told from
// the bytes, never from a name or a declared type. The package has no network.
package page

import (
	"context"
	"fmt"
	"io"
	"sync"
)

// Source is an object's bytes.
type Source struct {
	// Open begins at the first byte each time it is called. It is called more than once, and at once if pages are. The
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
	// Reserve is told how many bytes the object holds from now on, rather too many: before a decoder runs what it will hold
	// at its peak, and when it has ended what is left, which is 0 or, for a file of pages (TIFF, PDF), its own bytes until
	// Close. What becomes a page is not counted any more. Calls for one Pages never overlap. For more than before it may
	// block, bounded by ctx, and by then the object holds nothing; its error is returned as is. The ctx of a call for less
	// never ends, and its error is ignored. nil: no accounting.
	Reserve func(ctx context.Context, bytes int64) error
	// Grow is Reserve for more while what is held stays held. It must not block, and reports false where it would have to.
	// nil: it never can, and a file of pages is read anew for each of them.
	Grow func(bytes int64) bool
}

func (l Limits) check() error {
	if l.Edge < 1 || l.Edge > 65535 || l.MaxBytes < 1 || l.MaxPixels < 1 || l.MaxPages < 1 {
		return fmt.Errorf("page: impossible limits: edge %d, %d bytes, %d pixels, %d pages",
			l.Edge, l.MaxBytes, l.MaxPixels, l.MaxPages)
	}
	return nil
}

// WarnDamaged is the warning of a page that was cut off or broken in part and shows what is left.
const WarnDamaged = "damaged"

// Page is one finished page.
type Page struct {
	Number, Width, Height int    // 1-based; pixels as sent
	Type                  string // image/png or image/jpeg
	Size                  int64  // bytes, exact
	// Open gives the page's bytes from the first one. It may be called again (a request that is retried) and at once. A
	// page that passed through is read from the source, so reading can fail with the source's error, and the context of
	// the call of Pages.Page must not have ended; other pages are held in memory. The caller closes the reader.
	Open     func() (io.ReadCloser, error)
	Blank    bool // no ink on it; only where it was decoded anyway
	Warnings []string
	How      string // what was done, in a few words: "passed through", "scaled 4032x3024 to 1540x1155, turned 90°"
}

// Pages are the pages of one object. Its methods are safe for concurrent use; pages are made one at a time. Close it.
type Pages struct {
	src    Source
	lim    Limits
	leaves []leaf
	holder bool          // the pages are made from held bytes
	size   int64         // of the object in bytes, -1 unknown
	turn   chan struct{} // holds a token while a page is made

	// Whoever has the turn:
	data     []byte // the object's bytes, if they are held
	reserved int64
	room     int // index of the room that an engine has needed so far
	closed   bool

	mu   sync.Mutex
	live *stream // at its first byte; nil once it is taken
}

// Split finds out how many pages the object has. It reads the header, no more, save for files of pages (TIFF, PDF), WebP,
// AVIF and HEIC, which it reads whole. What it opens, the first page goes on to read: ctx must live until Close, and until
// pages that passed through are read. Errors: *Error if the object is at fault, else the source's, Limits.Reserve's or ctx's
// own.
func Split(ctx context.Context, src Source, lim Limits) (*Pages, error) {
	if err := lim.check(); err != nil {
		return nil, err
	}
	s, err := open(ctx, src, lim.MaxBytes)
	if err != nil {
		return nil, err
	}
	name, err := identify(s)
	if err != nil {
		err = s.verdict(err)
		s.Close()
		return nil, err
	}
	p := &Pages{src: src, lim: lim, size: s.size, turn: make(chan struct{}, 1), live: s}
	if h := holders[name]; h != nil {
		p.holder, err = true, p.list(ctx, h)
	} else {
		err = p.readHeader(ctx, s, streams[name])
	}
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// readHeader makes the only page of a picture that is read from front to back.
func (p *Pages) readHeader(ctx context.Context, s *stream, read func(*stream) (*header, error)) (err error) {
	if p.leaves, err = alone(read(s))(p.lim); err != nil {
		return s.verdict(err)
	}
	if !s.rewind(ctx) {
		p.live = nil
		return s.Close()
	}
	return nil
}

// Len is the number of pages, at least 1.
func (p *Pages) Len() int { return len(p.leaves) }

// Page makes page n, counted from 1. It may be asked for more than once, but then a picture costs the source another
// reading. Errors as for Split.
func (p *Pages) Page(ctx context.Context, n int) (*Page, error) {
	if n < 1 || n > p.Len() {
		return nil, fmt.Errorf("page: no page %d of %d", n, p.Len())
	}
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer p.leave()
	l := p.leaves[n-1]
	if l.err != nil {
		return nil, l.err
	}
	pg, err := p.make(ctx, l.head)
	if err != nil {
		return nil, err
	}
	pg.Number = n
	return pg, nil
}

func (p *Pages) make(ctx context.Context, h *header) (*Page, error) {
	switch {
	case !h.passes(p.lim.Edge) || p.size > passMax:
		return p.develop(ctx, h)
	case p.size < 0:
		return p.collect(ctx, h)
	}
	return p.pass(ctx, h), nil
}

// enter waits until no other page is being made.
func (p *Pages) enter(ctx context.Context) error {
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

func (p *Pages) leave() { <-p.turn }

// Close lets go of the source, once the page that is being made is finished. Pages that were made stay usable; one that
// passed through opens the source anew. It may be called more than once.
func (p *Pages) Close() error {
	p.turn <- struct{}{}
	defer p.leave()
	p.closed = true
	p.letGo()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live == nil {
		return nil
	}
	s := p.live
	p.live = nil
	return s.Close()
}

// take gives a stream at the object's first byte for the one who asks: the one that Split opened, or a new one.
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
