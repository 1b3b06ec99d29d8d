package backfill

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// endless is a bucket of n objects and a store, both without data.
type endless struct {
	n    int
	peak func() // called now and then
}

func (e endless) ListObjects(_ context.Context, l document.Listing, fn func(document.Listed) error) error {
	for i := range e.n {
		if i%20_000 == 0 {
			e.peak()
		}
		if err := fn(document.Listed{
			Object:     document.Object{Bucket: l.Bucket, Name: fmt.Sprintf("%09d.png", i), Generation: 1},
			Attributes: document.Attributes{ContentType: "image/png", Size: 1},
		}); err != nil {
			return err
		}
	}
	return nil
}

func (endless) List(context.Context, document.Query, func(*document.Stored) error) error { return nil }
func (endless) Tally(context.Context) (document.Tally, error) {
	return document.Tally{}, nil
}
func (endless) Heads(_ context.Context, ids []string) ([]*document.Stored, error) {
	return make([]*document.Stored, len(ids)), nil
}

type taker struct{}

func (taker) Batch() int { return 100 }
func (taker) Deliver(_ context.Context, events []document.Event) []Answer {
	answers := make([]Answer, len(events))
	for i := range answers {
		answers[i] = Answer{Settled, "published"}
	}
	return answers
}

// TestMemoryFlat: a run needs no more memory for many objects than for few.
func TestMemoryFlat(t *testing.T) {
	const n, allowed = 300_000, 16 << 20 // bytes; 300,000 names alone would be more
	var before, most uint64
	look := func() {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		if before == 0 {
			before = m.HeapAlloc
		}
		most = max(most, m.HeapAlloc)
	}
	e := endless{n: n, peak: look}
	sum, err := Run(t.Context(), Options{
		Objects: e, Records: e, Listing: document.Listing{Bucket: "b"}, Deliver: taker{}, InFlight: 8,
	})
	if err != nil || sum.Results["published"] != n {
		t.Fatalf("%+v, %v", sum, err)
	}
	if most > before+allowed {
		t.Errorf("the heap grew from %d to %d bytes", before, most)
	}
	t.Logf("heap %d bytes at first, %d at most, with %d objects", before, most, n)
}
