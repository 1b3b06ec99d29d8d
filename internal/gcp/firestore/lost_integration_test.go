//go:build integration

package firestore

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

// Answers lost, refused or late. Google's client repeats a commit that ends with Unavailable or ResourceExhausted by
// itself, and returns the others.

func TestLostAnswerIsRecognised(t *testing.T) {
	t.Parallel()
	for _, code := range []codes.Code{codes.Unavailable, codes.Unknown, codes.Internal, codes.DeadlineExceeded,
		codes.Canceled} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			r, p := proxied(t)
			p.LoseAnswer("Commit", 1, code)
			created := mustUpdate(t, r, document.Unread(), claim) // Create: the repetition says AlreadyExists
			p.LoseAnswer("Commit", 1, code)
			runs := 0
			got := mustUpdate(t, r, document.Seen(created), func(old *document.Record) (*document.Change, error) {
				runs++ // a write on condition: the repetition says FailedPrecondition
				return plus(old)
			})
			if got.Interruptions != 1 || runs != 1 {
				t.Errorf("faults = %d after %d runs, want 1 after 1", got.Interruptions, runs)
			}
			read, err := r.Get(t.Context(), page1.ID())
			if err != nil || read.Interruptions != 1 || read.Version != got.Version || read.Write != got.Write {
				t.Errorf("Get = %+v, %v; want version %d", read, err, got.Version)
			}
			if next := mustUpdate(t, r, document.Seen(got), plus); next.Interruptions != 2 {
				t.Errorf("the version returned is not a belief to build on: faults = %d", next.Interruptions)
			}
			pages, err := r.Pages(t.Context(), page1.ID(), page1.Generation)
			if err != nil || len(pages) != 2 {
				t.Errorf("Pages = %v, %v; want 2", pages, err)
			}
		})
	}
}

// A record that is expected to be missing is not read before it is created, and afterwards only if the answer was lost
// or the record exists after all.
func TestExpectedAbsentRecordIsNotRead(t *testing.T) {
	t.Parallel()
	r, p := proxied(t)
	reads := func(want int) {
		t.Helper()
		if n := p.Calls("BatchGetDocuments"); n != want {
			t.Errorf("%d reads, want %d", n, want)
		}
	}
	mustUpdate(t, r, document.Absent(), claim)
	reads(0)
	if got := mustUpdate(t, r, document.Absent(), func(old *document.Record) (*document.Change, error) {
		if old == nil {
			return claim(nil)
		}
		return plus(old)
	}); got.Interruptions != 1 {
		t.Errorf("faults = %d, want 1", got.Interruptions)
	}
	reads(1)

	r, p = proxied(t)
	p.LoseAnswer("Commit", 1, codes.Unavailable)
	if got := mustUpdate(t, r, document.Absent(), claim); got.Attempt != 1 {
		t.Errorf("created by a commit whose answer was lost: attempt = %d, want 1", got.Attempt)
	}
	reads(1)
}

func TestRefusedCommitIsRepeated(t *testing.T) {
	t.Parallel()
	for _, code := range []codes.Code{codes.Unavailable, codes.Unknown, codes.Internal, codes.Aborted,
		codes.ResourceExhausted} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			r, p := proxied(t)
			created := mustUpdate(t, r, document.Unread(), claim)
			p.Refuse("Commit", 1, code)
			p.Refuse("Commit", 2, code)
			if got := mustUpdate(t, r, document.Seen(created), plus); got.Interruptions != 1 {
				t.Errorf("faults = %d, want 1", got.Interruptions)
			}
		})
	}
}

// Another process overwrites what was applied before its answer is known to be lost: the state itself must show it.
func TestOverwrittenCommitIsDecidedByTheState(t *testing.T) {
	t.Parallel()
	r, p := proxied(t)
	created := mustUpdate(t, r, document.Unread(), claim)
	other := storeLike(t, r)
	p.LoseAnswer("Commit", 1, codes.Unknown)
	runs := 0
	_, err := document.Update(t.Context(), r, page1.ID(), document.Seen(created),
		func(old *document.Record) (*document.Change, error) {
			if runs++; runs == 1 {
				p.OnLost(func() {
					if _, err := document.Update(context.Background(), other, page1.ID(), document.Unread(),
						plus); err != nil {
						t.Error(err)
					}
				})
			}
			return complete(old)
		})
	if err != errTaken || runs != 2 {
		t.Errorf("Update = %v after %d runs, want the function's refusal after 2", err, runs)
	}
	if got, err := r.Get(t.Context(), page1.ID()); err != nil || got.Status != document.StatusDone ||
		got.Interruptions != 1 {
		t.Errorf("Get = %+v, %v; want both applied once", got, err)
	}
}

// A commit that has apparently failed is executed while the next one is on its way.
func TestLateCommitIsAppliedOnce(t *testing.T) {
	t.Parallel()
	r, p := proxied(t)
	created := mustUpdate(t, r, document.Unread(), claim)
	gate := make(chan struct{})
	p.Delay("Commit", 1, codes.Unknown, gate)
	runs := 0
	got := mustUpdate(t, r, document.Seen(created), func(old *document.Record) (*document.Change, error) {
		if runs++; runs == 2 {
			close(gate)
			awaitOther(t, storeLike(t, r), old.Write)
		}
		return plus(old)
	})
	if got.Interruptions != 1 || runs != 2 {
		t.Errorf("faults = %d after %d runs, want 1 after 2", got.Interruptions, runs)
	}
}

// awaitOther waits until another commit than the named one is on the record.
func awaitOther(t *testing.T, r *Store, write string) {
	t.Helper()
	for {
		got, err := r.Get(t.Context(), page1.ID())
		if err != nil {
			t.Error(err)
			return
		}
		if got.Write != write {
			return
		}
	}
}

// Update gives up after a few commits of unknown result, or when the context ends.
func TestUnclearCommitsEndAfterAFew(t *testing.T) {
	t.Parallel()
	r, p := proxied(t)
	created := mustUpdate(t, r, document.Unread(), claim)
	for n := range 4 {
		p.Refuse("Commit", n+1, codes.Unknown)
	}
	_, err := document.Update(t.Context(), r, page1.ID(), document.Seen(created), plus)
	if !errors.Is(err, document.ErrStoreUnavailable) {
		t.Errorf("Update = %v, want ErrStoreUnavailable", err)
	}
	if got := mustUpdate(t, r, document.Seen(created), plus); got.Interruptions != 1 {
		t.Errorf("faults = %d, want 1", got.Interruptions)
	}
}

// storeLike returns another process's store on the same records, without the proxy.
func storeLike(t *testing.T, r *Store) *Store {
	t.Helper()
	s, ok := r.conn.Peek()
	if !ok {
		t.Fatal("the store was not used yet")
	}
	other := newStore(func(ctx context.Context) (*conn, error) {
		o, err := dial(ctx, Config{Emulator: gcptest.Firestore(t), Project: "demo-x", Collection: s.collection})
		if err == nil {
			o.database = s.database
		}
		return o, err
	})
	t.Cleanup(func() { other.Close() })
	return other
}
