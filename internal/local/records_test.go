package local

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
)

// openWorld opens dir until the test ends.

func openWorld(t testing.TB, dir string) *World {
	t.Helper()
	w, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeWorld(t, w) })
	return w
}

func closeWorld(t testing.TB, w *World) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// put stores r as it is under its own id.

func put(t testing.TB, w *World, r document.Record, pages ...document.Page) *document.Stored {
	t.Helper()
	got, err := document.Update(t.Context(), w, r.Object().ID(), document.Unread(), func(*document.Record) (*document.Change, error) {
		return &document.Change{Record: &r, Pages: pages}, nil
	})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return got
}

// get reads the record of a name, which has to be there.

func get(t testing.TB, s *Store, name string) *document.Stored {
	t.Helper()
	got, err := s.Get(t.Context(), document.Object{Bucket: s.Bucket(), Name: name}.ID())
	if err != nil || got == nil {
		t.Fatalf("Get of %s = %v, %v", name, got, err)
	}
	return got
}

// retrying is a small record in the bucket of w.

func retrying(w *World, name string) document.Record {
	return document.Record{Bucket: w.Bucket(), Name: name, Generation: 7, Status: document.StatusRetrying, Due: time.Unix(1, 0)}
}

func TestRecords(t *testing.T) {
	documenttest.Records(t, func(t *testing.T) document.Store { return openWorld(t, t.TempDir()) })
}

// What one process wrote, the next one reads: every field, times to the nanosecond, in UTC.

// fill gives every field a value of its own; one that it cannot fill is a new kind of field, which the test must learn.

// inUTC says every time in UTC.

// A person who opens the database with another tool finds the names that the design gives to the fields.

// Somebody else commits between the reading and the commit: the function sees it and nothing of it is lost.

func TestConflict(t *testing.T) {
	w := openWorld(t, t.TempDir())
	id := document.Object{Bucket: w.Bucket(), Name: "a"}.ID()
	for _, stands := range []bool{false, true} { // first it is made by somebody else, then it is changed
		var seen []bool
		got, err := document.Update(t.Context(), w, id, document.Unread(), func(old *document.Record) (*document.Change, error) {
			seen = append(seen, old != nil)
			next := retrying(w, "a")
			if old != nil {
				next = *old
			}
			if len(seen) == 1 {
				other := next
				other.Doubts++
				put(t, w, other)
			}
			next.Faults++
			return &document.Change{Record: &next}, nil
		})
		if want := []bool{stands, true}; err != nil || !reflect.DeepEqual(seen, want) {
			t.Fatalf("the function saw a record %v, %v; want %v", seen, err, want)
		}
		if got.Faults != got.Doubts || !reflect.DeepEqual(got, get(t, w.Store, "a")) {
			t.Errorf("%d by us, %d by the other; want as many", got.Faults, got.Doubts)
		}
	}
}

// A commit whose answer is lost is not made twice; one that was not made is reported.

func TestLostAnswer(t *testing.T) {
	for _, test := range []struct {
		name   string
		commit func(*sql.Tx) error
		stands bool
		doubts int // written by another process at that moment
		calls  int // of the function
	}{
		{"applied", func(tx *sql.Tx) error { return errors.Join(tx.Commit(), errors.New("answer lost")) }, true, 0, 1},
		{"not applied", func(tx *sql.Tx) error { return errors.Join(tx.Rollback(), errors.New("disk on fire")) }, false, 0, 4},
		{"not applied, but another's", func(tx *sql.Tx) error { return errors.Join(tx.Rollback(), errors.New("disk on fire")) }, false, 1, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := openWorld(t, t.TempDir())
			first := put(t, w, retrying(w, "a"))
			w.end = func(tx *sql.Tx) error {
				err := test.commit(tx)
				if test.doubts > 0 {
					execSQL(t, w, "UPDATE records SET rev = rev + 1, doc = json_set(doc, '$.doubts', 1, '$.write', 'other')")
				}
				return err
			}
			calls := 0
			got, err := document.Update(t.Context(), w, first.Object().ID(), document.Seen(first), func(old *document.Record) (*document.Change, error) {
				calls++
				next := *old
				next.Faults++
				return &document.Change{Record: &next}, nil
			})
			stands := get(t, w.Store, "a")
			if test.stands && (err != nil || !reflect.DeepEqual(got, stands) || stands.Faults != 1) {
				t.Errorf("Update = %+v, %v; there stands %+v", got, err, stands)
			}
			if !test.stands && (!errors.Is(err, document.ErrStoreUnavailable) || stands.Faults != 0 || stands.Doubts != test.doubts) {
				t.Errorf("Update: %v; there stands %+v", err, stands)
			}
			if calls != test.calls {
				t.Errorf("computed %d times, want %d", calls, test.calls)
			}
		})
	}
}

// What a database says when it is interrupted is not its own fault, and what was done before the context ended is done.

// The settings on which readers beside a writer, and the speed of a commit, depend.

func TestDueBeyondTime(t *testing.T) {
	w := openWorld(t, t.TempDir())
	r := retrying(w, "never")
	r.Due = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	put(t, w, r)
	for _, test := range []struct {
		now   time.Time
		limit int
		want  int
	}{
		{time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), 9, 0},
		{time.Time{}, 9, 0},
		{time.Date(9001, 1, 1, 0, 0, 0, 0, time.UTC), 9, 1},
		{time.Date(9001, 1, 1, 0, 0, 0, 0, time.UTC), -1, 0},
	} {
		if got, err := w.Due(t.Context(), test.now, test.limit); len(got) != test.want || err != nil {
			t.Errorf("Due(%v, %d) = %d records, %v; want %d", test.now, test.limit, len(got), err, test.want)
		}
	}
}

// Watch reads in batches; more records than one of them all come, once, in the order of their commits.

func TestWatchManyBatches(t *testing.T) {
	w := openWorld(t, t.TempDir())
	const n = 3*watchBatch + 1
	for i := range n {
		put(t, w, retrying(w, strings.Repeat("n", i+1)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lengths []int
	err := w.Watch(ctx, func(_ string, r *document.Record) error {
		if lengths = append(lengths, len(r.Name)); len(lengths) == n {
			cancel()
		}
		return nil
	})
	if err != nil || len(lengths) != n {
		t.Fatalf("Watch saw %d records, %v; want %d", len(lengths), err, n)
	}
	for i, l := range lengths {
		if l != i+1 {
			t.Fatalf("record %d came in place %d", l, i+1)
		}
	}
}

func TestWatchEndsWithTheStore(t *testing.T) {
	w := openWorld(t, t.TempDir())
	put(t, w, retrying(w, "a"))
	err := w.Watch(t.Context(), func(string, *document.Record) error { return w.Close() })
	if !errors.Is(err, document.ErrStoreUnavailable) {
		t.Errorf("Watch over a closed store: %v", err)
	}
}
