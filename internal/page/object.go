package page

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

// object is the object whose pages are made. A file whose parts are read in no order is loaded: it is in memory while its pages
// are made. Between two pages it stays there, as long as no other object waits for memory: an object that waits keeps nothing,
// or objects could wait for each other.
type object struct {
	src    Source
	lim    Limits
	format *format
	size   int64 // in bytes, -1 unknown
	single bool  // it is loaded for one page

	data   []byte        // its bytes, if it is loaded
	room   int           // index of the room that an engine has needed so far
	waited time.Duration // for memory, in this turn
	closed bool

	live atomic.Pointer[stream] // at the first byte; nil once it is taken
}

// unlimited is the Budget that is used where none is given.
type unlimited struct{}

func (unlimited) Acquire(context.Context, int64) error { return nil }
func (unlimited) TryGrow(int64) bool                   { return true }
func (unlimited) Shrink(int64)                         {}

// take returns a stream at the first byte, for the caller alone: the one that Split opened, or a new one. It is safe for
// concurrent use.
func (o *object) take(ctx context.Context) (*stream, error) {
	s := o.live.Swap(nil)
	if s == nil {
		return open(ctx, o.src, o.lim.MaxBytes)
	}
	s.rewind(ctx) // can, since nothing read it after Split did
	return s, nil
}

// tryRooms calls f with one room after the other until an engine needs no more than that. What one page has needed, the next
// ones get at once.
func (o *object) tryRooms(rooms []int64, f func(room int64) error) error {
	for {
		err := f(rooms[o.room])
		if err != error(errRoom) || o.room == len(rooms)-1 {
			return err
		}
		o.room++
	}
}

// input returns what a picture of a loaded object is decoded from.
func (o *object) input(room int64) input {
	return input{data: o.data, decoder: o.lim.Decoder, room: room}
}

// load has the bytes in o.data, memory for more bytes beside them, and an engine started, if one is named. After an error
// nothing is loaded, and the caller settles.
func (o *object) load(ctx context.Context, engine string, more int64) error {
	if engine != "" {
		if err := o.start(ctx, engine); err != nil {
			return err
		}
		more = plus(more, max(o.size, 0)) // its own copy
	}
	if o.data != nil && o.lim.Budget.TryGrow(plus(int64(len(o.data)), more)) {
		return nil
	}
	o.data = nil
	size := o.size
	if size < 0 {
		size = times(2, o.lim.MaxBytes) // a buffer that grows
	}
	if err := o.acquire(ctx, plus(size, more)); err != nil {
		return err
	}
	b, err := o.readAll(ctx, o.lim.MaxBytes)
	if err != nil {
		return err
	}
	o.data, o.size = b, int64(len(b))
	return nil
}

var errNoDecoder = errors.New("page: Limits.Decoder is missing for this kind of file")

// startMemory is about what it takes to start an engine; most of it is free again then.
const startMemory = 300 << 20

// start starts an engine, with as much of startMemory acquired as can be had at all: other objects wait meanwhile.
func (o *object) start(ctx context.Context, engine string) error {
	d := o.lim.Decoder
	if d == nil {
		return errNoDecoder
	}
	if d.child.Started(engine) {
		return nil
	}
	o.data = nil
	err := o.acquire(ctx, startMemory)
	for n := int64(startMemory / 2); isKind(err, TooLarge) && n > 1<<20; n /= 2 {
		err = o.acquire(ctx, n)
	}
	if err != nil {
		return err
	}
	defer o.settle()
	return d.child.Start(ctx, engine)
}

// readAll reads an object of no more than most bytes to its end; nil if it has more.
func (o *object) readAll(ctx context.Context, most int64) ([]byte, error) {
	s, err := o.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if s.size >= 0 && s.size <= most {
		b := make([]byte, s.size)
		_, _ = io.ReadFull(s, b) // s remembers the failure
		return b, s.verdict(nil)
	}
	var b bytes.Buffer
	_, _ = io.Copy(&b, io.LimitReader(s, min(most, s.max)+1))
	if err := s.failure(); err != nil || int64(b.Len()) > most {
		return nil, err
	}
	return b.Bytes(), nil
}

// acquire accounts for n bytes, whatever was accounted for. Nothing may be loaded: it may wait.
func (o *object) acquire(ctx context.Context, n int64) error {
	begun := time.Now()
	err := o.lim.Budget.Acquire(ctx, n)
	o.waited += time.Since(begun)
	return err
}

// settle accounts for what is loaded and no more.
func (o *object) settle() {
	if o.closed {
		o.data = nil
	}
	o.lim.Budget.Shrink(int64(len(o.data)))
}
