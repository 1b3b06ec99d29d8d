package local

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// watchBatch is how many records Watch reads at once: a record may be about a megabyte.
const watchBatch = 32

// Get is [document.Store].Get.
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
	return &document.Stored{Record: r, Version: rev}, nil
}

// Pages is [document.Store].Pages.
func (s *Store) Pages(ctx context.Context, id string, generation int64) ([]document.Page, error) {
	const query = "SELECT doc FROM pages WHERE id = ? AND generation = ? ORDER BY page"
	var pages []document.Page
	err := s.rows(ctx, func(rows *sql.Rows) error {
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

// Due is [document.Store].Due. Records due at the same time come in the order of their ids.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]*document.Stored, error) {
	const query = "SELECT id, rev, doc FROM records WHERE due <= ? ORDER BY due, id LIMIT ?"
	_, due, err := s.list(ctx, query, nanos(now), max(limit, 0))
	return due, err
}

// Watch is [document.Watcher].Watch: the records that there are come in the order of their last commits.
func (s *Store) Watch(ctx context.Context, fn func(id string, r *document.Record) error) error {
	const query = "SELECT id, rev, doc FROM records WHERE rev > ? ORDER BY rev LIMIT ?"
	for seen := int64(0); ; {
		changed := s.woken() // before the query: what it misses wakes us
		ids, batch, err := s.list(ctx, query, seen, watchBatch)
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

// list reads records by a query for id, rev and doc.
func (s *Store) list(ctx context.Context, query string, args ...any) (ids []string, records []*document.Stored, err error) {
	err = s.rows(ctx, func(rows *sql.Rows) error {
		var id string
		var rev int64
		var doc []byte
		if err := rows.Scan(&id, &rev, &doc); err != nil {
			return err
		}
		r, err := document.DecodeRecord(doc)
		if err != nil {
			return damaged(err)
		}
		ids = append(ids, id)
		records = append(records, &document.Stored{Record: r, Version: rev})
		return nil
	}, query, args...)
	if err != nil {
		return nil, nil, err
	}
	return ids, records, nil
}

// rows calls fn for each row of the query's answer.
func (s *Store) rows(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return classify(ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return classify(ctx, err)
		}
	}
	return classify(ctx, rows.Err())
}
