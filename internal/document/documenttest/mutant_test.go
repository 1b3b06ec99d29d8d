package documenttest

import (
	"context"
	"slices"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// mutant is a [Memory] with one fault.
type mutant struct {
	*Memory
	fault    string
	reusable map[string]*document.Stored // that were found
}

func (m *mutant) Commit(ctx context.Context, id string, from *document.Stored,
	change *document.Change) (*document.Stored, error) {
	now := func() *document.Stored {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.records[id]
	}
	switch m.fault {
	case "lost update":
		from = now()
	case "stale state":
		if from != nil {
			from = now()
		}
	case "create over":
		if from == nil {
			from = now()
		}
	case "page of the refused":
		if old := now(); versionOf(old) != versionOf(from) && old != nil {
			_, _ = m.apply(id, old, &document.Change{Record: old.Record, Pages: change.Pages})
		}
	case "drop of the refused":
		if old := now(); versionOf(old) != versionOf(from) && old != nil {
			_, _ = m.apply(id, old, &document.Change{Record: old.Record, Drop: change.Drop})
		}
	case "deaf to the context":
		ctx = context.WithoutCancel(ctx)
	case "conflict unnamed":
		if versionOf(now()) != versionOf(from) {
			return nil, document.ErrStoreUnavailable
		}
	}
	var old *document.Record
	if s := now(); s != nil {
		old = s.Record
	}
	got, err := m.Memory.Commit(ctx, id, from, m.spoilChange(old, change))
	return m.spoil(got), err
}

// spoilChange applies the fault to a change before it is stored.
func (m *mutant) spoilChange(old *document.Record, change *document.Change) *document.Change {
	next, r := *change, *change.Record
	next.Record = &r
	switch m.fault {
	case "drop lost":
		next.Drop = nil
	case "page lost":
		next.Pages = nil
	case "stamp of the caller":
		next.Stamps = 0
	case "stamp over carried time":
		next.Stamps |= document.StampStarted
	case "due lost":
		r.Due = time.Time{}
	case "due of the ended":
		if old != nil && r.Due.IsZero() {
			r.Due = old.Due
		}
	case "fields merged":
		if old != nil && r.Model == "" {
			r.Model = old.Model
		}
	case "marker bare":
		r.MarkerExpires = time.Time{}
	case "write id kept":
		if old != nil {
			r.Write = old.Write
		}
	case "text cut":
		r.Text = r.Text[:min(len(r.Text), 500_000)]
	case "generation as float":
		r.Generation = int64(float64(r.Generation))
	}
	return &next
}

// spoil applies the fault to a returned state.
func (m *mutant) spoil(s *document.Stored) *document.Stored {
	if s == nil {
		return nil
	}
	switch m.fault {
	case "version kept":
		return &document.Stored{Record: s.Record, Version: 1, ReadAt: s.ReadAt}
	case "read time missing":
		s.ReadAt = time.Time{}
	case "read time of the write":
		s.ReadAt = s.Updated
	case "stamp missing":
		s.Updated = time.Time{}
	case "shared record":
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.records[s.Object().ID()]
	case "bytes raw":
		s.ContentType += "\xff"
	}
	return s
}

func (m *mutant) Get(ctx context.Context, id string) (*document.Stored, error) {
	if m.fault == "deaf to the context" {
		ctx = context.WithoutCancel(ctx)
	}
	got, err := m.Memory.Get(ctx, id)
	return m.spoil(got), err
}

func (m *mutant) Pages(ctx context.Context, id string, generation int64) ([]document.Page, error) {
	got, err := m.Memory.Pages(ctx, id, generation)
	if m.fault == "page order" {
		slices.Reverse(got)
	}
	for i := range got {
		if m.fault == "page unstamped" {
			got[i].Finished = time.Time{}
		}
		if m.fault == "continuation lost" {
			got[i].Blocks = slices.Clone(got[i].Blocks)
			for j := range got[i].Blocks {
				got[i].Blocks[j].Continued = false
			}
		}
	}
	return got, err
}

func (m *mutant) ClearPages(ctx context.Context, id string, keep int64) error {
	if m.fault == "clear all" {
		keep = 0
	}
	m.mu.Lock()
	n := 0
	for _, p := range m.pages[id] {
		if p.Generation != keep {
			n++
		}
	}
	m.mu.Unlock()
	if m.fault == "clear at most 500" && n > 500 {
		return nil
	}
	return m.Memory.ClearPages(ctx, id, keep)
}

func (m *mutant) Due(ctx context.Context, since, now time.Time, limit int) ([]*document.Stored, error) {
	switch m.fault {
	case "due without limit":
		limit = 1000
	case "due since ever":
		since = time.Time{}
	case "due exclusive":
		now = now.Add(-time.Nanosecond)
	}
	got, err := m.Memory.Due(ctx, since, now, limit)
	if m.fault == "due backwards" {
		slices.Reverse(got)
	}
	return got, err
}

func (m *mutant) Reusable(ctx context.Context, key string) (*document.Stored, error) {
	switch m.fault {
	case "any is reusable":
		m.mu.Lock()
		for _, s := range m.records {
			if s.ReuseKey != "" {
				key = s.ReuseKey
			}
		}
		m.mu.Unlock()
	case "deaf to the context":
		ctx = context.WithoutCancel(ctx)
	}
	got, err := m.Memory.Reusable(ctx, key)
	switch {
	case m.fault == "reusable for ever" && got == nil:
		got = m.reusable[key]
	case m.fault == "reusable without text" && got != nil:
		got.Text = ""
	}
	if m.reusable == nil {
		m.reusable = map[string]*document.Stored{}
	}
	m.reusable[key] = got
	return got, err
}

func (m *mutant) Watch(ctx context.Context, fn func(string, *document.Record) error) error {
	seen := map[string]bool{}
	if m.fault == "watch starts late" {
		for id := range m.All() {
			seen[id] = true
		}
	}
	return m.Memory.Watch(ctx, func(id string, r *document.Record) error {
		if seen[id] && m.fault != "watch swallows" {
			return nil
		}
		seen[id] = m.fault == "watch once"
		if err := fn(id, r); m.fault != "watch swallows" {
			return err
		}
		return nil
	})
}

func (m *mutant) List(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	if m.fault == "list of any status" {
		q.Status = ""
	}
	n := 0
	return m.Memory.List(ctx, q, func(s *document.Stored) error {
		if n++; m.fault == "list first batch" && n > 300 {
			return nil
		}
		if m.fault == "list with text" {
			s.Text = m.Record(s.Object().ID()).Text
		}
		if err := fn(s); m.fault != "list swallows" {
			return err
		}
		return nil
	})
}

func (m *mutant) Heads(ctx context.Context, ids []string) ([]*document.Stored, error) {
	if m.fault == "heads sorted" {
		ids = slices.Sorted(slices.Values(ids))
	}
	return m.Memory.Heads(ctx, ids)
}

func (m *mutant) Tally(ctx context.Context) (document.Tally, error) {
	t, err := m.Memory.Tally(ctx)
	if m.fault == "tally of the done" {
		t.Records = map[document.Status]int64{document.StatusDone: t.Records[document.StatusDone]}
	}
	return t, err
}
