package document

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// Expected is the record's state as presumed by the caller of [Update]. If it is right, no read is needed. The zero
// value is [Unread].
type Expected struct {
	known bool
	state *Stored // nil: there is no record
}

// Unread expects nothing: Update reads the record first.
func Unread() Expected { return Expected{} }

// Absent expects that there is no record.
func Absent() Expected { return Expected{known: true} }

// Seen expects the record to be in a state that was read or written before.
func Seen(s *Stored) Expected { return Expected{known: true, state: s} }

// Limits of Update.
const (
	// consecutive commits whose answer was lost, not counting retries of a driver's client
	maxLost   = 4
	firstWait = 10 * time.Millisecond // doubled with each failed commit; half of it on average
	maxWait   = time.Second
)

// Update atomically replaces the record of id by the result of fn, and returns the record as stored then: nil if fn
// left a missing record alone. It is the only way to write a record. It may be called concurrently.
//
// Nothing is locked: the commit is conditional on the state that fn saw. After a conflict Update reads the record and
// calls fn again, until ctx ends. If fn refuses an expected state (an error, or no change), Update reads the record and
// calls fn again, because only a commit proves the expectation.
//
// Each commit carries a fresh random id in Record.Write, so that the read that follows a lost answer recognises the
// commit and it is not applied twice. If another commit was made in between, fn decides on the state found: that state
// itself must show (as a lease's id does) whether the work still has to be done.
//
// The error is fn's, unchanged, or the store's; see [Store].
func Update(ctx context.Context, store Store, id string, expected Expected, fn UpdateFunc) (*Stored, error) {
	state, proven := expected.state, false
	read := func() (err error) {
		state, err = store.Get(ctx, id)
		proven = true
		return err
	}
	if !expected.known {
		if err := read(); err != nil {
			return nil, err
		}
	}
	var writes []string // ids of this call's commits, of which at most one can be applied
	for lost := 0; ; {
		change, err := fn(state.record())
		switch {
		case (err != nil || change == nil) && !proven:
			if err := read(); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		case change == nil:
			return state, nil
		}

		change = change.stamped(rand.Text())
		writes = append(writes, change.Record.Write)
		stored, err := store.Commit(ctx, id, state, change)
		switch {
		case err == nil:
			return stored, nil
		case errors.Is(err, ErrConflict):
			lost = 0
		case errors.Is(err, ErrAnswerLost) && lost+1 < maxLost:
			lost++
		default:
			return nil, err
		}
		// Waiting before the read keeps the state fresh for the write.
		if ended := sleep(ctx, pause(writes)); ended != nil {
			return nil, fmt.Errorf("%w: %w", ended, err)
		}
		if err := read(); err != nil {
			return nil, err
		}
		if state != nil && slices.Contains(writes, state.Write) {
			return state, nil
		}
	}
}

// record returns the record of a state, nil for nil.
func (s *Stored) record() *Record {
	if s == nil {
		return nil
	}
	return s.Record
}

// stamped returns a copy of the change with the id of its commit. The original is the caller's and stays unchanged.
func (c *Change) stamped(write string) *Change {
	next, rec := *c, *c.Record
	rec.Write = write
	next.Record = &rec
	return &next
}

// pause returns how long to wait after failed commits: nothing after the first, because this call's own commit may be
// in the way; then a time spread by the commits' random ids, so that competing writers of a record separate.
func pause(writes []string) time.Duration {
	if len(writes) < 2 {
		return 0
	}
	longest := min(firstWait<<min(len(writes), 10), maxWait)
	h := fnv.New32a()
	h.Write([]byte(writes[len(writes)-1]))
	return time.Duration(float64(longest) * float64(h.Sum32()) / (1 << 32))
}

// sleep waits for d and returns ctx's error if that ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d == 0 {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
