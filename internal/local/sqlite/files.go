package sqlite

import (
	"context"
	"database/sql"
)

// File is the newest noticed state of a file in the bucket's folder, which may be that it has vanished.
type File struct {
	Generation int64 // the latest one, also of a vanished file
	Modified   int64 // Unix time in ns
	Size       int64 // bytes
	Noticed    int64 // Unix time in ns
	Gone       bool
	Delivered  bool // the event of this state was processed, which may have left its record in another store, or none
}

// Files is the noticed states of the files in the bucket's folder, by name. They are in the database of the records, so
// that an event and its record are kept or lost together.
type Files struct{ store *Store }

// Files returns the files of the store's bucket.
func (s *Store) Files() Files { return Files{s} }

const fileColumns = "name, generation, mtime, size, noticed, gone, delivered"

// All returns all files, including vanished ones. It is for the start: its error says what to do.
func (f Files) All(ctx context.Context) (map[string]File, error) {
	all := map[string]File{}
	err := f.scan(ctx, func(name string, file File) { all[name] = file }, "SELECT "+fileColumns+" FROM objects")
	if err != nil {
		return nil, unusable(f.store.path, err)
	}
	return all, nil
}

// Get returns the state of one file, zero if none was ever noticed.
func (f Files) Get(ctx context.Context, name string) (File, error) {
	var found File
	err := f.scan(ctx, func(_ string, file File) { found = file }, "SELECT "+fileColumns+" FROM objects WHERE name = ?",
		name)
	return found, err
}

// List returns at most limit existing files after a name and with a prefix, in the order of their names.
func (f Files) List(ctx context.Context, after, prefix string, limit int) (names []string, files []File, err error) {
	const query = "SELECT " + fileColumns + ` FROM objects
		WHERE gone = 0 AND name > ?1 AND substr(name, 1, length(?2)) = ?2 ORDER BY name LIMIT ?3`
	err = f.scan(ctx, func(name string, file File) {
		names, files = append(names, name), append(files, file)
	}, query, after, prefix, limit)
	return names, files, err
}

// scan calls take for each file found by a query for fileColumns.
func (f Files) scan(ctx context.Context, take func(name string, file File), query string, args ...any) error {
	return eachRow(ctx, f.store.read, func(rows *sql.Rows) error {
		var name string
		var file File
		err := rows.Scan(&name, &file.Generation, &file.Modified, &file.Size, &file.Noticed, &file.Gone,
			&file.Delivered)
		if err == nil {
			take(name, file)
		}
		return err
	}, query, args...)
}

// Put stores new states, all or none.
func (f Files) Put(ctx context.Context, states map[string]File) error {
	if len(states) == 0 {
		return nil
	}
	tx, err := f.store.write.BeginTx(ctx, nil)
	if err != nil {
		return classify(ctx, err)
	}
	defer tx.Rollback()
	if err := putFiles(ctx, tx, states); err != nil {
		return classify(ctx, err)
	}
	return classify(ctx, tx.Commit())
}

func putFiles(ctx context.Context, tx *sql.Tx, states map[string]File) error {
	put, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO objects ("+fileColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer put.Close()
	for name, s := range states {
		if _, err := put.ExecContext(ctx, name, s.Generation, s.Modified, s.Size, s.Noticed, s.Gone,
			s.Delivered); err != nil {
			return err
		}
	}
	return nil
}

// SetDelivered notes that the event of a file's state was processed. It does nothing if there is a newer state, which
// may have been stored while this waited for the write lock.
func (f Files) SetDelivered(ctx context.Context, name string, state File) error {
	_, err := f.store.write.ExecContext(ctx,
		"UPDATE objects SET delivered = 1 WHERE name = ? AND generation = ? AND gone = ?", name, state.Generation,
		state.Gone)
	return classify(ctx, err)
}
