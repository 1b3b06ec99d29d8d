package page

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// object is the object whose pages are made. A file that the Decoder decodes is loaded into memory while its pages are
// made, where the Decoder reads it, too. Between two pages it stays there as long as no other object waits for memory.
// An object that waits for memory keeps nothing, so that objects never wait for each other.
type object struct {
	src    Source
	lim    Limits
	format *format
	size   int64 // in bytes, -1 unknown
	single bool  // it has one page
	total  int   // number of pages, if only the first ones are made

	file   *sandbox.File // its bytes, if it is loaded
	room   int           // index of the largest room that an engine has needed so far
	waited time.Duration // for memory and for the Decoder, in this turn
	closed bool

	textRoom int  // like room, but for its text
	textless bool // its text took too much; do not ask for it again

	live atomic.Pointer[stream] // at the first byte; nil once it is taken
}

// unlimited is the default Budget.
type unlimited struct{}

func (unlimited) Acquire(context.Context, int64) error { return nil }
func (unlimited) TryGrow(int64) bool                   { return true }
func (unlimited) Shrink(int64)                         {}

// take returns a stream at the first byte, owned by the caller: the one that Split opened, or a new one. It is safe for
// concurrent use.
func (o *object) take(ctx context.Context) (*stream, error) {
	s := o.live.Swap(nil)
	if s == nil {
		return open(ctx, o.src, o.lim.MaxBytes)
	}
	s.rewind(ctx) // always possible, since only Split has read from it
	return s, nil
}

// tryRooms calls f with one room after the other until one is enough. The next pages start with that room. If the
// Decoder's process dies meanwhile, f is called once more with a new process, since the first may have died of another
// cause. If that dies too, the file is at fault.
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

// call calls the Decoder for the operation op on the loaded object, with the given arguments.
func (o *object) call(ctx context.Context, op string, args ...int64) (sandbox.Message, error) {
	answer, waited, err := o.lim.Decoder.call(ctx, sandbox.Message{Op: op, Args: args, File: o.file})
	o.waited += waited
	return answer, err
}

// drop removes the object's bytes from memory.
func (o *object) drop() {
	if o.file != nil {
		o.file.Close()
		o.file = nil
	}
}

// load reads the object into o.file, if it is not there. It acquires memory for it and for more bytes, and starts the
// engine, if there is one. After an error nothing is loaded. The caller must call settle in either case.
func (o *object) load(ctx context.Context, engine string, more int64) error {
	if engine != "" {
		if err := o.start(ctx, engine); err != nil {
			return err
		}
	}
	if o.file != nil && o.lim.Budget.TryGrow(plus(times(sandbox.Copies, o.size), more)) {
		return nil
	}
	o.drop()
	size := o.size
	if size < 0 {
		size = o.lim.MaxBytes
	}
	if err := o.acquire(ctx, plus(times(sandbox.Copies, size), more)); err != nil {
		return err
	}
	s, err := o.take(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	f, err := sandbox.NewFile(s, s.size)
	if err != nil {
		return cmp.Or(s.failure(), err)
	}
	o.file, o.size = f, int64(len(f.Bytes()))
	return nil
}

// Roughly what compiling an engine takes, and loading one that is kept; most of the former is free again afterwards.
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

// startBy starts an engine by a call. It acquires so many bytes, or as much of them as the Budget can ever give, so
// other objects wait meanwhile.
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
	case errors.Is(err, sandbox.ErrDied): // so no object is at fault: the process has not seen any of its bytes
		return fmt.Errorf("page: starting the decoder for %s: %s", m.Op, err.Error())
	}
	return err
}

// acquire sets the account to n bytes. It may wait, so nothing may be loaded.
func (o *object) acquire(ctx context.Context, n int64) error {
	begun := time.Now()
	err := o.lim.Budget.Acquire(ctx, n)
	o.waited += time.Since(begun)
	return err
}

// settle shrinks the account to what is loaded.
func (o *object) settle() {
	if o.closed {
		o.drop()
	}
	n := int64(0)
	if o.file != nil {
		n = o.size
	}
	o.lim.Budget.Shrink(n)
}
