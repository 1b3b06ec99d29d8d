package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
)

// open opens the database in dir until the test ends.
func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(databaseIn(dir), "inbox")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

// databaseIn returns the path of the database in a directory.
func databaseIn(dir string) string { return filepath.Join(dir, "records.db") }

func shut(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// put stores r unchanged under its own id.
func put(t testing.TB, s *Store, r document.Record, pages ...document.Page) *document.Stored {
	t.Helper()
	got, err := document.Update(t.Context(), s, r.Object().ID(), document.Unread(),
		func(*document.Record) (*document.Change, error) {
			return &document.Change{Record: &r, Pages: pages}, nil
		})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
	return got
}

// get reads the record of a name, which must exist.
func get(t testing.TB, s *Store, name string) *document.Stored {
	t.Helper()
	got, err := s.Get(t.Context(), document.Object{Bucket: s.Bucket(), Name: name}.ID())
	if err != nil || got == nil {
		t.Fatalf("Get of %s = %v, %v", name, got, err)
	}
	return got
}

// retrying returns a small retrying record in the bucket of s.
func retrying(s *Store, name string) document.Record {
	return document.Record{Bucket: s.Bucket(), Name: name, Generation: 7, Status: document.StatusRetrying,
		Due: time.Unix(1, 0)}
}

// sameState reports whether two answers, each with its own time, hold the same state.
func sameState(a, b *document.Stored) bool {
	return a.Version == b.Version && reflect.DeepEqual(a.Record, b.Record)
}

func TestRecords(t *testing.T) {
	t.Parallel()
	documenttest.Records(t, func(t *testing.T) document.Store { return open(t, t.TempDir()) })
}

// Another process commits between the read and the commit: the function sees that change, and nothing is lost.
func TestConflict(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	id := document.Object{Bucket: s.Bucket(), Name: "a"}.ID()
	for _, kept := range []bool{false, true} { // first another makes it, then it changes it
		var seen []bool
		got, err := document.Update(t.Context(), s, id, document.Unread(),
			func(old *document.Record) (*document.Change, error) {
				seen = append(seen, old != nil)
				next := retrying(s, "a")
				if old != nil {
					next = *old
				}
				if len(seen) == 1 {
					other := next
					other.Pages++
					put(t, s, other)
				}
				next.Interruptions++
				return &document.Change{Record: &next}, nil
			})
		if want := []bool{kept, true}; err != nil || !reflect.DeepEqual(seen, want) {
			t.Fatalf("the function saw a record %v, %v; want %v", seen, err, want)
		}
		if got.Interruptions != got.Pages || !sameState(got, get(t, s, "a")) {
			t.Errorf("%d by us, %d by the other; want as many", got.Interruptions, got.Pages)
		}
	}
}

// A commit whose answer is lost is not made twice; one that was not made is reported.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		commit func(*sql.Tx) error
		kept   bool
		doubts int // written by another process at that moment
		calls  int // of the function
	}{
		{"applied", func(tx *sql.Tx) error { return errors.Join(tx.Commit(), errors.New("answer lost")) }, true, 0, 1},
		{"not applied", func(tx *sql.Tx) error { return errors.Join(tx.Rollback(), errors.New("disk on fire")) }, false,
			0, 4},
		{"not applied, but another's", func(tx *sql.Tx) error {
			return errors.Join(tx.Rollback(), errors.New("disk on fire"))
		}, false, 1, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			first := put(t, s, retrying(s, "a"))
			s.end = func(tx *sql.Tx) error {
				err := test.commit(tx)
				if test.doubts > 0 {
					execSQL(t, s, "UPDATE records SET rev = rev + 1, doc = json_set(doc, '$.pages', 1, '$.write', 'other')")
				}
				return err
			}
			calls := 0
			got, err := document.Update(t.Context(), s, first.Object().ID(), document.Seen(first),
				func(old *document.Record) (*document.Change, error) {
					calls++
					next := *old
					next.Interruptions++
					return &document.Change{Record: &next}, nil
				})
			kept := get(t, s, "a")
			if test.kept && (err != nil || !sameState(got, kept) || kept.Interruptions != 1) {
				t.Errorf("Update = %+v, %v; the record is %+v", got, err, kept)
			}
			if !test.kept && (!errors.Is(err, document.ErrStoreUnavailable) || kept.Interruptions != 0 ||
				kept.Pages != test.doubts) {
				t.Errorf("Update: %v; the record is %+v", err, kept)
			}
			if calls != test.calls {
				t.Errorf("computed %d times, want %d", calls, test.calls)
			}
		})
	}
}

func TestDueBeyondTime(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	r := retrying(s, "never")
	r.Due = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
	put(t, s, r)
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
		if got, err := s.Due(t.Context(), time.Time{}, test.now, test.limit); len(got) != test.want || err != nil {
			t.Errorf("Due(%v, %d) = %d records, %v; want %d", test.now, test.limit, len(got), err, test.want)
		}
	}
}

// Watch reads in batches; more records than one batch are all reported, once, in the order of their commits.
func TestWatchManyBatches(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	const n = 3*watchBatch + 1
	for i := range n {
		put(t, s, retrying(s, strings.Repeat("n", i+1)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var lengths []int
	err := s.Watch(ctx, func(_ string, r *document.Record) error {
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
	t.Parallel()
	s := open(t, t.TempDir())
	put(t, s, retrying(s, "a"))
	err := s.Watch(t.Context(), func(string, *document.Record) error { return s.Close() })
	if !errors.Is(err, document.ErrStoreUnavailable) {
		t.Errorf("Watch over a closed store: %v", err)
	}
}

func TestExpiredLeasesAreDueAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	held := retrying(s, "held")
	held.Status = document.StatusProcessing
	held.Due = time.Now().Add(time.Hour)
	held.Lease = &document.Lease{ID: "dead", Expires: held.Due, Alone: true}
	held.Attempt = 3
	put(t, s, held)
	again := retrying(s, "again")
	again.Status, again.Due, again.Lease = document.StatusDone, held.Due, held.Lease
	again.Rereading = &document.Rereading{}
	put(t, s, again)
	waiting := retrying(s, "other")
	waiting.WindowStart, waiting.Interruptions = time.Now().Add(-72*time.Hour), 4
	waiting.Due = time.Now().Add(-time.Minute)
	put(t, s, waiting)
	shut(t, s)

	s = open(t, dir)
	before := time.Now()
	if n, err := s.Resume(t.Context()); n != 2 || err != nil {
		t.Fatalf("Resume = %d, %v; want 2", n, err)
	}
	got, now := get(t, s, "held"), time.Now()
	if got.Lease.Expires.After(now) || got.Lease.Expires.Before(before) || !got.Due.Equal(got.Lease.Expires) {
		t.Errorf("lease ends %v, due %v; want now, %v", got.Lease.Expires, got.Due, now)
	}
	if got.Lease.ID != "dead" || !got.Lease.Alone || got.Status != document.StatusProcessing || got.Attempt != 3 {
		t.Errorf("the sweep must find the dead attempt as it was, found %+v", got.Record)
	}
	if got := get(t, s, "other"); got.WindowStart.Before(before) || got.Interruptions != 0 ||
		!got.Due.Equal(waiting.Due) || got.Lease != nil {
		t.Errorf("the window of a record without a lease must begin again, and nothing else change: %+v", got.Record)
	}
	if got := get(t, s, "again"); got.Status != document.StatusDone || got.Rereading == nil || got.Due.After(now) {
		t.Errorf("a document that was being read again is %+v", got.Record)
	}
	if due, err := s.Due(t.Context(), time.Time{}, now, 9); len(due) != 3 || err != nil {
		t.Errorf("%d records due, %v; want 3", len(due), err)
	}
	old := *got.Record
	old.Status = document.StatusDone
	if c, err := resume(&old); c != nil || err != nil {
		t.Error("a record that ended meanwhile must be left alone")
	}
}

// wantError checks that an error is a sentence with all the words.
func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error is %q, want %q in it", err, word)
		}
	}
}
