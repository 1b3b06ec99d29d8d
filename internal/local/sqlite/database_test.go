package sqlite

import (
	"context"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	update := func(s *Store, r document.Record) error {
		_, err := document.Update(t.Context(), s, "id", document.Unread(),
			func(*document.Record) (*document.Change, error) {
				return &document.Change{Record: &r}, nil
			})
		return err
	}
	late := retrying(s, "late")
	late.Finished = time.Date(12024, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := update(s, late); !errors.Is(err, document.ErrStoreRejected) {
		t.Errorf("a time that JSON has no form for: %v", err)
	}
	if _, err := s.write.Exec("PRAGMA max_page_count = 1"); err != nil { // no page more than there are
		t.Fatal(err)
	}
	big := retrying(s, "big")
	big.Text = strings.Repeat("x", 100_000)
	if err := update(s, big); !errors.Is(err, document.ErrStoreUnavailable) || !strings.Contains(err.Error(), "full") {
		t.Errorf("a full disk: %v", err)
	}
	if _, err := s.write.Exec("PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	if err := update(s, retrying(s, "ro")); !errors.Is(err, document.ErrStoreMisconfigured) {
		t.Errorf("a database that may not be written: %v", err)
	}
	shut(t, s)
	if err := update(s, retrying(s, "closed")); !errors.Is(err, document.ErrStoreUnavailable) {
		t.Errorf("a closed store: %v", err)
	}
}

func TestEndedContextIsTheReason(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := classify(ctx, errors.New("interrupted (9)")); err != context.Canceled {
		t.Errorf("an interrupted statement: %v", err)
	}
	if err := classify(ctx, nil); err != nil {
		t.Errorf("a success: %v", err)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	var journal, synchronous, timeout string
	err := s.write.QueryRow("SELECT journal_mode, synchronous, timeout FROM pragma_journal_mode, pragma_synchronous, pragma_busy_timeout").
		Scan(&journal, &synchronous, &timeout)
	if got := []string{journal, synchronous, timeout}; err != nil ||
		!reflect.DeepEqual(got, []string{"wal", "1", "10000"}) {
		t.Errorf("journal, synchronous, busy time-out are %v, %v", got, err)
	}
}

func TestOpenDamaged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, s *Store, path string)
		words []string
	}{
		{"no database", func(t *testing.T, s *Store, path string) {
			shut(t, s)
			writeFile(t, path, strings.Repeat("These are my notes. ", 500))
		}, []string{"damaged or not bucketocr's"}},
		{"header cut off", func(t *testing.T, s *Store, path string) {
			shut(t, s)
			if err := os.Truncate(path, 50); err != nil {
				t.Fatal(err)
			}
		}, []string{"damaged or not bucketocr's"}},
		{"second half zeroed", func(t *testing.T, s *Store, path string) {
			shut(t, s)
			zeroFrom(t, path, 4096)
		}, []string{"damaged or not bucketocr's"}},
		{"another program's", func(t *testing.T, s *Store, path string) {
			execSQL(t, s, "PRAGMA application_id = 77")
		}, []string{"made by another program"}},
		{"older than any", func(t *testing.T, s *Store, path string) {
			execSQL(t, s, "PRAGMA user_version = 0")
		}, []string{"schema version 0"}},
		{"newer", func(t *testing.T, s *Store, path string) {
			execSQL(t, s, "PRAGMA user_version = 99")
		}, []string{"made by a newer bucketocr"}},
		{"without a bucket", func(t *testing.T, s *Store, path string) {
			execSQL(t, s, "DELETE FROM bucket")
		}, []string{"damaged"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := databaseIn(dir)
			s := open(t, dir)
			put(t, s, retrying(s, "a"))
			test.spoil(t, s, path)
			shut(t, s)
			err := useFiles(path)
			wantError(t, err, append(test.words, path, "move that file away")...)
			if !errors.Is(err, document.ErrStoreMisconfigured) {
				t.Errorf("class of %v", err)
			}
			_, err = OpenBeside(path)
			wantError(t, err, test.words...)
			if err := os.Rename(path, path+".old"); err != nil { // what the sentence says helps
				t.Fatal(err)
			}
			open(t, dir)
		})
	}
}

func TestDamageUnderWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	for i := range 200 {
		r := retrying(s, strings.Repeat("n", i+1))
		r.Text = strings.Repeat("x", 3000)
		put(t, s, r)
	}
	shut(t, s)
	s = open(t, dir)
	zeroFrom(t, databaseIn(dir), 40*4096)
	_, err := s.Due(t.Context(), time.Time{}, time.Now(), 1000)
	if !errors.Is(err, document.ErrStoreMisconfigured) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("reading what is damaged: %v", err)
	}
	execSQL(t, s, "UPDATE records SET doc = '{broken' WHERE rev = 1")
	if _, err := s.Get(t.Context(), document.Object{Bucket: s.Bucket(), Name: "n"}.ID()); !errors.Is(err,
		document.ErrStoreMisconfigured) {
		t.Errorf("a record that is not a record: %v", err)
	}
}

// useFiles opens the database as a bucket does, which reads its files at once.
func useFiles(path string) error {
	s, err := Open(path, "inbox")
	if err != nil {
		return err
	}
	_, err = s.Files().All(context.Background())
	return errors.Join(err, s.Close())
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}

func execSQL(t *testing.T, s *Store, statement string) {
	t.Helper()
	if _, err := s.write.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func zeroFrom(t *testing.T, path string, offset int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil || len(data) <= offset {
		t.Fatalf("%d bytes in %s, %v", len(data), path, err)
	}
	clear(data[offset:])
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}
