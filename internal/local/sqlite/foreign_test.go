package sqlite

import (
	"database/sql"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// rollbackJournal returns the journal of a transaction that began with a database of that many pages, and changed none.
func rollbackJournal(pages uint32) []byte {
	const records, nonce, sector, pageSize = 0, 1, 512, 4096
	b := []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}
	for _, field := range []uint32{records, nonce, pages, sector, pageSize} {
		b = binary.BigEndian.AppendUint32(b, field)
	}
	return append(b, make([]byte, 2*sector-len(b))...)
}

// TestForeignJournalIsNotPlayedBack: however the database is opened. Playing it back would leave only the first page.
func TestForeignJournalIsNotPlayedBack(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "records.db")
	s, err := Open(path, "b")
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, document.Record{Bucket: "b", Name: "a", Generation: 7, Status: document.StatusDone, Text: "text"})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+journal, rollbackJournal(1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = OpenBeside(path)
	wantError(t, err, "there is a rollback journal beside it", "run bucketocr up")
	if s, err = Open(path, "b"); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, err := s.Get(t.Context(), document.Object{Bucket: "b", Name: "a"}.ID()); err != nil || r.Text != "text" {
		t.Errorf("%v, %v", r, err)
	}
}

// TestForeignProgramsAreRefused: a database may have data, but nothing that runs when data is read or written.
func TestForeignProgramsAreRefused(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"trigger": "CREATE TRIGGER t AFTER UPDATE ON records BEGIN DELETE FROM pages; END",
		"virtual": "CREATE VIRTUAL TABLE v USING fts5(x)",
		"index":   "DROP TABLE texts; CREATE VIRTUAL TABLE texts USING fts5(text, content='records')",
		"view":    "ALTER TABLE pages RENAME TO p; CREATE VIEW pages AS SELECT * FROM p",
	} {
		path := filepath.Join(t.TempDir(), "records.db")
		s, err := Open(path, "b")
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for _, open := range []func() (*Store, error){
			func() (*Store, error) { return Open(path, "b") }, func() (*Store, error) { return OpenBeside(path) }} {
			s, err := open()
			if err == nil {
				s.Close()
				t.Errorf("%s: taken", name)
				continue
			}
			wantError(t, err, "triggers, views or virtual tables", "move that file away")
		}
	}
}
