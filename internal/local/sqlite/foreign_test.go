package sqlite

import (
	"database/sql"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// rollbackJournal is a journal of a transaction that changed nothing in a database of that many pages, one of several of which
// super is the common journal. SQLite would play it back, and remove super as the last trace of the transaction.
func rollbackJournal(pages uint32, super string) []byte {
	const sector, pageSize = 512, 4096
	magic := []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7}
	b := slices.Clone(magic)
	for _, field := range []uint32{0, 1, pages, sector, pageSize} { // records, nonce
		b = binary.BigEndian.AppendUint32(b, field)
	}
	b = append(b, make([]byte, sector-len(b))...)
	sum := uint32(0)
	for _, c := range []byte(super) {
		sum += uint32(int32(int8(c)))
	}
	b = binary.BigEndian.AppendUint32(b, 0x40000000/pageSize+1)
	b = append(b, super...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(super)))
	b = binary.BigEndian.AppendUint32(b, sum)
	return append(b, magic...)
}

// TestForeignJournalRemovesNothing: a journal that came with the folder is not played back, by whoever opens the database.
func TestForeignJournalRemovesNothing(t *testing.T) {
	t.Parallel()
	path, victim := filepath.Join(t.TempDir(), "records.db"), filepath.Join(t.TempDir(), "victim")
	s, err := Open(path, "b")
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, document.Record{Bucket: "b", Name: "a", Generation: 7, Status: document.StatusDone, Text: "text"})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{victim: []byte("precious"), path + journal: rollbackJournal(uint32(info.Size()/4096), victim)} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err = OpenBeside(path)
	wantError(t, err, "a rollback journal lies beside it", "run bucketocr up")
	if s, err = Open(path, "b"); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := os.Stat(victim); err != nil {
		t.Errorf("the file that a journal named: %v", err)
	}
	if r, err := s.Get(t.Context(), document.Object{Bucket: "b", Name: "a"}.ID()); err != nil || r.Text != "text" {
		t.Errorf("%v, %v", r, err)
	}
}

// TestForeignProgramsAreRefused: a database brings data, and nothing that runs when that is read or written.
func TestForeignProgramsAreRefused(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"trigger": "CREATE TRIGGER t AFTER UPDATE ON records BEGIN DELETE FROM pages; END",
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
		for _, open := range []func() (*Store, error){func() (*Store, error) { return Open(path, "b") }, func() (*Store, error) { return OpenBeside(path) }} {
			s, err := open()
			if err == nil {
				s.Close()
				t.Errorf("%s: taken", name)
				continue
			}
			wantError(t, err, "triggers or views", "move that file away")
		}
	}
}
