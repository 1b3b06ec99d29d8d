// Package page turns the bytes of an object into pages that the OCR model can look at: upright, no larger than it looks at,
// as PNG or JPEG. A PNG or JPEG that is right already passes through as it is. Formats are recognized by the bytes, never by a
// name or a declared type. The package has no network.
//
// Files, in reading order:
//
//	page.go      Split and Pages
//	make.go      how one page is made: passed through, or decoded, scaled, turned and encoded
//	formats.go   the table of formats, how a file's format is recognized, and what the decoder process serves
//	text.go      the text that a PDF holds of a page, where that can be relied on
//	jpx.go pdf.go heif.go bmp.go png.go gif.go webp.go tiff.go jpeg.go   one format each
//	object.go    the object whose pages are made: its bytes, in memory or not, and the memory that is accounted for
//	streamed.go  decoding those two in this process; thread_linux.go and thread_other.go say what that takes of a processor
//	decoder.go   the process in which all is decoded but PNG and baseline JPEG
//	engines.go   the decoders in WebAssembly, and where their compiled code is kept
//	finish.go    what is done to a decoded picture, in either process
//	render.go    scaling it and turning it upright
//	average.go   the area average that scales
//	named.go     names for files that are not supported
//	channels.go  the rows of a decoded picture as 8-bit channels
//	ink.go       how much of a finished page is print, and which way its lines run
//	stream.go    a source as it is read: limits, sizes, failures
//	picture.go   what the formats have in common: a picture that is not decoded yet
//	orient.go    Exif's orientations
//	limits.go    Source, Limits and Budget, which callers provide, and Page, which they get
//	encode.go    in what format a finished page is encoded, and whether it is blank
//	error.go     what is wrong with an object
package page

import (
	"context"
	"fmt"
	"time"
)

// Pages are the pages of one object. Its methods are safe for concurrent use; pages are made one at a time. Close it.
type Pages struct {
	object                // for whoever has the turn
	entries []entry       // one for each page
	turn    chan struct{} // contains a token while a page is made
}

// Split finds out how many pages the object has. It reads the header, no more, except for files of pages (TIFF, PDF), WebP,
// AVIF and HEIC, which it reads whole. What it opens, the first page goes on to read: ctx must live until Close, and until
// pages that passed through are read. Errors: *Error if the object is at fault, else the source's, the Budget's or ctx's own.
// When ctx ends, so does the call, once the source's Read does: nothing is left that runs, or holds memory.
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

// readHeader finds the only page of a picture that is read from front to back.
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

// listPages finds the pages of an object that is loaded for that.
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

// checkSize compares a picture with the limits.
func (p *Pages) checkSize(h *picture) error {
	switch {
	case p.format.drawn:
		return nil
	case h.width == 0 || h.height == 0:
		return corrupt(fmt.Sprintf("the %s says that it has no pixels", p.format.name), nil)
	case h.pixels() > p.lim.MaxPixels:
		return &Error{Kind: TooLarge, Msg: fmt.Sprintf("the page has %s (%d x %d), the limit is %s",
			pixels(h.pixels()), h.width, h.height, pixels(p.lim.MaxPixels))}
	}
	return nil
}

// Len returns the number of pages that can be made, at least 1: all, unless Limits.First says otherwise.
func (p *Pages) Len() int { return len(p.entries) }

// Total returns the number of pages that the object has, at least Len. Of a TIFF no more than 100,000 are counted.
func (p *Pages) Total() int { return max(p.total, p.Len()) }

// Page makes page n, counted from 1. It may be asked for more than once, but then a picture costs the source another
// reading. Errors are those of Split, and it ends with ctx as that does. With an error too, waited is how long the call waited for
// its turn, for memory and for the Decoder.
func (p *Pages) Page(ctx context.Context, n int) (pg *Page, waited time.Duration, err error) {
	return p.page(ctx, n, false, 0)
}

// Decoded is Page for one that passed through and cannot be read as it is: it is decoded here, as far as it goes, and encoded again.
func (p *Pages) Decoded(ctx context.Context, n int) (pg *Page, waited time.Duration, err error) {
	return p.page(ctx, n, true, 0)
}

// Turned is Decoded with the page turned by 90, 180 or 270 degrees clockwise.
func (p *Pages) Turned(ctx context.Context, n, degrees int) (pg *Page, waited time.Duration, err error) {
	if degrees != 90 && degrees != 180 && degrees != 270 {
		return nil, 0, fmt.Errorf("page: no turn by %d degrees", degrees)
	}
	return p.page(ctx, n, true, degrees)
}

func (p *Pages) page(ctx context.Context, n int, decoded bool, degrees int) (pg *Page, waited time.Duration, err error) {
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

// inTurn calls f when nothing else is made of the object. It returns how long it and f have waited, too.
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

// Close releases the source and the memory, once the page that is being made is finished. Pages that were made stay usable;
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
