package pipelinetest

import (
	"cmp"
	"context"
	"slices"

	"github.com/bucketocr/bucketocr/internal/pipeline"
)

var _ pipeline.Lister = (*Memory)(nil)

// List is [pipeline.Lister].
func (m *Memory) List(ctx context.Context, q pipeline.Query, fn func(*pipeline.Stored) error) error {
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

func (m *Memory) selected(q pipeline.Query) []*pipeline.Stored {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []*pipeline.Stored
	for _, s := range m.records {
		switch {
		case q.Status != "" && s.Status != q.Status:
		case q.Warning != "" && !slices.Contains(s.Warnings, q.Warning):
		case q.Model != "" && s.Model != q.Model:
		case s.Finished.Before(q.FinishedSince):
		case !q.DueBy.IsZero() && (s.Due.IsZero() || s.Due.After(q.DueBy)):
		default:
			all = append(all, headOf(s))
		}
	}
	slices.SortFunc(all, func(a, b *pipeline.Stored) int {
		if !q.DueBy.IsZero() {
			return a.Due.Compare(b.Due)
		}
		return cmp.Compare(a.Version, b.Version)
	})
	return all
}

// headOf is a copy without text.
func headOf(s *pipeline.Stored) *pipeline.Stored {
	c := copyStored(s)
	if c != nil {
		c.Text = ""
	}
	return c
}

// Heads is [pipeline.Lister].
func (m *Memory) Heads(ctx context.Context, ids []string) ([]*pipeline.Stored, error) {
	if err := m.step(ctx, "heads", ""); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := make([]*pipeline.Stored, len(ids))
	for i, id := range ids {
		found[i] = headOf(m.records[id])
	}
	return found, nil
}

// Tally is [pipeline.Lister].
func (m *Memory) Tally(ctx context.Context) (pipeline.Tally, error) {
	t := pipeline.Tally{Records: map[pipeline.Status]int64{}}
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

// Watch is [pipeline.Watcher].
func (m *Memory) Watch(ctx context.Context, fn func(id string, r *pipeline.Record) error) error {
	seen := map[string]int64{}
	for {
		m.mu.Lock()
		changed := m.changed
		fresh := map[string]*pipeline.Record{}
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

// All is every record, for a test to look at.
func (m *Memory) All() map[string]*pipeline.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]*pipeline.Record{}
	for id, s := range m.records {
		all[id] = copyRecord(s.Record)
	}
	return all
}

// Record is one record, for a test to look at; nil where there is none. It is not counted as a read.
func (m *Memory) Record(id string) *pipeline.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	return recordOf(copyStored(m.records[id]))
}
