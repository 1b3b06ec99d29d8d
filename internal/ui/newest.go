package ui

import (
	"context"
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// newest limits a watch to the n records created last (0: all), and passes on nil for one that a newer one displaces.
// A store cannot be relied on to report that, since it may happen between two watches. Open pages follow the same rule,
// so they need not be told.
func newest(n int, watch watchFunc) watchFunc {
	if n == 0 {
		return watch
	}
	kept := map[string]time.Time{} // when they were created
	return func(ctx context.Context, fn func(string, *document.Record) error) error {
		return watch(ctx, func(id string, r *document.Record) error {
			kept[id] = r.Created
			if len(kept) > n {
				last := oldest(kept)
				delete(kept, last)
				if last == id {
					return nil
				}
				if err := fn(last, nil); err != nil {
					return err
				}
			}
			return fn(id, r)
		})
	}
}

// oldest returns the ID that was created first. Of several it is the smallest, as in the queries of Firestore.
func oldest(created map[string]time.Time) (first string) {
	for id, at := range created {
		if c := at.Compare(created[first]); first == "" || c < 0 || c == 0 && id < first {
			first = id
		}
	}
	return first
}

// partial returns the part of the documents listed, in words; empty for all.
func (c *Config) partial() string {
	if c.Newest == 0 {
		return ""
	}
	return fmt.Sprintf("the newest %d", c.Newest)
}
