// Package page is the darkroom: it turns the bytes of an object into pages that the OCR model can look at, upright, no
// larger than it looks at, as PNG or JPEG. A picture that is right already passes through unread. Formats are told from the
// bytes, never from a name or a declared type. The package has no network and no clock.
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
	// Reserve is told how many bytes decoding a page will hold at its peak, before the decoder runs, and 0 when that memory
	// is given back; what stays is the finished page. One page is decoded at a time, so calls for one Pages alternate and
	// never overlap. It may block, bounded by ctx; its error is returned as is. The ctx of the call with 0 never ends, and
	// its error is ignored. nil: no accounting.
	Reserve func(ctx context.Context, bytes int64) error
}

func (l Limits) check() error {
	if l.Edge < 1 || l.Edge > 65535 || l.MaxBytes < 1 || l.MaxPixels < 1 || l.MaxPages < 1 {
		return fmt.Errorf("page: impossible limits: edge %d, %d bytes, %d pixels, %d pages",
			l.Edge, l.MaxBytes, l.MaxPixels, l.MaxPages)
	}
	return nil
}

// Page is one finished page.
type Page struct {
	Number, Width, Height int    // 1-based; pixels as sent
	Type                  string // image/png or image/jpeg
	Size                  int64  // bytes, exact
	// Open gives the page's bytes from the first one. It may be called again (a request that is retried) and at once. A
	// page that passed through is read from the source, so reading can fail with the source's error, and the context of
	// the call of Pages.Page must not have ended; other pages are held in memory. The caller closes the reader.
	Open     func() (io.ReadCloser, error)
	Blank    bool // reserved: always false
	Warnings []string
	How      string // what was done, in a few words: "passed through", "scaled 4032x3024 to 1540x1155, turned 90°"
}

// Pages are the pages of one object. Its methods are safe for concurrent use; pages are made one at a time. Close it.
type Pages struct {
	src  Source
	lim  Limits
	head *header
	size int64         // of the object in bytes, -1 unknown
	turn chan struct{} // holds a token while a page is made

	mu   sync.Mutex
	live *stream // at its first byte; nil once it is taken
}

// Split reads the object's header, no more, and says how many pages there are. What it opens, the first page goes on to
// read: ctx must live until Close, and until pages that passed through are read. Errors: *Error if the object is at
// fault, else the source's or ctx's own.
func Split(ctx context.Context, src Source, lim Limits) (*Pages, error) {
	if err := lim.check(); err != nil {
		return nil, err
	}
	s, err := open(ctx, src, lim.MaxBytes)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(s)
	if err == nil {
		err = h.within(lim)
	}
	if err != nil {
		err = s.verdict(err)
		s.Close()
		return nil, err
	}
	p := &Pages{src: src, lim: lim, head: h, size: s.size, turn: make(chan struct{}, 1)}
	if s.rewind(ctx) {
		p.live = s
	} else {
		s.Close()
	}
	return p, nil
}

// Len is the number of pages, at least 1.
func (p *Pages) Len() int { return 1 }

// Page makes page n, counted from 1. It may be asked for more than once, but then costs the source another reading. Errors
// as for Split, and Limits.Reserve's.
func (p *Pages) Page(ctx context.Context, n int) (*Page, error) {
	if n < 1 || n > p.Len() {
		return nil, fmt.Errorf("page: no page %d of %d", n, p.Len())
	}
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer func() { <-p.turn }()
	switch {
	case !p.head.passes(p.lim.Edge) || p.size > passMax:
		return p.develop(ctx)
	case p.size < 0:
		return p.collect(ctx)
	}
	return p.pass(ctx), nil
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

// Close lets go of the source. Pages that were made stay usable; one that passed through opens the source anew. It may be
// called more than once.
func (p *Pages) Close() error {
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

// reserve accounts for n bytes until done is called.
func (p *Pages) reserve(ctx context.Context, n int64) (done func(), err error) {
	if p.lim.Reserve == nil {
		return func() {}, nil
	}
	if err := p.lim.Reserve(ctx, n); err != nil {
		return nil, err
	}
	return func() { _ = p.lim.Reserve(context.WithoutCancel(ctx), 0) }, nil
}
