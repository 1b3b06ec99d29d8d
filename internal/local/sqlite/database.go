package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// The header of a bucketocr database: PRAGMA application_id ("bOCR"), and user_version for the schema.
const (
	applicationID = 0x624f4352
	firstVersion  = 1 // the records alone
	searchVersion = 3 // and the full-text index; version 2 did not split Chinese, Japanese and Thai
	schemaVersion = searchVersion
)

var setVersion = fmt.Sprintf("PRAGMA user_version = %d;", schemaVersion)

// The rev of a record is from one counter for all records, in the order of the commits. Rows of records are never
// removed, so the counter is the greatest rev. The document is JSON text with the field names of the stored document.
const schema = `
CREATE TABLE bucket (name TEXT NOT NULL) STRICT;
CREATE TABLE records (
	id     TEXT PRIMARY KEY,
	rev    INTEGER NOT NULL UNIQUE,
	status TEXT NOT NULL,
	due    INTEGER, -- Unix time in ns, absent when ended
	doc    TEXT NOT NULL
) STRICT;
CREATE INDEX records_due ON records (due, id) WHERE due IS NOT NULL;
CREATE TABLE pages (
	id         TEXT NOT NULL,
	generation INTEGER NOT NULL,
	page       INTEGER NOT NULL,
	doc        TEXT NOT NULL,
	PRIMARY KEY (id, generation, page)
) STRICT;
CREATE TABLE objects (
	name       TEXT PRIMARY KEY,
	generation INTEGER NOT NULL, -- the last one, of the file or of its end
	mtime      INTEGER NOT NULL, -- Unix time in ns
	size       INTEGER NOT NULL, -- bytes
	noticed    INTEGER NOT NULL, -- Unix time in ns of the scan that found this state
	gone       INTEGER NOT NULL, -- 1: the file has vanished
	delivered  INTEGER NOT NULL  -- 1: the event of this state was taken over
) STRICT, WITHOUT ROWID;
`

// The full-text index has no texts, only their words. It is written in the transactions of the records, by explicit
// statements: a database with triggers is refused.
const (
	textsTable   = `CREATE VIRTUAL TABLE texts USING fts5(text, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 2")`
	searchSchema = `
CREATE TABLE indexed (
	n    INTEGER PRIMARY KEY, -- of the text in texts
	id   TEXT NOT NULL UNIQUE, -- of the record
	mark BLOB NOT NULL -- of what was indexed
) STRICT;
` + textsTable + `;
`
)

// source returns the database's address for the driver. Readers cannot write. Writers take the write lock when a
// transaction begins, not half-way through. Commits are synced to the disk only at checkpoints (NORMAL): a killed
// process loses nothing, since the operating system has its writes; a power cut may lose the last commits, but never
// their order or the file. As events, records and pages are in one file, that is the same as a crash before those
// commits.
func source(path, mode string) string {
	q := url.Values{
		"mode":          {mode},
		"_busy_timeout": {"10000"},
		"_synchronous":  {"NORMAL"},
		"_txlock":       {"immediate"},
		"_dqs":          {"0"},
		"_defensive":    {"1"},
		"_error_rc":     {"1"},
		"_pragma":       {"trusted_schema(0)", "cell_size_check(1)"}, // the file may be from elsewhere
	}
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a Windows drive
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: q.Encode()}).String()
}

// connect opens at most n connections to the database.
func connect(path, mode string, n int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", source(path, mode))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// create writes the schema, in one transaction.
func create(ctx context.Context, db *sql.DB, bucket string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	header := fmt.Sprintf("PRAGMA application_id = %d;", applicationID)
	if _, err := tx.ExecContext(ctx, header+setVersion+schema+searchSchema); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO bucket (name) VALUES (?)", bucket); err != nil {
		return err
	}
	return tx.Commit()
}

func bucketOf(ctx context.Context, db *sql.DB) (bucket string, err error) {
	err = db.QueryRowContext(ctx, "SELECT name FROM bucket").Scan(&bucket)
	if errors.Is(err, sql.ErrNoRows) {
		err = damaged(err)
	}
	return bucket, err
}

// empty is the version of an empty database.
const empty = 0

// identify refuses a database of another program, and returns the version of its schema. It also refuses anything that
// SQLite would run when a table is read: triggers, views, and virtual tables other than the index.
func identify(ctx context.Context, db *sql.DB) (version int, err error) {
	var application, tables, programs int
	err = db.QueryRowContext(ctx, `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema),
		(SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')
			OR type = 'table' AND (coalesce(rootpage, 0) = 0 OR sql LIKE '%virtual%') AND sql IS NOT ?1)
		FROM pragma_application_id a, pragma_user_version v`, textsTable).Scan(&application, &version, &tables, &programs)
	switch {
	case err != nil:
		return 0, err
	case application == 0 && version == 0 && tables == 0:
		return empty, nil
	case application != applicationID:
		return 0, damaged(errors.New("made by another program"))
	case version > schemaVersion:
		return 0, fmt.Errorf("%w: made by a newer bucketocr, use that one", document.ErrStoreMisconfigured)
	case version < firstVersion:
		return 0, damaged(fmt.Errorf("schema version %d", version))
	case programs > 0:
		return 0, damaged(errors.New("it has triggers, views or virtual tables that bucketocr does not create"))
	}
	return version, nil
}

// readRecords returns the records found by a query, which must select id, rev and doc.
func readRecords(ctx context.Context, db *sql.DB, query string, args ...any) (ids []string, records []*document.Stored,
	err error) {
	err = eachRow(ctx, db, func(rows *sql.Rows) error {
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
		records = append(records, &document.Stored{Record: r, Version: rev, ReadAt: time.Now()})
		return nil
	}, query, args...)
	if err != nil {
		return nil, nil, err
	}
	return ids, records, nil
}

// eachRow calls fn for each row of the query's result.
func eachRow(ctx context.Context, db *sql.DB, fn func(*sql.Rows) error, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
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

// Nanos returns the Unix time in ns as stored in the database: the nearest that an int64 holds.
func Nanos(t time.Time) int64 {
	switch {
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	}
	return t.UnixNano()
}
