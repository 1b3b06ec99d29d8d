package page

import (
	"bytes"
	"context"
	"io"
)

// Files that are read in no order are held in memory while their pages are made. Between two pages they stay, as long as
// nobody else waits for memory: an object that waits holds nothing, or objects could wait for each other.

// holder is a format of such files.
type holder struct {
	engine string  // that list needs; "" none
	rooms  []int64 // bytes that it may use, tried in turn until one is enough
	list   func(ctx context.Context, b []byte, lim Limits, room int64) ([]leaf, error)
}

// list holds the object and lists its pages.
func (p *Pages) list(ctx context.Context, h *holder) error {
	err := error(errRoom)
	for ; err == errRoom && p.room < len(h.rooms); p.room++ {
		if err := p.hold(ctx, h.engine, h.rooms[p.room]); err != nil {
			return err
		}
		p.leaves, err = h.list(ctx, p.data, p.lim, h.rooms[p.room])
		p.settle()
	}
	p.room--
	if err == nil && len(p.leaves) == 1 {
		err = p.leaves[0].err
	}
	return err
}

// start starts an engine, with as much of startMemory reserved as can be had at all: others wait meanwhile.
func (p *Pages) start(ctx context.Context, engine string) error {
	if engine == "" || decoders.Started(engine) {
		return nil
	}
	p.letGo()
	err := p.reserve(ctx, startMemory)
	for n := int64(startMemory / 2); isTooLarge(err) && n > 1<<20; n /= 2 {
		err = p.reserve(ctx, n)
	}
	if err != nil {
		return err
	}
	defer p.settle()
	return decoders.Start(ctx, engine)
}

// hold has the object's bytes in p.data, more bytes beside them reserved, and an engine started, if one is named. After an
// error nothing is held.
func (p *Pages) hold(ctx context.Context, engine string, more int64) error {
	if err := p.start(ctx, engine); err != nil {
		return err
	}
	if engine != "" {
		more = plus(more, max(p.size, 0)) // its own copy
	}
	if p.data != nil && (p.lim.Reserve == nil || p.grow(plus(int64(len(p.data)), more))) {
		return nil
	}
	p.letGo()
	size := p.size
	if size < 0 {
		size = times(2, p.lim.MaxBytes) // a buffer that grows
	}
	if err := p.reserve(ctx, plus(size, more)); err != nil {
		return err
	}
	b, err := p.readWhole(ctx)
	if err != nil {
		p.letGo()
		return err
	}
	p.data, p.size = b, int64(len(b))
	return nil
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

// grow accounts for n bytes while what is held stays, and reports whether that was possible.
func (p *Pages) grow(n int64) bool {
	if n > p.reserved && (p.lim.Grow == nil || !p.lim.Grow(n)) {
		return false
	}
	p.reserved = max(p.reserved, n)
	return true
}

// reserve accounts for n bytes. Nothing may be held.
func (p *Pages) reserve(ctx context.Context, n int64) error {
	if p.lim.Reserve == nil {
		return nil
	}
	err := p.lim.Reserve(ctx, n)
	if err == nil {
		p.reserved = n
	}
	return err
}

// settle gives back what is not held any more.
func (p *Pages) settle() {
	if p.closed {
		p.data = nil
	}
	if left := int64(len(p.data)); p.lim.Reserve != nil && p.reserved != left {
		p.reserved = left
		_ = p.lim.Reserve(context.Background(), left)
	}
}

// letGo drops what is held.
func (p *Pages) letGo() {
	p.data = nil
	p.settle()
}
