package documenttest

import (
	"cmp"
	"context"
	"slices"

	"github.com/bucketocr/bucketocr/internal/document"
)

var _ document.Lister = (*Memory)(nil)

// List implements [document.Lister].
func (m *Memory) List(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	if err := m.step(ctx, "list", ""); err != nil {
		return err
	}
	for _, s := range m.selected(q) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(s); err != nil {
			return err
		}
	}
	return nil
}

func (m *Memory) selected(q document.Query) []*document.Stored {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*document.Stored
	for _, s := range m.records {
		switch {
		case q.Status != "" && s.Status != q.Status:
		case q.Warning != "" && !slices.Contains(s.Warnings, q.Warning):
		case q.Model != "" && s.Model != q.Model:
		case s.Finished.Before(q.FinishedSince):
		case q.Names != nil && !q.Names.Has(s.Name):
		case !q.DueBy.IsZero() && (s.Due.IsZero() || s.Due.After(q.DueBy)):
		default:
			all = append(all, m.headOf(s))
		}
	}
	slices.SortFunc(all, func(a, b *document.Stored) int {
		if !q.DueBy.IsZero() {
			return a.Due.Compare(b.Due)
		}
		if q.Names != nil {
			return cmp.Compare(a.Name, b.Name)
		}
		return cmp.Compare(a.Version, b.Version)
	})
	return all
}

// headOf returns an answer without text.
func (m *Memory) headOf(s *document.Stored) *document.Stored {
	c := m.answer(s)
	if c != nil {
		c.Text = ""
	}
	return c
}

// Heads implements [document.Lister].
func (m *Memory) Heads(ctx context.Context, ids []string) ([]*document.Stored, error) {
	if err := m.step(ctx, "heads", ""); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := make([]*document.Stored, len(ids))
	for i, id := range ids {
		found[i] = m.headOf(m.records[id])
	}
	return found, nil
}

// Tally implements [document.Lister].
func (m *Memory) Tally(ctx context.Context) (document.Tally, error) {
	t := document.Tally{Records: map[document.Status]int64{}}
	if err := m.step(ctx, "tally", ""); err != nil {
		return t, err
	}
	for _, r := range m.All() {
		t.Records[r.Status]++
		t.Pages += int64(r.PagesDone)
		t.Usage = t.Usage.Add(r.Usage)
	}
	return t, nil
}

// Watch implements [document.Watcher].
func (m *Memory) Watch(ctx context.Context, fn func(id string, r *document.Record) error) error {
	seen := map[string]int64{}
	for {
		m.mu.Lock()
		changed := m.changed
		fresh := map[string]*document.Record{}
		for id, s := range m.records {
			if seen[id] != s.Version {
				seen[id], fresh[id] = s.Version, copyRecord(s.Record)
			}
		}
		m.mu.Unlock()
		for id, r := range fresh {
			if err := fn(id, r); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

// All returns all records, by id.
func (m *Memory) All() map[string]*document.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]*document.Record{}
	for id, s := range m.records {
		all[id] = copyRecord(s.Record)
	}
	return all
}

// Record returns one record; nil if there is none. It does not count as a read.
func (m *Memory) Record(id string) *document.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return recordOf(m.answer(m.records[id]))
}
