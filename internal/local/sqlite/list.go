package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/bucketocr/bucketocr/internal/document"
)

var _ document.Lister = (*Store)(nil)

// listBatch is how many records List reads at once. A batch is read whole before fn is called, which may write.
const listBatch = 200

// List is [document.Lister].List.
func (s *Store) List(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	const byID = "SELECT id, rev, doc FROM records WHERE id > ?1 AND (?2 = '' OR status = ?2) ORDER BY id LIMIT ?3"
	if !q.DueBy.IsZero() {
		return s.listDue(ctx, q, fn)
	}
	for last := ""; ; {
		ids, batch, err := s.records(ctx, byID, last, string(q.Status), listBatch)
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
		ids, batch, err := s.records(ctx, byDue, Nanos(q.DueBy), due, last, listBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := each(batch, q, fn); err != nil {
			return err
		}
		due, last = Nanos(batch[len(batch)-1].Due), ids[len(ids)-1]
	}
}

// each calls fn for those of a batch that q selects.
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

// Heads is [document.Lister].Heads.
func (s *Store) Heads(ctx context.Context, ids []string) ([]*document.Stored, error) {
	found := make([]*document.Stored, len(ids))
	for i, id := range ids {
		r, err := s.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		if r != nil {
			r.Text = ""
		}
		found[i] = r
	}
	return found, nil
}

// Tally is [document.Lister].Tally.
func (s *Store) Tally(ctx context.Context) (document.Tally, error) {
	const query = `SELECT status, count(*), total(doc ->> '$.pagesDone'), total(doc ->> '$.usage.promptTokens'),
		total(doc ->> '$.usage.completionTokens') FROM records GROUP BY status`
	t := document.Tally{Records: map[document.Status]int64{}}
	err := s.rows(ctx, func(rows *sql.Rows) error {
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
