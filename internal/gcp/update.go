package gcp

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/bucketocr/bucketocr/internal/document"
)

// update is one call of [Records.Update].
type update struct {
	store *store
	id    string
	fn    document.UpdateFunc

	state   *document.Stored // what fn decides on; nil for no record
	proven  bool             // state was read in this call, not only believed
	writes  []string         // ids of this call's commits, of which at most one can be applied
	refused int              // commits that another one preceded
	unclear int              // commits whose answer tells nothing, in a row
}

func (u *update) run(ctx context.Context) (*document.Stored, error) {
	switch {
	case u.state == nil:
		if err := u.look(ctx); err != nil {
			return nil, err
		}
	case u.state.Record == nil:
		u.state = nil // believed to be missing: a refused create will tell
	}
	for {
		change, err := u.fn(recordOf(u.state))
		switch {
		case (err != nil || change == nil) && !u.proven:
			if err := u.look(ctx); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		case change == nil:
			return u.state, nil
		}
		stored, err := u.commit(ctx, change)
		if stored != nil || err != nil {
			return stored, err
		}
	}
}

func recordOf(s *document.Stored) *document.Record {
	if s == nil {
		return nil
	}
	return s.Record
}

// look reads what stands there now.
func (u *update) look(ctx context.Context) (err error) {
	u.state, err = u.store.get(ctx, u.id)
	u.proven = true
	return err
}

// commit tries a change. It gives nil and nil where the change is to be computed anew, over the state that it then read.
func (u *update) commit(ctx context.Context, change *document.Change) (*document.Stored, error) {
	write := rand.Text()
	u.writes = append(u.writes, write)
	stored, err := u.store.commit(ctx, u.id, u.state, change, write)
	if err == nil {
		return stored, nil
	}
	if !u.again(err) {
		return nil, commitError(ctx, err)
	}
	if sleep(ctx, u.wait()) != nil {
		return nil, commitError(ctx, err)
	}
	if err := u.look(ctx); err != nil {
		return nil, err
	}
	if u.state != nil && slices.Contains(u.writes, u.state.Write) {
		return u.state, nil // applied, and its answer lost
	}
	return nil, nil
}

// maxUnclear is how many commits in a row may fail without telling whether they were applied, besides the tries of
// Google's client.
const maxUnclear = 4

// again tells whether the record has to be read to know what became of a commit.
func (u *update) again(err error) bool {
	switch status.Code(err) {
	case codes.AlreadyExists, codes.FailedPrecondition, codes.NotFound, codes.Aborted:
		u.refused++
		u.unclear = 0
		return true
	case codes.Unavailable, codes.Unknown, codes.Internal, codes.DeadlineExceeded, codes.Canceled:
		u.unclear++
		return u.unclear < maxUnclear
	}
	return false
}

// Waits after refused commits: none longer, on average half of it.
const (
	firstWait = 10 * time.Millisecond
	maxWait   = time.Second
)

// wait spreads those who write one record. The wait comes before the read, so that what is read is fresh when it is
// written; there is none at first, because the own commit may be the one that stands there.
func (u *update) wait() time.Duration {
	n := u.refused + u.unclear
	if n <= 1 {
		return 0
	}
	return mathrand.N(min(firstWait<<min(n, 10), maxWait))
}
