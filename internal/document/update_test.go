package document_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
)

var errRefused = errors.New("the function refuses")

// scripted is a store whose commits follow a script, one word per commit; commits past its end are applied.
//
//	lost      applied, and the answer is lost
//	overtaken applied, the answer is lost, and another commit is made before anything is read
//	vanished  not applied, and the answer is lost
//	late      applied when the next commit comes, and the answer is lost
//	beaten    another commit is made first
//	rejected  the store refuses the document
//	down      the store is unavailable, and has certainly not applied it
type scripted struct {
	*documenttest.Memory
	script  []string
	commits int
	late    func() // applies a commit
}

func (s *scripted) Commit(ctx context.Context, id string, from *document.Stored, c *document.Change) (*document.Stored,
	error) {
	if s.late != nil {
		s.late()
		s.late = nil
	}
	word := ""
	if s.commits < len(s.script) {
		word = s.script[s.commits]
	}
	s.commits++
	lost := fmt.Errorf("%w: %w", document.ErrAnswerLost, document.ErrStoreUnavailable)
	switch word {
	case "lost":
		_, _ = s.Memory.Commit(ctx, id, from, c)
		return nil, lost
	case "overtaken":
		_, _ = s.Memory.Commit(ctx, id, from, c)
		s.other(ctx, id)
		return nil, lost
	case "vanished":
		return nil, lost
	case "late":
		s.late = func() { _, _ = s.Memory.Commit(ctx, id, from, c) }
		return nil, lost
	case "beaten":
		s.other(ctx, id)
	case "rejected":
		return nil, document.ErrStoreRejected
	case "down":
		return nil, document.ErrStoreUnavailable
	}
	return s.Memory.Commit(ctx, id, from, c)
}

// other is another writer's commit: it adds 100.
func (s *scripted) other(ctx context.Context, id string) {
	ctx = context.WithoutCancel(ctx)
	_, err := document.Update(ctx, s.Memory, id, document.Unread(),
		func(old *document.Record) (*document.Change, error) {
			return add(old, 100), nil
		})
	if err != nil {
		panic(err)
	}
}

func add(old *document.Record, n int) *document.Change {
	var next document.Record
	if old != nil {
		next = *old
	}
	next.Attempt += n
	return &document.Change{Record: &next}
}

// TestUpdateAppliesAChangeOnce is the table of the fates of commits, for every expectation of the caller. The function
// adds one to a record of ten, or to none.
func TestUpdateAppliesAChangeOnce(t *testing.T) {
	for _, test := range []struct {
		name    string
		script  []string
		want    int // the difference of the stored sum
		err     error
		commits int
	}{
		{"nothing in the way", nil, 1, nil, 1},
		{"conflict", []string{"beaten"}, 101, nil, 2},
		{"conflict after conflict", []string{"beaten", "beaten", "beaten", "beaten", "beaten", "beaten"}, 601, nil, 7},
		{"applied, answer lost", []string{"lost"}, 1, nil, 1},
		{"not applied, answer lost", []string{"vanished"}, 1, nil, 2},
		{"not applied, then applied with its answer lost", []string{"vanished", "lost"}, 1, nil, 2},
		{"applied after it was looked for", []string{"late"}, 1, nil, 2},
		{"lost answers in a row are bounded", []string{"vanished", "vanished", "vanished", "vanished"}, 0,
			document.ErrStoreUnavailable, 4},
		{"a conflict begins the row again",
			[]string{"vanished", "vanished", "vanished", "beaten", "vanished", "vanished", "vanished"}, 101, nil, 8},
		{"rejected", []string{"rejected"}, 0, document.ErrStoreRejected, 1},
		{"the store is away", []string{"down"}, 0, document.ErrStoreUnavailable, 1},
		{"conflict, then rejected", []string{"beaten", "rejected"}, 100, document.ErrStoreRejected, 2},
	} {
		for _, before := range []int{0, 10} {
			for _, expect := range []string{"unread", "absent", "seen", "seen before"} {
				t.Run(fmt.Sprintf("%s/of %d/%s", test.name, before, expect), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := &scripted{Memory: documenttest.NewMemory()}
						expected, stale := document.Unread(), 0
						if before > 0 {
							first := create(t, s, before)
							switch expect {
							case "absent":
								expected, stale = document.Absent(), 1
							case "seen":
								expected = document.Seen(first)
							case "seen before":
								expected, stale = document.Seen(first), 1
								before += 100
								s.other(t.Context(), "id")
							}
						} else if expect == "absent" {
							expected = document.Absent()
						} else if expect != "unread" {
							return
						}
						s.commits = 0
						// A wrong expectation causes a conflict before the script begins.
						s.script = append(make([]string, stale), test.script...)

						stored, err := document.Update(t.Context(), s, "id", expected,
							func(old *document.Record) (*document.Change, error) {
								return add(old, 1), nil
							})

						if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
							t.Errorf("error %v, want %v", err, test.err)
						}
						if s.commits != test.commits+stale {
							t.Errorf("%d commits, want %d", s.commits, test.commits+stale)
						}
						if err == nil && stored.Attempt != before+test.want {
							t.Errorf("Update returned %d, want %d", stored.Attempt, before+test.want)
						}
						if got := sum(t, s); got != before+test.want && !(before == 0 && test.want == 0 && got == -1) {
							t.Errorf("stored is %d, want %d", got, before+test.want)
						}
					})
				})
			}
		}
	}
}

func create(t *testing.T, s document.Store, n int) *document.Stored {
	t.Helper()
	stored, err := document.Update(t.Context(), s, "id", document.Absent(),
		func(*document.Record) (*document.Change, error) {
			return add(nil, n), nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// sum returns the stored sum; -1 if there is no record.
func sum(t *testing.T, s document.Store) int {
	t.Helper()
	got, err := s.Get(t.Context(), "id")
	if err != nil {
		t.Fatal(err)
	}
	if got == nil {
		return -1
	}
	return got.Attempt
}

// TestUpdateReadsBeforeItBelievesARefusal: a refusal is never based only on an expected state.
func TestUpdateReadsBeforeItBelievesARefusal(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]document.UpdateFunc{
		"error":     func(*document.Record) (*document.Change, error) { return nil, errRefused },
		"no change": func(*document.Record) (*document.Change, error) { return nil, nil },
	} {
		for _, wrong := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/wrong=%v", name, wrong), func(t *testing.T) {
				t.Parallel()
				m := documenttest.NewMemory()
				first := create(t, m, 1)
				if wrong {
					create2(t, m)
				}
				reads := m.Reads
				var saw []int
				stored, err := document.Update(t.Context(), m, "id", document.Seen(first),
					func(old *document.Record) (*document.Change, error) {
						saw = append(saw, old.Attempt)
						return refuse(old)
					})
				want := 1
				if wrong {
					want = 2
				}
				if len(saw) != 2 || saw[0] != 1 || saw[1] != want {
					t.Errorf("the function saw %v, want 1 and %d", saw, want)
				}
				if m.Reads-reads != 1 {
					t.Errorf("%d reads, want 1", m.Reads-reads)
				}
				if name == "error" && err != errRefused {
					t.Errorf("error %v, want the function's as it is", err)
				}
				if name == "no change" && (err != nil || stored.Attempt != want) {
					t.Errorf("Update = %v, %v; want what is stored", stored, err)
				}
			})
		}
	}
}

func create2(t *testing.T, m *documenttest.Memory) {
	t.Helper()
	_, err := document.Update(t.Context(), m, "id", document.Unread(),
		func(old *document.Record) (*document.Change, error) {
			return add(old, 1), nil
		})
	if err != nil {
		t.Fatal(err)
	}
}

// TestOvertakenAnswerIsDecidedByTheState: a commit that was applied, lost its answer and was followed by another one
// cannot be recognised; the function sees the state and decides.
func TestOvertakenAnswerIsDecidedByTheState(t *testing.T) {
	t.Parallel()
	s := &scripted{Memory: documenttest.NewMemory(), script: []string{"overtaken"}}
	_, err := document.Update(t.Context(), s, "id", document.Absent(),
		func(old *document.Record) (*document.Change, error) {
			if old != nil && old.Attempt != 0 {
				return nil, errRefused
			}
			return add(old, 1), nil
		})
	if err != errRefused {
		t.Errorf("error %v, want the function's own", err)
	}
	if got := sum(t, s); got != 101 {
		t.Errorf("stored is %d, want 101: both commits, once each", got)
	}
}

// TestUpdateEndsWithItsContext: after endless conflicts the error is the context's.
func TestUpdateEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var beaten []string
		for range 1000 {
			beaten = append(beaten, "beaten")
		}
		s := &scripted{Memory: documenttest.NewMemory(), script: beaten}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		_, err := document.Update(ctx, s, "id", document.Absent(),
			func(old *document.Record) (*document.Change, error) {
				return add(old, 1), nil
			})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, document.ErrConflict) ||
			time.Since(start) != 5*time.Second {
			t.Errorf("error %v after %v, want the deadline and the conflict after 5s", err, time.Since(start))
		}
	})
}

// TestUpdateLeavesTheCallersChangeAlone: the id of a commit is set in a copy.
func TestUpdateLeavesTheCallersChangeAlone(t *testing.T) {
	t.Parallel()
	m := documenttest.NewMemory()
	change := add(nil, 1)
	for range 2 {
		if _, err := document.Update(t.Context(), m, "id", document.Unread(),
			func(*document.Record) (*document.Change, error) { return change, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if change.Record.Write != "" {
		t.Errorf("the change carries the commit id %q", change.Record.Write)
	}
}
