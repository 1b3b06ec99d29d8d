package page

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// object is the object whose pages are made. A file that the Decoder decodes is loaded: it is in memory while its pages are made.
// Between two pages it stays there, and the Decoder keeps a copy of it, as long as no other object waits for memory: an
// object that waits keeps nothing, or objects could wait for each other.
type object struct {
	src    Source
	lim    Limits
	format *format
	size   int64 // in bytes, -1 unknown
	single bool  // it is loaded for one page
	total  int   // pages that it has, where the first of them alone are made

	data   []byte        // its bytes, if it is loaded
	key    int64         // its name for the Decoder, 0 until that has had it
	kept   bool          // the Decoder may have a copy of data
	room   int           // index of the room that an engine has needed so far
	waited time.Duration // for memory and for the Decoder, in this turn
	closed bool

	textRoom int  // as room, for its text
	textless bool // its text is not asked for any more

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
// ones get at once. If the Decoder's process dies meanwhile, f is called once more, with a new one: something else may have
// killed the first. If that dies too, the file has killed it.
func (o *object) tryRooms(rooms []int64, f func(room int64) error) error {
	if rooms == nil {
		rooms = []int64{0}
	}
	for died := false; ; {
		switch err := f(rooms[o.room]); {
		case errors.Is(err, sandbox.ErrDied) && !died:
			died = true
		case errors.Is(err, sandbox.ErrDied):
			return errDied
		case err == error(errRoom) && o.room < len(rooms)-1:
			o.room++
		default:
			return err
		}
	}
}

// call has the Decoder do something with the object, which is loaded, in so much room.
func (o *object) call(ctx context.Context, op string, room ...int64) (sandbox.Message, error) {
	d := o.lim.Decoder
	if o.key == 0 && d != nil {
		o.key = d.keys.Add(1)
	}
	o.kept = d != nil
	answer, waited, err := d.call(ctx, sandbox.Message{Op: op, Args: room, Data: o.data, Key: o.key})
	o.waited += waited
	return answer, err
}

// drop has nothing of the object in memory any more, here or in the Decoder.
func (o *object) drop() {
	o.data = nil
	if o.kept {
		o.lim.Decoder.child.Forget(o.key)
		o.kept = false
	}
}

// load has the bytes in o.data, memory for more bytes beside them and for the Decoder's copy, and an engine started, if one is
// named. After an error nothing is loaded, and the caller settles.
func (o *object) load(ctx context.Context, engine string, more int64) error {
	if engine != "" {
		if err := o.start(ctx, engine); err != nil {
			return err
		}
	}
	if o.data != nil && o.lim.Budget.TryGrow(plus(times(2, int64(len(o.data))), more)) {
		return nil
	}
	o.drop()
	size := o.size
	if size < 0 {
		size = times(2, o.lim.MaxBytes) // a buffer that grows
	}
	if err := o.acquire(ctx, plus(size, max(o.size, 0), more)); err != nil {
		return err
	}
	b, err := o.readAll(ctx, o.lim.MaxBytes)
	if err != nil {
		return err
	}
	o.data, o.size = b, int64(len(b))
	return nil
}

// About what it takes to compile an engine, and to load one that is kept; most of the former is free again then.
const (
	compileMemory = 300 << 20
	loadMemory    = 48 << 20
)

// start starts an engine, which is compiled unless it is kept.
func (o *object) start(ctx context.Context, engine string) error {
	d := o.lim.Decoder
	if d == nil {
		return errNoDecoder
	}
	if d.child.Started(engine) {
		return nil
	}
	kept := d.engines
	if kept.has(engine) {
		if err := o.startBy(ctx, kept.start(engine, true), loadMemory); !notKept(err) {
			return err
		}
	}
	return o.startBy(ctx, kept.start(engine, false), compileMemory)
}

// startBy starts an engine by a call, with as much of so many bytes acquired as there is at all: other objects wait meanwhile.
func (o *object) startBy(ctx context.Context, m sandbox.Message, memory int64) error {
	o.drop()
	err := o.acquire(ctx, memory)
	for n := memory / 2; isKind(err, TooLarge) && n > 1<<20; n /= 2 {
		err = o.acquire(ctx, n)
	}
	if err != nil {
		return err
	}
	defer o.settle()
	waited, err := o.lim.Decoder.child.Start(ctx, m)
	o.waited += waited
	switch {
	case errors.Is(err, sandbox.ErrSlow):
		return errSlow
	case errors.Is(err, sandbox.ErrDied): // with no byte of the object in it
		return fmt.Errorf("page: start of the decoder for %s: %s", m.Op, err.Error())
	}
	return err
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
		o.drop()
	}
	n := int64(len(o.data))
	if o.kept {
		n *= 2
	}
	o.lim.Budget.Shrink(n)
}
