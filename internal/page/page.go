// Package page turns the bytes of an object into page images for the OCR model: upright, scaled down to the size that
// the model looks at, as PNG or JPEG. A PNG or JPEG that needs no change is passed through. Formats are recognized by
// the bytes, never by a name or a declared type. The package does not use the network.
//
// Files, in reading order:
//
//	page.go      Split and Pages
//	make.go      making one page: it is passed through, or decoded, scaled, turned and encoded
//	formats.go   the table of formats, and recognizing a file's format
//	text.go      a PDF page's embedded text, where it can be relied on
//	jpx.go pdf.go heif.go bmp.go png.go gif.go webp.go tiff.go jpeg.go   one format each
//	object.go    an object's bytes, whether in memory or not, and the accounting for that memory
//	streamed.go  decoding PNG and baseline JPEG in this process, row by row
//	thread_linux.go, thread_other.go   processor time of the calling thread
//	decoder.go   the process that decodes everything but PNG and baseline JPEG
//	engines.go   the decoders in WebAssembly, and where their compiled code is kept
//	scaled.go    scaling a JPEG and turning it upright while it is decoded
//	finish.go    what is done to a decoded picture in either process
//	render.go    scaling a picture and turning it upright
//	average.go   scaling by area average
//	named.go     names for files that are not supported
//	channels.go  the rows of a decoded picture as 8-bit channels
//	ink.go       measuring how much of a page is print, and which way its lines run
//	stream.go    reading a source: limits, sizes, failures
//	picture.go   a picture that is not decoded yet, which all formats share
//	orient.go    Exif orientations
//	limits.go    Source, Limits and Budget, which callers provide, and Page, the result
//	encode.go    encoding a finished page, and detecting blank ones
//	error.go     faults of an object
package page

import (
	"context"
	"fmt"
	"time"
)

// Pages holds the pages of one object. Its methods are safe for concurrent use; pages are made one at a time. The
// caller must close it.
type Pages struct {
	object                // guarded by turn
	entries []entry       // one for each page
	turn    chan struct{} // holds a token while a page is made
}

// Split finds the pages of an object. It reads only the header, except for multi-page files (TIFF, PDF), WebP, AVIF and
// HEIC, which it reads whole. The first page continues to read the reader that Split opened, so ctx must live until
// Close, and until pages that passed through are read. Errors: *Error if the object is at fault, else the error of the
// source, the Budget or ctx, unwrapped. When ctx ends, the call returns as soon as the source's Read does, and leaves
// nothing running or in memory.
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
	p := &Pages{object: object{src: src, lim: lim, format: f, size: s.size}, turn: make(chan struct{}, 1)}
	p.live.Store(s)
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

// readHeader finds the single page of a file that is read as a stream.
func (p *Pages) readHeader(ctx context.Context, s *stream) error {
	pic, err := p.format.read(s)
	if err == nil {
		err = p.checkSize(pic)
	}
	if err != nil {
		return s.verdict(err)
	}
	p.entries, p.single = []entry{{picture: pic}}, true
	if !s.rewind(ctx) {
		p.live.Store(nil)
		return s.Close()
	}
	return nil
}

// listPages loads the object and finds its pages.
func (p *Pages) listPages(ctx context.Context) error {
	err := p.tryRooms(p.format.rooms, func(room int64) (err error) {
		if err := p.load(ctx, p.format.engine, room); err != nil {
			return err
		}
		defer p.settle()
		p.entries, err = p.format.pages(ctx, &p.object, room)
		return err
	})
	if err != nil {
		return err
	}
	p.single = len(p.entries) == 1
	for i := range p.entries {
		if e := &p.entries[i]; e.err == nil {
			e.err = p.checkSize(e.picture)
		}
	}
	if p.single {
		return p.entries[0].err
	}
	return nil
}

// checkSize returns an error if a picture exceeds the limits.
func (p *Pages) checkSize(h *picture) error {
	switch {
	case p.format.drawn:
		return nil
	case h.width == 0 || h.height == 0:
		return corrupt(fmt.Sprintf("the %s has a width or height of 0", p.format.name), nil)
	case h.pixels() > p.lim.MaxPixels:
		return &Error{Kind: TooLarge, Msg: fmt.Sprintf("the page has %s (%d x %d); the limit is %s",
			formatPixels(h.pixels()), h.width, h.height, formatPixels(p.lim.MaxPixels))}
	}
	return nil
}

// Len returns the number of pages that can be made, at least 1. It is less than Total only with Limits.First.
func (p *Pages) Len() int { return len(p.entries) }

// Total returns the number of pages in the object, at least Len. In a TIFF at most 100,000 are counted.
func (p *Pages) Total() int { return max(p.total, p.Len()) }

// Page makes page n, counted from 1. It may be called more than once for a page, but then a single picture is read from
// the source again. Errors and the end of ctx are as for Split. waited is the time that the call spent waiting for its
// turn, for memory and for the Decoder; it is valid even with an error.
func (p *Pages) Page(ctx context.Context, n int) (pg *Page, waited time.Duration, err error) {
	return p.page(ctx, n, false, 0)
}

// Decoded is like Page, but decodes and re-encodes a page that would pass through. It is for pages that the model
// cannot read as they are; of a damaged page it shows what can be decoded.
func (p *Pages) Decoded(ctx context.Context, n int) (pg *Page, waited time.Duration, err error) {
	return p.page(ctx, n, true, 0)
}

// Turned is like Decoded, but turns the page by 90, 180 or 270 degrees clockwise.
func (p *Pages) Turned(ctx context.Context, n, degrees int) (pg *Page, waited time.Duration, err error) {
	if degrees != 90 && degrees != 180 && degrees != 270 {
		return nil, 0, fmt.Errorf("page: cannot turn by %d degrees", degrees)
	}
	return p.page(ctx, n, true, degrees)
}

func (p *Pages) page(ctx context.Context, n int, decoded bool, degrees int) (pg *Page, waited time.Duration,
	err error) {
	if n < 1 || n > p.Len() {
		return nil, 0, fmt.Errorf("page: no page %d of %d", n, p.Len())
	}
	waited, err = p.inTurn(ctx, func() (err error) {
		e := p.entries[n-1]
		if err = e.err; err == nil {
			pic := *e.picture
			pic.orientation = pic.orientation.turned(degrees)
			pg, err = p.make(ctx, &pic, decoded)
		}
		return err
	})
	if err != nil {
		return nil, waited, err
	}
	pg.Number = n
	return pg, waited, nil
}

// inTurn calls f while no other page of the object is made. waited is the time that it and f spent waiting.
func (p *Pages) inTurn(ctx context.Context, f func() error) (waited time.Duration, err error) {
	begun := time.Now()
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
	}
	waited = time.Since(begun)
	if err := ctx.Err(); err != nil {
		return waited, err
	}
	p.waited = 0
	err = f()
	p.settle()
	return waited + p.waited, err
}

// Close releases the source and the memory, after the page that is being made is finished. Finished pages stay usable;
// one that passed through opens the source again. It may be called more than once.
func (p *Pages) Close() error {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	p.closed = true
	p.settle()
	if s := p.live.Swap(nil); s != nil {
		return s.Close()
	}
	return nil
}
