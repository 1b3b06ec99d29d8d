package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Get implements [document.Store].
func (s *Store) Get(ctx context.Context, id string) (*document.Stored, error) {
	var rev int64
	var doc []byte
	err := s.read.QueryRowContext(ctx, "SELECT rev, doc FROM records WHERE id = ?", id).Scan(&rev, &doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, classify(ctx, err)
	}
	r, err := document.DecodeRecord(doc)
	if err != nil {
		return nil, damaged(err)
	}
	return &document.Stored{Record: r, Version: rev, ReadAt: time.Now()}, nil
}

// Pages implements [document.Store].
func (s *Store) Pages(ctx context.Context, id string, generation int64) ([]document.Page, error) {
	const query = "SELECT doc FROM pages WHERE id = ? AND generation = ? ORDER BY page"
	var pages []document.Page
	err := eachRow(ctx, s.read, func(rows *sql.Rows) error {
		var doc []byte
		if err := rows.Scan(&doc); err != nil {
			return err
		}
		p, err := document.DecodePage(doc)
		if err != nil {
			return damaged(err)
		}
		pages = append(pages, p)
		return nil
	}, query, id, generation)
	if err != nil {
		return nil, err
	}
	return pages, nil
}

// Due implements [document.Store]. Records due at the same time are in the order of their ids.
func (s *Store) Due(ctx context.Context, since, now time.Time, limit int) ([]*document.Stored, error) {
	const query = "SELECT id, rev, doc FROM records WHERE due BETWEEN ? AND ? ORDER BY due, id LIMIT ?"
	_, due, err := readRecords(ctx, s.read, query, Nanos(since), Nanos(now), max(limit, 0))
	return due, err
}

// Reusable implements [document.Store]. It has no index: files of a folder have no MD5, so their records have no key.
func (s *Store) Reusable(ctx context.Context, key string) (*document.Stored, error) {
	const query = "SELECT id, rev, doc FROM records WHERE doc ->> '$.reuseKey' = ? LIMIT 1"
	_, found, err := readRecords(ctx, s.read, query, key)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

var _ document.Lister = (*Store)(nil)

// listBatch is how many records List reads at once. It reads a whole batch before it calls fn, which may write.
const listBatch = 200

// List implements [document.Lister].
func (s *Store) List(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	const byID = "SELECT id, rev, doc FROM records WHERE id > ?1 AND (?2 = '' OR status = ?2) ORDER BY id LIMIT ?3"
	if !q.DueBy.IsZero() {
		return s.listDue(ctx, q, fn)
	}
	if q.Names != nil {
		return s.listNames(ctx, q, fn)
	}
	for last := ""; ; {
		ids, batch, err := readRecords(ctx, s.read, byID, last, string(q.Status), listBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := each(batch, q, fn); err != nil {
			return err
		}
		last = ids[len(ids)-1]
	}
}

func (s *Store) listDue(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	const byDue = "SELECT id, rev, doc FROM records WHERE due <= ?1 AND (due, id) > (?2, ?3) ORDER BY due, id LIMIT ?4"
	due, last := int64(-1<<63), ""
	for {
		ids, batch, err := readRecords(ctx, s.read, byDue, Nanos(q.DueBy), due, last, listBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := each(batch, q, fn); err != nil {
			return err
		}
		due, last = Nanos(batch[len(batch)-1].Due), ids[len(ids)-1]
	}
}

// listNames lists records by name. It has no index: a folder has thousands of files, not millions.
func (s *Store) listNames(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	const byName = `SELECT id, rev, doc FROM records WHERE doc ->> '$.name' >= ?1 AND (?2 = '' OR doc ->> '$.name' <= ?2)
		AND (doc ->> '$.name', id) > (?3, ?4) ORDER BY doc ->> '$.name', id LIMIT ?5`
	for name, last := "", ""; ; {
		ids, batch, err := readRecords(ctx, s.read, byName, q.Names.From, q.Names.To, name, last, listBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := each(batch, q, fn); err != nil {
			return err
		}
		name, last = batch[len(batch)-1].Name, ids[len(ids)-1]
	}
}

// each calls fn for the records of a batch that q selects.
func each(batch []*document.Stored, q document.Query, fn func(*document.Stored) error) error {
	for _, r := range batch {
		if q.Warning != "" && !slices.Contains(r.Warnings, q.Warning) || q.Model != "" && r.Model != q.Model ||
			r.Finished.Before(q.FinishedSince) {
			continue
		}
		r.Text = ""
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// Heads implements [document.Lister]. It is one query, and texts are not decoded.
func (s *Store) Heads(ctx context.Context, ids []string) ([]*document.Stored, error) {
	const byIDs = `SELECT id, rev, json_remove(doc, '$.text') FROM records
		WHERE id IN (SELECT value FROM json_each(?))`
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	got, records, err := readRecords(ctx, s.read, byIDs, string(list))
	if err != nil {
		return nil, err
	}
	byID := map[string]*document.Stored{}
	for i, id := range got {
		byID[id] = records[i]
	}
	found := make([]*document.Stored, len(ids))
	for i, id := range ids {
		found[i] = byID[id]
	}
	return found, nil
}

// Tally implements [document.Lister].
func (s *Store) Tally(ctx context.Context) (document.Tally, error) {
	const query = `SELECT status, count(*), total(doc ->> '$.pagesDone'), total(doc ->> '$.usage.promptTokens'),
		total(doc ->> '$.usage.completionTokens') FROM records GROUP BY status`
	t := document.Tally{Records: map[document.Status]int64{}}
	err := eachRow(ctx, s.read, func(rows *sql.Rows) error {
		var status string
		var n int64
		var pages, prompt, completion float64
		err := rows.Scan(&status, &n, &pages, &prompt, &completion)
		t.Records[document.Status(status)] = n
		t.Pages += int64(pages)
		t.Usage = t.Usage.Add(document.Usage{PromptTokens: int(prompt), CompletionTokens: int(completion)})
		return err
	}, query)
	return t, err
}

// pollEvery is the maximum delay until a process sees another one's commits.
const pollEvery = 200 * time.Millisecond

// watchBatch is how many records, of up to about a megabyte, Watch reads at once.
const watchBatch = 32

// Watch implements [document.Watcher]. Existing records are in the order of their last commits.
func (s *Store) Watch(ctx context.Context, fn func(id string, r *document.Record) error) error {
	const query = "SELECT id, rev, doc FROM records WHERE rev > ? ORDER BY rev LIMIT ?"
	for seen := int64(0); ; {
		changed := s.woken() // before the query: later commits close it
		ids, batch, err := readRecords(ctx, s.read, query, seen, watchBatch)
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

// wait returns when there may be changes or ctx has ended.
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
