package documenttest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Memory is a record store in memory, for tests of the rules under fake time. It passes the suite, copies records in
// and out, and can be told to fail. It loses everything with the process, so it proves nothing about crashes of a
// store.
type Memory struct {
	// Before, if set, is called before each step of a call, "read" or "commit" (with an id), "pages", "clear", "due" or
	// "reusable"; if it returns an error, so does the call. After is called when a commit was applied: if it returns an
	// error, the answer is lost.
	Before func(ctx context.Context, op, id string) error
	After  func(ctx context.Context, id string) error
	// Now is the store's clock; nil: time.Now. It must be set before the first call.
	Now func() time.Time

	mu      sync.Mutex
	version int64
	records map[string]*document.Stored
	pages   map[string]map[string]document.Page
	changed chan struct{} // closed and replaced at each commit

	Reads, Commits int // cost of the calls; read them only when nothing is running
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{
		records: map[string]*document.Stored{}, pages: map[string]map[string]document.Page{},
		changed: make(chan struct{}),
	}
}

// Commit implements [document.Store].
func (m *Memory) Commit(ctx context.Context, id string, from *document.Stored, ch *document.Change) (*document.Stored,
	error) {
	if err := m.step(ctx, "commit", id); err != nil {
		return nil, err
	}
	stored, err := m.apply(id, from, ch)
	if err == nil && m.After != nil {
		if err := m.After(ctx, id); err != nil {
			return nil, fmt.Errorf("%w: %w", document.ErrAnswerLost, err)
		}
	}
	return stored, err
}

func (m *Memory) apply(id string, from *document.Stored, ch *document.Change) (*document.Stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if versionOf(m.records[id]) != versionOf(from) {
		return nil, document.ErrConflict
	}
	m.version++
	m.Commits++
	now := m.now()
	rec := copyOf(ch.Record)
	Stamp(rec, ch.Stamps, now)
	m.records[id] = &document.Stored{Record: rec, Version: m.version}
	for _, pg := range ch.Pages {
		pg.Finished = now
		if m.pages[id] == nil {
			m.pages[id] = map[string]document.Page{}
		}
		m.pages[id][pageKey(pg.Generation, pg.Page)] = copyOf(pg)
	}
	for _, n := range ch.Drop {
		delete(m.pages[id], pageKey(rec.Generation, n))
	}
	close(m.changed)
	m.changed = make(chan struct{})
	return &document.Stored{Record: copyRecord(rec), Version: m.version, ReadAt: now}, nil
}

func (m *Memory) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

func pageKey(generation int64, page int) string { return fmt.Sprintf("%d-%04d", generation, page) }

// Stamp sets the times that stamps selects to now.
func Stamp(rec *document.Record, stamps document.Stamps, now time.Time) {
	rec.Updated = now
	for stamp, field := range map[document.Stamps]*time.Time{
		document.StampCreated: &rec.Created, document.StampStarted: &rec.Started, document.StampFinished: &rec.Finished,
	} {
		if stamps&stamp != 0 {
			*field = now
		}
	}
}

// Get implements [document.Store].
func (m *Memory) Get(ctx context.Context, id string) (*document.Stored, error) {
	if err := m.step(ctx, "read", id); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Reads++
	return m.answer(m.records[id]), nil
}

// Pages implements [document.Store].
func (m *Memory) Pages(ctx context.Context, id string, generation int64) ([]document.Page, error) {
	if err := m.step(ctx, "pages", id); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var pages []document.Page
	for _, pg := range m.pages[id] {
		if pg.Generation == generation {
			pages = append(pages, copyOf(pg))
		}
	}
	slices.SortFunc(pages, func(a, b document.Page) int { return cmp.Compare(a.Page, b.Page) })
	return pages, nil
}

// ClearPages implements [document.Store].
func (m *Memory) ClearPages(ctx context.Context, id string, keep int64) error {
	if err := m.step(ctx, "clear", id); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, pg := range m.pages[id] {
		if r := recordOf(m.records[id]); pg.Generation != keep &&
			(r == nil || r.Status == document.StatusDeleted || pg.Generation != r.Generation) {
			delete(m.pages[id], key)
		}
	}
	return nil
}

// Due implements [document.Store].
func (m *Memory) Due(ctx context.Context, since, now time.Time, limit int) ([]*document.Stored, error) {
	if err := m.step(ctx, "due", ""); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []*document.Stored
	for _, s := range m.records {
		if !s.Due.IsZero() && !s.Due.Before(since) && !s.Due.After(now) {
			due = append(due, s)
		}
	}
	slices.SortFunc(due, func(a, b *document.Stored) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Version, b.Version))
	})
	due = due[:min(limit, len(due))]
	for i, s := range due {
		due[i] = m.answer(s)
	}
	return due, nil
}

// Reusable implements [document.Store].
func (m *Memory) Reusable(ctx context.Context, key string) (*document.Stored, error) {
	if err := m.step(ctx, "reusable", ""); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var first *document.Stored // the same one of several in each run of a test
	for _, s := range m.records {
		if s.ReuseKey == key && (first == nil || s.Version < first.Version) {
			first = s
		}
	}
	return m.answer(first), nil
}

func (m *Memory) step(ctx context.Context, op, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Before == nil {
		return nil
	}
	return m.Before(ctx, op, id)
}

func recordOf(s *document.Stored) *document.Record {
	if s == nil {
		return nil
	}
	return s.Record
}

func versionOf(s *document.Stored) int64 {
	if s == nil {
		return 0
	}
	return s.Version
}

// answer returns a copy of a state, read now.
func (m *Memory) answer(s *document.Stored) *document.Stored {
	if s == nil {
		return nil
	}
	return &document.Stored{Record: copyRecord(s.Record), Version: s.Version, ReadAt: m.now()}
}

func copyRecord(r *document.Record) *document.Record {
	c := *r
	c.Warnings, c.Metadata = slices.Clone(r.Warnings), maps.Clone(r.Metadata)
	if r.Error != nil {
		c.Error = new(*r.Error)
	}
	if r.Lease != nil {
		c.Lease = new(*r.Lease)
	}
	c.Strikes = maps.Clone(r.Strikes)
	if r.Rereading != nil {
		c.Rereading = new(*r.Rereading)
		c.Rereading.Pages = slices.Clone(r.Rereading.Pages)
	}
	return &c
}

// copyOf copies through JSON, so that the stored value is the same as in a real store: valid text, times without a
// monotonic part, nothing shared with the caller.
func copyOf[T any](v T) T {
	var c T
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		panic(err)
	}
	return c
}
