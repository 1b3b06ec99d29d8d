package sqlite

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// pollEvery is how late a process sees what another one commits.
const pollEvery = 200 * time.Millisecond

// watchBatch is how many records Watch reads at once: a record may be about a megabyte.
const watchBatch = 32

// Watch is [document.Watcher].Watch: the records that there are come in the order of their last commits.
func (s *Store) Watch(ctx context.Context, fn func(id string, r *document.Record) error) error {
	const query = "SELECT id, rev, doc FROM records WHERE rev > ? ORDER BY rev LIMIT ?"
	for seen := int64(0); ; {
		changed := s.woken() // before the query: what it misses wakes us
		ids, batch, err := s.records(ctx, query, seen, watchBatch)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for i, r := range batch {
			if err := fn(ids[i], r.Record); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return nil
			}
			seen = r.Version
		}
		if len(batch) == 0 {
			s.wait(ctx, changed)
		}
	}
}

// wait returns when there may be news or ctx has ended.
func (s *Store) wait(ctx context.Context, changed <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-changed:
	case <-time.After(pollEvery): // another process may have written
	}
}

// woken returns a channel that the next commit closes.
func (s *Store) woken() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}
