package local

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

var _ document.ObjectLister = (*Store)(nil)

// objectBatch is how many objects are read at once.
const objectBatch = 1000

// ListObjects is [document.ObjectLister]: what the last scan of the directory has found there.
func (s *Store) ListObjects(ctx context.Context, l document.Listing, fn func(document.Listed) error) error {
	const query = `SELECT name, generation, mtime, size, noticed FROM objects
		WHERE gone = 0 AND name > ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY name LIMIT ?3`
	if l.Bucket != s.bucket {
		return fmt.Errorf("%w: the bucket of this folder is %s", document.ErrObjectGone, s.bucket)
	}
	for last := l.After; ; {
		batch, err := s.objectRows(ctx, query, last, l.Prefix, objectBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, o := range batch {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := fn(o); err != nil {
				return err
			}
		}
		last = batch[len(batch)-1].Name
	}
}

func (s *Store) objectRows(ctx context.Context, query string, args ...any) ([]document.Listed, error) {
	var all []document.Listed
	err := s.rows(ctx, func(rows *sql.Rows) error {
		var name string
		var o object
		err := rows.Scan(&name, &o.generation, &o.mtime, &o.size, &o.noticed)
		all = append(all, document.Listed{
			Object:     document.Object{Bucket: s.bucket, Name: name, Generation: o.generation},
			Attributes: attributes(name, o),
			Created:    time.Unix(0, o.noticed).UTC(),
		})
		return err
	}, query, args...)
	return all, err
}

// Live is [document.Objects].Live for a process that only looks on: what the last scan of the directory has seen. The error
// wraps [document.ErrObjectGone] where there is none.
func (s *Store) Live(ctx context.Context, bucket, name string) (document.Object, document.Attributes, error) {
	const query = "SELECT name, generation, mtime, size, noticed FROM objects WHERE gone = 0 AND name = ?"
	found, err := s.objectRows(ctx, query, name)
	if err == nil && (len(found) == 0 || bucket != s.bucket) {
		err = gone(name)
	}
	if err != nil {
		return document.Object{}, document.Attributes{}, err
	}
	return found[0].Object, found[0].Attributes, nil
}
