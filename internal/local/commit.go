package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// page is a page document ready to be written.
type page struct {
	generation int64
	number     int
	doc        string
}

// Commit applies the change in one transaction; see [document.Store].
func (s *Store) Commit(ctx context.Context, id string, from *document.Stored, c *document.Change) (*document.Stored, error) {
	if s.write == nil {
		return nil, fmt.Errorf("%w: opened read-only", document.ErrStoreMisconfigured)
	}
	version := int64(0) // of no record
	if from != nil {
		version = from.Version
	}
	now := time.Now()
	r := stamped(c, now)
	doc, err := document.EncodeRecord(r)
	if err != nil {
		return nil, err
	}
	pages, err := encodePages(c.Pages, now)
	if err != nil {
		return nil, err
	}
	rev, err := s.transact(ctx, func(tx *sql.Tx) (int64, error) {
		rev, err := putRecord(ctx, tx, id, version, r, doc)
		if err != nil {
			return 0, err
		}
		if err := dropPages(ctx, tx, id, r.Generation, c.Drop); err != nil {
			return 0, err
		}
		return rev, putPages(ctx, tx, id, pages)
	})
	if err != nil {
		return nil, err
	}
	stored, err := document.DecodeRecord(doc)
	return &document.Stored{Record: stored, Version: rev}, err
}

func encodePages(pages []document.Page, now time.Time) ([]page, error) {
	encoded := make([]page, 0, len(pages))
	for _, p := range pages {
		p.Finished = now
		doc, err := document.EncodePage(p)
		if err != nil {
			return nil, err
		}
		encoded = append(encoded, page{p.Generation, p.Page, string(doc)})
	}
	return encoded, nil
}

// transact runs fn in one transaction that holds the write lock, and wakes the watchers where it commits.
func (s *Store) transact(ctx context.Context, fn func(*sql.Tx) (int64, error)) (rev int64, err error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, classify(ctx, err)
	}
	defer tx.Rollback()
	if rev, err = fn(tx); errors.Is(err, document.ErrConflict) {
		return 0, err
	} else if err != nil {
		return 0, classify(ctx, err)
	}
	err = s.end(tx)
	s.wake() // even where the answer is an error: the commit may have been applied
	if err != nil {
		return 0, fmt.Errorf("%w: %w", document.ErrAnswerLost, classify(ctx, err))
	}
	return rev, nil
}

const (
	insertRecord = `INSERT INTO records (id, rev, status, due, doc)
		VALUES (?1, (SELECT coalesce(max(rev), 0) + 1 FROM records), ?3, ?4, ?5)
		ON CONFLICT (id) DO NOTHING RETURNING rev`
	updateRecord = `UPDATE records
		SET rev = (SELECT max(rev) + 1 FROM records), status = ?3, due = ?4, doc = ?5
		WHERE id = ?1 AND rev = ?2 RETURNING rev`
)

func putRecord(ctx context.Context, tx *sql.Tx, id string, version int64, r *document.Record, doc []byte) (rev int64, err error) {
	var due sql.NullInt64
	if !r.Due.IsZero() {
		due = sql.NullInt64{Int64: nanos(r.Due), Valid: true}
	}
	statement := updateRecord
	if version == 0 {
		statement = insertRecord
	}
	err = tx.QueryRowContext(ctx, statement, id, version, r.Status, due, string(doc)).Scan(&rev)
	if errors.Is(err, sql.ErrNoRows) {
		err = document.ErrConflict
	}
	return rev, err
}

func putPages(ctx context.Context, tx *sql.Tx, id string, pages []page) error {
	for _, p := range pages {
		_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO pages (id, generation, page, doc) VALUES (?, ?, ?, ?)",
			id, p.generation, p.number, p.doc)
		if err != nil {
			return err
		}
	}
	return nil
}

func dropPages(ctx context.Context, tx *sql.Tx, id string, generation int64, numbers []int) error {
	for _, n := range numbers {
		_, err := tx.ExecContext(ctx, "DELETE FROM pages WHERE id = ? AND generation = ? AND page = ?", id, generation, n)
		if err != nil {
			return err
		}
	}
	return nil
}

// ClearPages is [document.Store].ClearPages. The record is looked at in the statement that deletes.
func (s *Store) ClearPages(ctx context.Context, id string, keep int64) error {
	if s.write == nil {
		return fmt.Errorf("%w: opened read-only", document.ErrStoreMisconfigured)
	}
	_, err := s.write.ExecContext(ctx, `DELETE FROM pages WHERE id = ?1 AND (?2 = 0 OR generation != ?2)
		AND generation NOT IN (SELECT doc ->> '$.generation' FROM records WHERE id = ?1 AND status != 'deleted')`, id, keep)
	return classify(ctx, err)
}

// nanos is the Unix time in ns, the nearest that an int64 holds.
func nanos(t time.Time) int64 {
	switch {
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	}
	return t.UnixNano()
}
