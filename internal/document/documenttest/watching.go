package documenttest

import (
	"context"
	"errors"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// watching: Watch, if the store implements it.
var watching = []check{
	{"watch sees what is and what comes", watchSees},
	{"watch ends with its function's error", watchFails},
	{"watch calls one at a time", watchOneByOne},
}

// state is one call of a Watch function.
type state struct {
	id     string
	record document.Record
}

// watch starts Watch and sends its calls to a channel. stop ends it and returns its error.
func watch(t *testing.T, ctx context.Context, s document.Store) (calls <-chan state, stop func() error) {
	t.Helper()
	w, ok := s.(document.Watcher)
	if !ok {
		t.Skip("the store is not a Watcher")
	}
	ctx, cancel := context.WithCancel(ctx)
	t.Cleanup(cancel)
	states, ended := make(chan state), make(chan error, 1)
	go func() {
		ended <- w.Watch(ctx, func(id string, r *document.Record) error {
			select {
			case states <- state{id, *r}:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	return states, func() error {
		cancel()
		return <-ended
	}
}

// until reads calls until the record of id satisfies is.
func until(t *testing.T, ctx context.Context, calls <-chan state, id string,
	is func(document.Record) bool) document.Record {
	t.Helper()
	for {
		select {
		case c := <-calls:
			if c.record.Object().ID() != c.id {
				t.Errorf("record %q came under the id %s", c.record.Name, c.id)
			}
			if c.id == id && is(c.record) {
				return c.record
			}
		case <-ctx.Done():
			t.Fatalf("the awaited state of %s never came", id)
		}
	}
}

func watchSees(t *testing.T, ctx context.Context, s document.Store) {
	before := mustCreate(t, ctx, s, claimed("before"))
	calls, stop := watch(t, ctx, s)
	got := until(t, ctx, calls, before.Object().ID(), func(document.Record) bool { return true })
	sameRecord(t, "what was there", *before.Record, &got)

	after := mustCreate(t, ctx, s, claimed("after"))
	for range 5 {
		after = mustUpdate(t, ctx, s, after.Object().ID(), document.Seen(after), plus)
	}
	newer := done("after", "of the newest generation")
	newer.Generation++
	mustUpdate(t, ctx, s, after.Object().ID(), document.Seen(after), set(document.Change{Record: &newer}))
	got = until(t, ctx, calls, after.Object().ID(), func(r document.Record) bool {
		return r.Status == document.StatusDone
	})
	sameRecord(t, "the last state", newer, &got)

	mustUpdate(t, ctx, s, before.Object().ID(), document.Seen(before), plus)
	until(t, ctx, calls, before.Object().ID(), func(r document.Record) bool { return r.Interruptions == 1 })
	if err := stop(); err != nil {
		t.Errorf("Watch ended with %v, want nil", err)
	}
}

func watchFails(t *testing.T, ctx context.Context, s document.Store) {
	w, ok := s.(document.Watcher)
	if !ok {
		t.Skip("the store is not a Watcher")
	}
	mustCreate(t, ctx, s, claimed("a"))
	mustCreate(t, ctx, s, claimed("b"))
	calls := 0
	err := w.Watch(ctx, func(string, *document.Record) error {
		calls++
		return errOwn
	})
	if !errors.Is(err, errOwn) || calls != 1 {
		t.Errorf("Watch = %v after %d calls, want the function's error after 1", err, calls)
	}
}

func watchOneByOne(t *testing.T, ctx context.Context, s document.Store) {
	w, ok := s.(document.Watcher)
	if !ok {
		t.Skip("the store is not a Watcher")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, name := range []string{"a", "b", "c"} {
		mustCreate(t, ctx, s, claimed(name))
	}
	seen := map[string]bool{} // the race detector watches over it
	err := w.Watch(ctx, func(id string, _ *document.Record) error {
		if seen[id] = true; len(seen) == 3 {
			cancel()
		}
		return nil
	})
	if err != nil {
		t.Errorf("Watch ended with %v, want nil", err)
	}
}
