package local

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/pipeline"
)

var _ pipeline.ObjectLister = (*Store)(nil)

// objectBatch is how many objects are read at once.
const objectBatch = 1000

// ListObjects is [pipeline.ObjectLister]: what the last scan of the directory has found there.
func (s *Store) ListObjects(ctx context.Context, l pipeline.Listing, fn func(pipeline.Listed) error) error {
	const query = `SELECT name, generation, mtime, size, noticed FROM objects
		WHERE gone = 0 AND name > ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY name LIMIT ?3`
	if l.Bucket != s.bucket {
		return fmt.Errorf("%w: the bucket of this folder is %s", pipeline.ErrObjectGone, s.bucket)
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

func (s *Store) objectRows(ctx context.Context, query string, args ...any) ([]pipeline.Listed, error) {
	var all []pipeline.Listed
	err := s.rows(ctx, func(rows *sql.Rows) error {
		var name string
		var o object
		err := rows.Scan(&name, &o.generation, &o.mtime, &o.size, &o.noticed)
		all = append(all, pipeline.Listed{
			Object:     pipeline.Object{Bucket: s.bucket, Name: name, Generation: o.generation},
			Attributes: attributes(name, o),
			Created:    time.Unix(0, o.noticed).UTC(),
		})
		return err
	}, query, args...)
	return all, err
}

// Live is [pipeline.Objects].Live for a process that only looks on: what the last scan of the directory has seen. The error
// wraps [pipeline.ErrObjectGone] where there is none.
func (s *Store) Live(ctx context.Context, bucket, name string) (pipeline.Object, pipeline.Attributes, error) {
	const query = "SELECT name, generation, mtime, size, noticed FROM objects WHERE gone = 0 AND name = ?"
	found, err := s.objectRows(ctx, query, name)
	if err == nil && (len(found) == 0 || bucket != s.bucket) {
		err = gone(name)
	}
	if err != nil {
		return pipeline.Object{}, pipeline.Attributes{}, err
	}
	return found[0].Object, found[0].Attributes, nil
}
