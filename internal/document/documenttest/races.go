package documenttest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// races: concurrent calls of Update.
var races = []check{
	{"fifty writers lose nothing", fiftyWriters},
	{"one of twenty claims wins", oneClaimWins},
	{"pages of the refused never appear", racingPages},
}

const writers = 50

// Each of fifty writers adds one, half of them expecting a state that is soon outdated. Update is linearizable if every
// sum from 1 to 50 is returned exactly once, each with a different version.
func fiftyWriters(t *testing.T, ctx context.Context, s document.Store) {
	first := mustCreate(t, ctx, s, claimed("hot"))
	results := make([]*document.Stored, writers)
	var wg sync.WaitGroup
	for i := range writers {
		expected := document.Unread()
		if i%2 == 0 {
			expected = document.Seen(first)
		}
		wg.Go(func() {
			got, err := document.Update(ctx, s, first.Object().ID(), expected, plus)
			if err != nil {
				t.Errorf("Update: %v", err)
				return
			}
			results[i] = got
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	checkLinear(t, results)
	if got := mustGet(t, ctx, s, first.Object().ID()); got.Interruptions != writers {
		t.Errorf("sum = %d, want %d", got.Interruptions, writers)
	}
}

func checkLinear(t *testing.T, results []*document.Stored) {
	t.Helper()
	slices.SortFunc(results, func(a, b *document.Stored) int { return a.Interruptions - b.Interruptions })
	versions := map[int64]bool{}
	for i, got := range results {
		if got.Interruptions != i+1 {
			t.Errorf("the %dth sum returned is %d", i+1, got.Interruptions)
		}
		if i > 0 && got.Updated.Before(results[i-1].Updated) {
			t.Errorf("sum %d is stamped before the one that it follows", got.Interruptions)
		}
		versions[got.Version] = true
	}
	if len(versions) != len(results) {
		t.Errorf("%d states have %d versions", len(results), len(versions))
	}
}

func oneClaimWins(t *testing.T, ctx context.Context, s document.Store) {
	var wg sync.WaitGroup
	won := make(chan string, 20)
	for i := range cap(won) {
		me := string(rune('a' + i))
		wg.Go(func() {
			_, err := document.Update(ctx, s, idOf("claim"), document.Unread(),
				func(old *document.Record) (*document.Change, error) {
					if old != nil {
						return nil, errOwn
					}
					r := claimed("claim")
					r.Lease.ID = me
					return &document.Change{Record: &r, Stamps: document.StampCreated}, nil
				})
			switch err {
			case nil:
				won <- me
			case errOwn:
			default:
				t.Errorf("Update: %v", err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Fatalf("%d claims won, want 1", len(won))
	}
	if winner, got := <-won, mustGet(t, ctx, s, idOf("claim")); got.Lease.ID != winner {
		t.Errorf("the lease is %q's, the winner is %q", got.Lease.ID, winner)
	}
}

// Writers with a page each race; only one may win, and only its page may be stored.
func racingPages(t *testing.T, ctx context.Context, s document.Store) {
	first := mustCreate(t, ctx, s, claimed("pages"))
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			_, err := document.Update(ctx, s, first.Object().ID(), document.Seen(first),
				func(old *document.Record) (*document.Change, error) {
					if old.PagesDone != 0 {
						return nil, errOwn
					}
					next := *old
					next.PagesDone = i + 1
					return &document.Change{Record: &next, Pages: []document.Page{onePage(old.Generation, i+1)}}, nil
				})
			if err != nil && err != errOwn {
				t.Errorf("Update: %v", err)
			}
		})
	}
	wg.Wait()
	got := mustGet(t, ctx, s, first.Object().ID())
	pages := mustPages(t, ctx, s, first.Object().ID(), first.Generation)
	if len(pages) != 1 || pages[0].Page != got.PagesDone {
		t.Errorf("%d pages are stored with pagesDone = %d, want the winner's alone", len(pages), got.PagesDone)
	}
}
