package page

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"
)

// Files whose parts are read in no order are in memory while their pages are made. Between two pages they stay there, as long
// as no other object waits for memory: an object that waits keeps nothing, or objects could wait for each other.

// unlimited is the Budget that is used where none is given.
type unlimited struct{}

func (unlimited) Acquire(context.Context, int64) error { return nil }
func (unlimited) TryGrow(int64) bool                   { return true }
func (unlimited) Shrink(int64)                         {}

// listPages loads the object and finds its pages.
func (p *Pages) listPages(ctx context.Context) error {
	err := p.tryRooms(p.format.rooms, func(room int64) (err error) {
		if err := p.load(ctx, p.format.engine, room); err != nil {
			return err
		}
		defer p.settle()
		p.entries, err = p.format.pages(ctx, p.input(room), p.lim)
		return err
	})
	if err != nil {
		return err
	}
	for i := range p.entries {
		if e := &p.entries[i]; e.err == nil {
			e.err = p.checkSize(e.picture)
		}
	}
	if len(p.entries) == 1 {
		return p.entries[0].err
	}
	return nil
}

// tryRooms calls f with one room after the other until an engine needs no more than that. What one page has needed, the next
// ones get at once.
func (p *Pages) tryRooms(rooms []int64, f func(room int64) error) error {
	for {
		err := f(rooms[p.room])
		if err != error(errRoom) || p.room == len(rooms)-1 {
			return err
		}
		p.room++
	}
}

// input returns what a picture of a loaded object is decoded from.
func (p *Pages) input(room int64) input {
	return input{data: p.data, decoder: p.lim.Decoder, room: room}
}

// load has the object's bytes in p.data, room for more bytes beside them, and an engine started, if one is named. After an
// error nothing is loaded and nothing accounted for.
func (p *Pages) load(ctx context.Context, engine string, more int64) error {
	if engine != "" {
		if err := p.start(ctx, engine); err != nil {
			return err
		}
		more = plus(more, max(p.size, 0)) // its own copy
	}
	if p.data != nil && p.lim.Budget.TryGrow(plus(int64(len(p.data)), more)) {
		return nil
	}
	p.unload()
	size := p.size
	if size < 0 {
		size = times(2, p.lim.MaxBytes) // a buffer that grows
	}
	if err := p.acquire(ctx, plus(size, more)); err != nil {
		return err
	}
	b, err := p.readWhole(ctx)
	if err != nil {
		p.unload()
		return err
	}
	p.data, p.size = b, int64(len(b))
	return nil
}

var errNoDecoder = errors.New("page: Limits.Decoder is missing for this kind of file")

// startMemory is about what it takes to start an engine; most of it is free again then.
const startMemory = 300 << 20

// start starts an engine, with as much of startMemory acquired as can be had at all: other objects wait meanwhile.
func (p *Pages) start(ctx context.Context, engine string) error {
	d := p.lim.Decoder
	if d == nil {
		return errNoDecoder
	}
	if d.child.Started(engine) {
		return nil
	}
	p.unload()
	err := p.acquire(ctx, startMemory)
	for n := int64(startMemory / 2); isTooLarge(err) && n > 1<<20; n /= 2 {
		err = p.acquire(ctx, n)
	}
	if err != nil {
		return err
	}
	defer p.settle()
	return d.child.Start(ctx, engine)
}

// readWhole reads the object to its end.
func (p *Pages) readWhole(ctx context.Context) ([]byte, error) {
	s, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if s.size >= 0 {
		b := make([]byte, s.size)
		_, _ = io.ReadFull(s, b) // s remembers the failure
		return b, s.verdict(nil)
	}
	var b bytes.Buffer
	_, _ = io.Copy(&b, s)
	return b.Bytes(), s.failure()
}

// readAtMost reads an object of no more than most bytes; nil if it has more.
func (p *Pages) readAtMost(ctx context.Context, most int64) ([]byte, error) {
	s, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var b bytes.Buffer
	_, _ = io.Copy(&b, io.LimitReader(s, most+1)) // s remembers the failure
	if err := s.failure(); err != nil || int64(b.Len()) > most {
		return nil, err
	}
	return b.Bytes(), nil
}

// acquire accounts for n bytes. Nothing may be loaded.
func (p *Pages) acquire(ctx context.Context, n int64) error {
	begun := time.Now()
	defer func() { p.waited += time.Since(begun) }()
	return p.lim.Budget.Acquire(ctx, n)
}

// settle accounts for what is loaded and no more.
func (p *Pages) settle() {
	if p.closed {
		p.data = nil
	}
	p.lim.Budget.Shrink(int64(len(p.data)))
}

// unload drops the object's bytes.
func (p *Pages) unload() {
	p.data = nil
	p.settle()
}
