package worker_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
)

// simStore is a store of a world as seen by its instances. Each call parks. A commit that returned an error may have
// been applied, or may be applied minutes later if the record is then unchanged.
type simStore struct {
	s      *sim
	memory *documenttest.Memory
	prefix string // of its operations
}

// lateCommit is a commit that is still under way although its caller got an error.
type lateCommit struct {
	call   *call
	at     time.Time
	store  simStore
	id     string
	from   *document.Stored
	change *document.Change
}

func (st simStore) Commit(ctx context.Context, id string, from *document.Stored,
	change *document.Change) (*document.Stored, error) {
	c := &call{op: st.prefix + "commit", obj: id}
	v := st.s.park(ctx, c)
	if c.d == nil {
		return nil, v.err // the process is dead
	}
	if v.err != nil && ctx.Err() != nil { // its result depends only on its name
		sum := fnv.New32a()
		fmt.Fprint(sum, st.s.seed, c.key())
		v.after = commitFate(sum.Sum32() % 3)
		v.err = fmt.Errorf("%w: %w: %w", document.ErrAnswerLost, document.ErrStoreUnavailable, v.err)
	}
	var stored *document.Stored
	switch v.after {
	case commitNever:
		return nil, v.err
	case commitLate:
		st.s.mu.Lock()
		defer st.s.mu.Unlock()
		st.s.late = append(st.s.late, &lateCommit{c, time.Now().Add(lateBy(st.s.seed, c)), st, id, from, change})
		return nil, v.err
	case commitApplied:
		var err error
		if stored, err = st.apply(c, id, from, change, false); err != nil {
			return nil, err
		}
	}
	if v.err != nil {
		st.s.unheard(c)
		return nil, v.err
	}
	st.hear(c)
	return stored, nil
}

// unheard notes that a delivery does not know that its closing write succeeded.
func (s *sim) unheard(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[c.d.v]; f != nil && f.completedBy == c.d {
		c.d.unclear = true
	}
}

// lateBy returns how late a commit is applied: seconds, or minutes.
func lateBy(seed uint64, c *call) time.Duration {
	sum := fnv.New32a()
	fmt.Fprint(sum, "late", seed, c.key())
	longest := 20 * time.Second
	if sum.Sum32()%2 == 0 {
		longest = 5 * time.Minute
	}
	return time.Second + time.Duration(sum.Sum32()/2)%longest
}

// apply applies a commit if its record is unchanged, and checks the result.
func (st simStore) apply(c *call, id string, from *document.Stored, change *document.Change,
	late bool) (*document.Stored, error) {
	stored, err := st.memory.Commit(context.Background(), id, from, change)
	if err != nil {
		return nil, err
	}
	if st.prefix == "" {
		st.s.committed(c, id, change, late)
		return stored, nil
	}
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	c.d.timed = c.heard
	return stored, nil
}

// land applies a late commit, and reports whether there was one.
func (s *sim) land() bool {
	s.mu.Lock()
	slices.SortFunc(s.late, func(a, b *lateCommit) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.call.key(), b.call.key()))
	})
	if len(s.late) == 0 || time.Now().Before(s.late[0].at) {
		s.mu.Unlock()
		return false
	}
	l := s.late[0]
	s.late = s.late[1:]
	s.mu.Unlock()
	_, err := l.store.apply(l.call, l.id, l.from, l.change, true)
	fmt.Fprintf(s.history, "late %s %v\n", l.call.key(), err)
	if err == nil {
		s.count.LateCommits++
	}
	return true
}

// hear notes that the instance of a call has learned the store's time.
func (st simStore) hear(c *call) {
	st.s.mu.Lock()
	defer st.s.mu.Unlock()
	c.d.inst.heard = true
}

func (st simStore) Get(ctx context.Context, id string) (*document.Stored, error) {
	c := &call{op: st.prefix + "read", obj: id}
	if v := st.s.park(ctx, c); v.err != nil {
		return nil, v.err
	}
	stored, err := st.memory.Get(ctx, id)
	if stored != nil && c.d != nil {
		st.hear(c)
	}
	return stored, err
}

func (st simStore) Pages(ctx context.Context, id string, generation int64) ([]document.Page, error) {
	if v := st.s.park(ctx, &call{op: "pages", obj: fmt.Sprint(id, generation > 0)}); v.err != nil {
		return nil, v.err
	}
	return st.memory.Pages(ctx, id, generation)
}

func (st simStore) ClearPages(ctx context.Context, id string, keep int64) error {
	c := &call{op: "clear", obj: id}
	v := st.s.park(ctx, c)
	if v.err != nil && c.d != nil {
		c.d.unclear = true
	}
	if v.after != commitApplied {
		return v.err
	}
	return cmp.Or(v.err, st.memory.ClearPages(context.WithoutCancel(ctx), id, keep))
}

func (st simStore) Reusable(ctx context.Context, key string) (*document.Stored, error) {
	if v := st.s.park(ctx, &call{op: "reusable", obj: key}); v.err != nil {
		return nil, v.err
	}
	return st.memory.Reusable(ctx, key)
}

func (st simStore) Due(ctx context.Context, since, now time.Time, limit int) ([]*document.Stored, error) {
	c := &call{op: "due"}
	if v := st.s.park(ctx, c); v.err != nil {
		return nil, v.err
	}
	due, err := st.memory.Due(ctx, since, now, limit)
	if len(due) > 0 {
		st.hear(c)
	}
	return due, err
}

// pagesOf returns the page documents of a record, without a call that parks.
func (s *sim) pagesOf(id string, generation int64) []document.Page {
	pages, err := s.records.Pages(context.Background(), id, generation)
	if err != nil && !errors.Is(err, context.Canceled) {
		s.t.Errorf("seed %d: %v", s.seed, err)
	}
	return pages
}

// simTopic is the topic for announcing ends. Each call parks. A failed announcement may have arrived.
type simTopic struct{ s *sim }

func (p simTopic) Notify(ctx context.Context, e document.End) error {
	v := p.s.park(ctx, &call{op: "notify", obj: e.ID})
	if v.after == commitApplied {
		p.s.mu.Lock()
		p.s.told[e.Write]++
		p.s.mu.Unlock()
	}
	if v.err != nil {
		return fmt.Errorf("%w: %w", document.ErrTopicUnavailable, v.err)
	}
	return nil
}
