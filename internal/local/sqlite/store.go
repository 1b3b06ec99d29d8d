package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Store is the records of one bucket: a [document.Store], [document.Watcher] and [document.Lister], with the [Files] in
// the same database. All methods may be called concurrently. Times are kept to the nanosecond and returned in UTC;
// empty slices and maps are returned as nil.
//
// Errors are those of [document.Store]: [document.ErrStoreUnavailable] if the disk is full or fails or the store is
// closed, [document.ErrStoreMisconfigured] if the database is damaged or not writable, [document.ErrStoreRejected] if a
// document is over 1 GB or has a time beyond the year 9999.
type Store struct {
	path   string
	bucket string
	read   *sql.DB
	write  *sql.DB             // one connection
	end    func(*sql.Tx) error // (*sql.Tx).Commit, except in tests

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each commit
}

var (
	_ document.Store   = (*Store)(nil)
	_ document.Watcher = (*Store)(nil)
)

// journal is the suffix of a database's rollback journal. Ours has none: it is in WAL mode, and the journal of a
// process that was killed while it created an empty database is not needed. A journal from elsewhere would be played
// back before the first read: it overwrites or truncates the database, and may name a further file for SQLite to
// remove.
const journal = "-journal"

var errForeignJournal = errors.New(
	"there is a rollback journal beside it, which is not read: run bucketocr up there first, which removes it")

// readers is the number of connections for reading.
const readers = 4

// Open opens the database at path for reading and writing, and creates it if it is missing, for the bucket of the given
// name, which it stores. Only one process may open it this way; see [OpenBeside] for others. The caller must have
// checked that path and the files beside it are its own regular files, or missing. The error says what to do.
func Open(path, bucket string) (*Store, error) {
	s := newStore(path)
	if err := os.Remove(path + journal); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unusable(s.path, err)
	}
	var err error
	if s.write, err = connect(path, "rwc", 1); err != nil {
		return nil, unusable(s.path, err)
	}
	if s.bucket, err = prepare(context.Background(), s.write, bucket); err == nil {
		s.read, err = connect(path, "ro", readers)
	}
	if err != nil {
		s.write.Close()
		return nil, unusable(s.path, err)
	}
	return s, nil
}

// prepare makes sure that the database is bucketocr's and has this schema, to which an empty or older one is converted.
// It returns the bucket's name: the given one for a new database, otherwise the stored one.
func prepare(ctx context.Context, db *sql.DB, bucket string) (string, error) {
	version, err := identify(ctx, db)
	if err != nil {
		return "", err
	}
	// This writes to the file, so it is done only now. The file keeps the mode.
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode = WAL"); err != nil {
		return "", err
	}
	switch {
	case version == empty:
		err = create(ctx, db, bucket)
	case version < searchVersion:
		err = migrate(ctx, db)
	}
	if err != nil {
		return "", err
	}
	return bucketOf(ctx, db)
}

// OpenBeside opens the database at path for reading and changing it beside the process that opened it with [Open], if
// there is one: every change is atomic and conditional on the state that it builds on. Watch sees the other's commits
// at most 200 ms late. It may be called any number of times. If there is no database, the error is [fs.ErrNotExist].
func OpenBeside(path string) (*Store, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s := newStore(path)
	if _, err := os.Lstat(path + journal); !errors.Is(err, fs.ErrNotExist) {
		return nil, unusable(s.path, errForeignJournal)
	}
	var err error
	if s.read, err = connect(path, "ro", readers); err != nil {
		return nil, unusable(s.path, err)
	}
	version, err := identify(context.Background(), s.read)
	if err == nil && version == empty {
		err = errors.New("it is still empty")
	}
	if err == nil {
		s.bucket, err = bucketOf(context.Background(), s.read)
	}
	if err == nil {
		s.write, err = connect(path, "rw", 1)
	}
	if err != nil {
		s.read.Close()
		return nil, unusable(s.path, err)
	}
	return s, nil
}

func newStore(path string) *Store {
	return &Store{path: path, end: (*sql.Tx).Commit, changed: make(chan struct{})}
}

// Bucket returns the name of the bucket that the database was made for.
func (s *Store) Bucket() string { return s.bucket }

// Close closes the store. Calls under way fail with [document.ErrStoreUnavailable]; the context of Watch must be ended
// first. It may be repeated.
func (s *Store) Close() error {
	return errors.Join(s.read.Close(), s.write.Close()) // closing the last connection merges the log into the file
}

// Resume prepares the records of an earlier process for this one, which has locked the folder and has not begun to
// work. It ends their leases, also of documents being read again, so that the sweep takes them over at once and counts
// the interruption. And since nothing was tried meanwhile, it lets the window of all unfinished ones begin again, and
// the count of interruptions with it: strikes stay. It returns the number of leases; after an error it may be
// repeated.
func (s *Store) Resume(ctx context.Context) (leases int, err error) {
	ids, found, err := readRecords(ctx, s.read, "SELECT id, rev, doc FROM records WHERE due IS NOT NULL ORDER BY id")
	if err != nil {
		return 0, err
	}
	for i, id := range ids {
		if _, err := document.Update(ctx, s, id, document.Unread(), resume); err != nil {
			return leases, err
		}
		if found[i].Lease != nil {
			leases++
		}
	}
	return leases, nil
}

func resume(old *document.Record) (*document.Change, error) {
	if old == nil || !old.Open() {
		return nil, nil
	}
	next, now := *old, time.Now()
	next.WindowStart, next.Interruptions = now, 0
	if old.Lease != nil {
		lease := *old.Lease
		lease.Expires = now
		next.Lease, next.Due = &lease, now
	}
	return &document.Change{Record: &next}, nil
}

// Commit applies the change in one transaction; see [document.Store].
func (s *Store) Commit(ctx context.Context, id string, from *document.Stored, c *document.Change) (*document.Stored,
	error) {
	version := int64(0) // for no record
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
		if err := putPages(ctx, tx, id, pages); err != nil {
			return 0, err
		}
		return rev, indexText(ctx, tx, id, r)
	})
	if err != nil {
		return nil, err
	}
	stored, err := document.DecodeRecord(doc)
	return &document.Stored{Record: stored, Version: rev, ReadAt: now}, err
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

// transact runs fn in one transaction that holds the write lock, and wakes the watchers after a commit.
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
	s.wake() // even after an error: the commit may have been applied
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

func putRecord(ctx context.Context, tx *sql.Tx, id string, version int64, r *document.Record, doc []byte) (rev int64,
	err error) {
	var due sql.NullInt64
	if !r.Due.IsZero() {
		due = sql.NullInt64{Int64: Nanos(r.Due), Valid: true}
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
		_, err := tx.ExecContext(ctx, "DELETE FROM pages WHERE id = ? AND generation = ? AND page = ?", id, generation,
			n)
		if err != nil {
			return err
		}
	}
	return nil
}

// ClearPages implements [document.Store]. The statement that deletes also checks the record.
func (s *Store) ClearPages(ctx context.Context, id string, keep int64) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM pages WHERE id = ?1 AND (?2 = 0 OR generation != ?2)
		AND generation NOT IN (SELECT doc ->> '$.generation' FROM records WHERE id = ?1 AND status != 'deleted')`, id, keep)
	return classify(ctx, err)
}

// page is an encoded page document.
type page struct {
	generation int64
	number     int
	doc        string
}

// stamped returns the change's record as it will be stored.
func stamped(c *document.Change, now time.Time) *document.Record {
	r := *c.Record
	r.Updated = now
	if c.Stamps&document.StampCreated != 0 {
		r.Created = now
	}
	if c.Stamps&document.StampStarted != 0 {
		r.Started = now
	}
	if c.Stamps&document.StampFinished != 0 {
		r.Finished = now
	}
	return &r
}
