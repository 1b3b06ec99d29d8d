package documenttest

import (
	"context"
	"errors"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// updates: Update with one caller at a time.
var updates = []check{
	{"a missing record is nil", updateMissing},
	{"from right", fromRight},
	{"from wrong", fromWrong},
	{"expected to be missing", expectedMissing},
	{"from wrong and nothing to change", fromWrongUnchanged},
	{"nil change", nilChange},
	{"error of the function", functionError},
	{"a conflict shows the newest state", conflict},
	{"records are apart", apart},
}

func updateMissing(t *testing.T, ctx context.Context, s document.Store) {
	r := claimed("new")
	mustUpdate(t, ctx, s, r.Object().ID(), document.Unread(), func(old *document.Record) (*document.Change, error) {
		if old != nil {
			t.Errorf("old = %+v, want nil", old)
		}
		return &document.Change{Record: &r}, nil
	})
}

func fromRight(t *testing.T, ctx context.Context, s document.Store) {
	first := mustCreate(t, ctx, s, claimed("right"))
	id := first.Object().ID()
	for before, expected := range []document.Expected{document.Seen(first), document.Unread()} {
		if got := mustUpdate(t, ctx, s, id, expected, plus); got.Interruptions != before+1 {
			t.Errorf("faults = %d, want %d", got.Interruptions, before+1)
		}
	}
	got := mustGet(t, ctx, s, id)
	if again := mustUpdate(t, ctx, s, id, document.Seen(got), plus); again.Interruptions != 3 {
		t.Errorf("faults = %d, want 3: the state that Get returns must save the read", again.Interruptions)
	}
}

func fromWrong(t *testing.T, ctx context.Context, s document.Store) {
	first := mustCreate(t, ctx, s, claimed("wrong"))
	id := first.Object().ID()
	mustUpdate(t, ctx, s, id, document.Seen(first), plus)
	if got := mustUpdate(t, ctx, s, id, document.Seen(first), plus); got.Interruptions != 2 {
		t.Errorf("faults = %d, want 2: a wrong expectation must cost a read, not a write", got.Interruptions)
	}
}

// Expecting no record creates one; the commit is atomic also if a record exists.
func expectedMissing(t *testing.T, ctx context.Context, s document.Store) {
	r := claimed("perhaps")
	id := r.Object().ID()
	create := func(old *document.Record) (*document.Change, error) {
		if old != nil {
			return plus(old)
		}
		return &document.Change{Record: &r, Stamps: document.StampCreated}, nil
	}
	first := mustUpdate(t, ctx, s, id, document.Absent(), create)
	same(t, "Get", first, mustGet(t, ctx, s, id))
	if got := mustUpdate(t, ctx, s, id, document.Absent(), create); got.Interruptions != 1 ||
		!got.Created.Equal(first.Created) {
		t.Errorf("a create over a record made it %+v", got.Record)
	}
	none := func(old *document.Record) (*document.Change, error) {
		if old == nil {
			return nil, errOwn
		}
		return nil, nil
	}
	if got := mustUpdate(t, ctx, s, id, document.Absent(), none); got == nil || got.Interruptions != 1 {
		t.Errorf("Update that changes nothing = %+v, want what is there", got)
	}
}

// A function that changes nothing, or refuses, because of an outdated state must be called again with the current one.
func fromWrongUnchanged(t *testing.T, ctx context.Context, s document.Store) {
	first := mustCreate(t, ctx, s, claimed("unchanged"))
	id := first.Object().ID()
	second := mustUpdate(t, ctx, s, id, document.Seen(first), plus)
	got := mustUpdate(t, ctx, s, id, document.Seen(first), func(*document.Record) (*document.Change, error) {
		return nil, nil
	})
	same(t, "Update with a nil change", second, got)
	got = mustUpdate(t, ctx, s, id, document.Seen(first), func(old *document.Record) (*document.Change, error) {
		if old.Interruptions == 0 {
			return nil, errOwn
		}
		return plus(old)
	})
	if got.Interruptions != 2 {
		t.Errorf("faults = %d, want 2", got.Interruptions)
	}
}

func nilChange(t *testing.T, ctx context.Context, s document.Store) {
	leave := func(*document.Record) (*document.Change, error) { return nil, nil }
	id := idOf("left")
	if got, err := document.Update(ctx, s, id, document.Unread(), leave); got != nil || err != nil {
		t.Errorf("Update that leaves a missing record alone = %+v, %v; want nil, nil", got, err)
	}
	first := mustCreate(t, ctx, s, claimed("left"))
	for _, expected := range []document.Expected{document.Unread(), document.Seen(first)} {
		same(t, "Update that leaves alone", first, mustUpdate(t, ctx, s, id, expected, leave))
	}
	same(t, "Get", first, mustGet(t, ctx, s, id))
}

func functionError(t *testing.T, ctx context.Context, s document.Store) {
	refuse := func(*document.Record) (*document.Change, error) { return nil, errOwn }
	id := idOf("refused")
	if _, err := document.Update(ctx, s, id, document.Unread(), refuse); err != errOwn {
		t.Errorf("Update = %v, want the function's error as it is", err)
	}
	first := mustCreate(t, ctx, s, claimed("refused"))
	for _, expected := range []document.Expected{document.Unread(), document.Seen(first)} {
		if _, err := document.Update(ctx, s, id, expected, refuse); err != errOwn {
			t.Errorf("Update = %v, want the function's error as it is", err)
		}
	}
	same(t, "Get", first, mustGet(t, ctx, s, id))
}

func conflict(t *testing.T, ctx context.Context, s document.Store) {
	first := mustCreate(t, ctx, s, claimed("conflict"))
	id := first.Object().ID()
	stolen := *first.Record
	stolen.Lease = &document.Lease{ID: "thief", Expires: at(9)}
	mustUpdate(t, ctx, s, id, document.Seen(first), set(document.Change{Record: &stolen}))
	_, err := document.Update(ctx, s, id, document.Seen(first), func(old *document.Record) (*document.Change, error) {
		if old.Lease == nil || old.Lease.ID != "lease-1" {
			return nil, errOwn // fencing, like the worker's
		}
		return plus(old)
	})
	if !errors.Is(err, errOwn) {
		t.Errorf("a lost lease wrote: %v", err)
	}
	if got := mustGet(t, ctx, s, id); got.Lease.ID != "thief" || got.Interruptions != 0 {
		t.Errorf("the record is %+v, want the thief's", got.Record)
	}
}

func apart(t *testing.T, ctx context.Context, s document.Store) {
	a, b := mustCreate(t, ctx, s, claimed("a")), mustCreate(t, ctx, s, claimed("b"))
	mustUpdate(t, ctx, s, a.Object().ID(), document.Seen(a), plus)
	same(t, "the other record", b, mustGet(t, ctx, s, b.Object().ID()))
}
