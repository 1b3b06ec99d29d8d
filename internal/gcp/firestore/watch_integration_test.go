//go:build integration

package firestore

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/bucketocr/bucketocr/internal/document"
)

// watched starts Watch and sends the values it sees to faults, and its error to ended.
func watched(t *testing.T, ctx context.Context, r *Store) (faults <-chan int, ended <-chan error) {
	t.Helper()
	seen, end := make(chan int), make(chan error, 1)
	go func() {
		end <- r.Watch(ctx, func(_ string, rec *document.Record) error {
			select {
			case seen <- rec.Interruptions:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	return seen, end
}

// await reads until n, and checks that the numbers increase.
func await(t *testing.T, faults <-chan int, ended <-chan error, last *int, n int) {
	t.Helper()
	for *last < n {
		select {
		case got := <-faults:
			if got <= *last {
				t.Errorf("state %d came after %d", got, *last)
			}
			*last = got
		case err := <-ended:
			t.Fatalf("Watch ended with %v before state %d came", err, n)
		}
	}
}

func TestWatchGoesOnWhereAStreamBroke(t *testing.T) {
	t.Parallel()
	r, p := proxied(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stored := mustUpdate(t, r, document.Unread(), claim)
	p.Refuse("Listen", 1, codes.Unavailable)
	faults, ended := watched(t, ctx, r)
	last := -1
	await(t, faults, ended, &last, 0)
	for n := range 3 {
		p.Break()
		stored = mustUpdate(t, r, document.Unread(), plus)
		await(t, faults, ended, &last, n+1)
	}
	if got := p.Calls("Listen"); got < 4 {
		t.Errorf("%d streams, want at least 4: the proxy broke three", got)
	}
	mustUpdate(t, r, document.Seen(stored), plus)
	await(t, faults, ended, &last, 4)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Watch = %v, want nil", err)
	}
}

func TestWatchEndsWhereAnotherStreamCannotHelp(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]error{
		codes.PermissionDenied: document.ErrStoreMisconfigured,
		codes.NotFound:         document.ErrStoreMisconfigured,
	} {
		r, p := proxied(t)
		p.Refuse("Listen", 1, code)
		err := r.Watch(t.Context(), func(string, *document.Record) error { return nil })
		if !errors.Is(err, want) {
			t.Errorf("Watch = %v, want %v", err, want)
		}
	}
}
