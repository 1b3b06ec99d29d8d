package gcp

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/internal/pipeline"
)

// Answers lost, refused or late. Google's client repeats a commit that ends with Unavailable or ResourceExhausted by
// itself; the others come to us.

func TestAnswerLostButApplied(t *testing.T) {
	t.Parallel()
	for _, code := range []codes.Code{codes.Unavailable, codes.Unknown, codes.Internal, codes.DeadlineExceeded, codes.Canceled} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			r, p := proxied(t)
			p.LoseAnswer("Commit", 1, code)
			created := mustUpdate(t, r, nil, claim) // Create: the repetition says AlreadyExists
			p.LoseAnswer("Commit", 1, code)
			runs := 0
			got := mustUpdate(t, r, created, func(old *pipeline.Record) (*pipeline.Change, error) {
				runs++ // a write on condition: the repetition says FailedPrecondition
				return plus(old)
			})
			if got.Faults != 1 || runs != 1 {
				t.Errorf("faults = %d after %d runs, want 1 after 1", got.Faults, runs)
			}
			read, err := r.Get(t.Context(), page1.ID())
			if err != nil || read.Faults != 1 || read.Version != got.Version || read.Write != got.Write {
				t.Errorf("Get = %+v, %v; want version %d", read, err, got.Version)
			}
			if next := mustUpdate(t, r, got, plus); next.Faults != 2 {
				t.Errorf("the version returned is no belief to build on: faults = %d", next.Faults)
			}
			pages, err := r.Pages(t.Context(), page1.ID(), page1.Generation)
			if err != nil || len(pages) != 2 {
				t.Errorf("Pages = %v, %v; want 2", pages, err)
			}
		})
	}
}

func TestCommitRefused(t *testing.T) {
	t.Parallel()
	for _, code := range []codes.Code{codes.Unavailable, codes.Unknown, codes.Internal, codes.Aborted, codes.ResourceExhausted} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			r, p := proxied(t)
			created := mustUpdate(t, r, nil, claim)
			p.Refuse("Commit", 1, code)
			p.Refuse("Commit", 2, code)
			if got := mustUpdate(t, r, created, plus); got.Faults != 1 {
				t.Errorf("faults = %d, want 1", got.Faults)
			}
		})
	}
}

// Somebody overwrites what was applied before its answer is known to be lost: the state itself has to tell.
func TestAnswerLostAndOverwritten(t *testing.T) {
	t.Parallel()
	r, p := proxied(t)
	created := mustUpdate(t, r, nil, claim)
	other := recordsLike(t, r)
	p.LoseAnswer("Commit", 1, codes.Unknown)
	runs := 0
	_, err := r.Update(t.Context(), page1.ID(), created, func(old *pipeline.Record) (*pipeline.Change, error) {
		if runs++; runs == 1 {
			p.OnLost(func() {
				if _, err := other.Update(context.Background(), page1.ID(), nil, plus); err != nil {
					t.Error(err)
				}
			})
		}
		return complete(old)
	})
	if err != errTaken || runs != 2 {
		t.Errorf("Update = %v after %d runs, want the function's refusal after 2", err, runs)
	}
	if got, err := r.Get(t.Context(), page1.ID()); err != nil || got.Status != pipeline.Done || got.Faults != 1 {
		t.Errorf("Get = %+v, %v; want both applied once", got, err)
	}
}

// A commit that never tells what became of it ends, if not with the context, then after a few.
func TestAlwaysUnclear(t *testing.T) {
	t.Parallel()
	r, p := proxied(t)
	created := mustUpdate(t, r, nil, claim)
	for n := range maxUnclear {
		p.Refuse("Commit", n+1, codes.Unknown)
	}
	_, err := r.Update(t.Context(), page1.ID(), created, plus)
	if !errors.Is(err, pipeline.ErrStoreUnavailable) {
		t.Errorf("Update = %v, want ErrStoreUnavailable", err)
	}
	if got := mustUpdate(t, r, created, plus); got.Faults != 1 {
		t.Errorf("faults = %d, want 1", got.Faults)
	}
}

func TestErrorsOfCommit(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]error{
		codes.InvalidArgument:  pipeline.ErrStoreRejected,
		codes.PermissionDenied: pipeline.ErrStoreMisconfigured,
		codes.Unauthenticated:  pipeline.ErrStoreMisconfigured,
		codes.DataLoss:         pipeline.ErrStoreUnavailable,
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			r, p := proxied(t)
			p.Refuse("Commit", 1, code)
			if _, err := r.Update(t.Context(), page1.ID(), nil, claim); !errors.Is(err, want) {
				t.Errorf("Update = %v, want %v", err, want)
			}
			if n := p.Calls("Commit"); n != 1 {
				t.Errorf("%d commits, want 1", n)
			}
		})
	}
}

func TestErrorsOfReading(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]error{
		codes.NotFound:           pipeline.ErrStoreMisconfigured, // no database: a missing document is no error
		codes.PermissionDenied:   pipeline.ErrStoreMisconfigured,
		codes.Unauthenticated:    pipeline.ErrStoreMisconfigured,
		codes.FailedPrecondition: pipeline.ErrStoreMisconfigured, // no index, or a database of another kind
		codes.InvalidArgument:    pipeline.ErrStoreMisconfigured,
		codes.ResourceExhausted:  pipeline.ErrStoreUnavailable,
		codes.Unknown:            pipeline.ErrStoreUnavailable,
		codes.Unavailable:        nil, // Google's client tries again
		codes.Internal:           nil,
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			r, p := proxied(t)
			check := func(method string, call func() error) {
				t.Helper()
				p.Refuse(method, 1, code)
				if err := call(); !errors.Is(err, want) || want == nil && err != nil {
					t.Errorf("%v, want %v", err, want)
				}
			}
			ctx, id := t.Context(), page1.ID()
			check("BatchGetDocuments", func() error { _, err := r.Get(ctx, id); return err })
			check("BatchGetDocuments", func() error { _, err := r.Update(ctx, id, nil, claim); return err })
			check("RunQuery", func() error { _, err := r.Due(ctx, time.Now(), 1); return err })
			check("RunQuery", func() error { _, err := r.Pages(ctx, id, 1); return err })
			check("RunQuery", func() error { return r.ClearPages(ctx, id, 1) })
		})
	}
}

// A document that Firestore itself refuses.
func TestRejected(t *testing.T) {
	t.Parallel()
	r := emulated(t)
	tooBig := func(*pipeline.Record) (*pipeline.Change, error) {
		big := &pipeline.Record{Status: pipeline.Done, Text: string(make([]byte, 2<<20))}
		return &pipeline.Change{Record: big}, nil
	}
	if _, err := r.Update(t.Context(), page1.ID(), nil, tooBig); !errors.Is(err, pipeline.ErrStoreRejected) {
		t.Errorf("Update = %v, want ErrStoreRejected", err)
	}
	if got, err := r.Get(t.Context(), page1.ID()); got != nil || err != nil {
		t.Errorf("Get = %v, %v; want nothing", got, err)
	}
}

// A server that does not answer: the context's end is the error, whatever gRPC calls it.
func TestContextEnds(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, host := range []string{silent.Addr().String(), gone.Addr().String()} {
		r := recordsAt(t, host)
		late, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := r.Get(late, page1.ID()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get = %v, want DeadlineExceeded", err)
		}
		stopped, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		from := &pipeline.Stored{Record: &pipeline.Record{}, Version: 1}
		if _, err := r.Update(stopped, page1.ID(), from, plus); !errors.Is(err, context.Canceled) {
			t.Errorf("Update = %v, want Canceled", err)
		}
		if _, err := r.Due(stopped, time.Now(), 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Due = %v, want Canceled", err)
		}
	}
}

// recordsLike is another process's store over the same records, without the proxy.
func recordsLike(t *testing.T, r *Records) *Records {
	t.Helper()
	s, ok := r.store.peek()
	if !ok {
		t.Fatal("the store was not used yet")
	}
	other := newRecords(func(ctx context.Context) (*store, error) {
		o, err := dialStore(ctx, RecordsConfig{Emulator: gcptest.Firestore(t), Project: "demo-x", Collection: s.collection})
		if err == nil {
			o.database = s.database
		}
		return o, err
	})
	t.Cleanup(func() { other.Close() })
	return other
}
