package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/bucketocr/bucketocr/internal/document"
)

// unusable returns the error for a database that cannot be opened.
func unusable(path string, err error) error {
	err = classify(context.Background(), err)
	if errors.Is(err, document.ErrStoreMisconfigured) {
		return fmt.Errorf("records in %s cannot be used: %w (to start over, move that file away; every image is read again then)",
			path, err)
	}
	return fmt.Errorf("records in %s cannot be opened: %w", path, err)
}

// damaged returns the error for a database that bucketocr cannot have written.
func damaged(cause error) error {
	return fmt.Errorf("%w: the database is damaged or not bucketocr's: %w", document.ErrStoreMisconfigured, cause)
}

// classify wraps a database error in the matching error of package document. If ctx has ended, that is the error.
func classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, known := range []error{document.ErrStoreUnavailable, document.ErrStoreMisconfigured,
		document.ErrStoreRejected} {
		if errors.Is(err, known) {
			return err
		}
	}
	var failed *driver.Error
	if !errors.As(err, &failed) {
		return fmt.Errorf("%w: %w", document.ErrStoreUnavailable, err)
	}
	switch failed.Code() & 0xff { // the rest of the code is detail
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA:
		return damaged(err)
	case sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH:
		return fmt.Errorf("%w: %w", document.ErrStoreMisconfigured, err)
	case sqlite3.SQLITE_TOOBIG:
		return fmt.Errorf("%w: %w", document.ErrStoreRejected, err)
	}
	return fmt.Errorf("%w: %w", document.ErrStoreUnavailable, err) // busy, disk full, I/O error
}
