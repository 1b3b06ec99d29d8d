package local

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
)

// childRole and childDir are the variables that make a copy of the test program a child with a role in a directory.
const (
	childRole = "BUCKETOCR_TEST_CHILD"
	childDir  = "BUCKETOCR_TEST_DIR"
)

func TestMain(m *testing.M) {
	role, ok := map[string]func(dir string) error{
		"hold": hold, "write": writeForEver, "scan": scanAndHold, "watch": watchUntilEnd,
	}[os.Getenv(childRole)]
	if !ok {
		time.Local = time.FixedZone("elsewhere", 5400) // what is stored must not depend on it
		os.Exit(m.Run())
	}
	if err := role(os.Getenv(childDir)); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// hold locks the directory until the process is killed or its input ends.
func hold(dir string) error {
	w, err := Open(dir)
	if err != nil {
		return err
	}
	fmt.Println("holds")
	io.Copy(io.Discard, os.Stdin)
	return w.Close()
}

// writeForEver commits, and prints a line after each commit.
func writeForEver(dir string) error {
	w, err := Open(dir)
	if err != nil {
		return err
	}
	for n := int64(1); ; n++ {
		r := document.Record{Bucket: w.Bucket.Name(), Name: fmt.Sprint(n % 10), Generation: n,
			Status: document.StatusProcessing, Due: time.Now(), Lease: &document.Lease{ID: "dead"},
			Text: strings.Repeat("x", 5000)}
		p := document.Page{Generation: n, Page: 1, Text: fmt.Sprint(n)}
		_, err := document.Update(context.Background(), w.Records, r.Object().ID(), document.Unread(),
			func(*document.Record) (*document.Change, error) {
				return &document.Change{Record: &r, Pages: []document.Page{p}}, nil
			})
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// scanAndHold scans, delivers one event and tells the others.
func scanAndHold(dir string) error {
	w, err := Open(dir)
	if err != nil {
		return err
	}
	c, err := w.Bucket.Scan(context.Background())
	if err != nil {
		return err
	}
	if err := w.Bucket.Delivered(context.Background(), c.Events[0]); err != nil {
		return err
	}
	for _, ev := range c.Events[1:] {
		fmt.Println(ev.Name, ev.ID, ev.Generation, ev.Time.UnixNano())
	}
	fmt.Println("holds")
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// watchUntilEnd watches until every record is done.
func watchUntilEnd(dir string) error {
	s, _, err := OpenBeside(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	fmt.Println("watches", s.Bucket())
	unfinished := map[string]bool{}
	return s.Watch(ctx, func(id string, r *document.Record) error {
		if unfinished[id] = !r.Status.Ended(); r.Name == "end" {
			cancel()
			for id, o := range unfinished {
				if o {
					return fmt.Errorf("the last state of %s never came", id)
				}
			}
			fmt.Println("saw", len(unfinished))
		}
		return nil
	})
}

func TestLockOfAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startChild(t, "hold", dir)
	c.until("holds")
	_, err := Open(dir)
	wantError(t, err, "another bucketocr up works in "+dir, fmt.Sprintf("(pid %d)", c.cmd.Process.Pid))
	c.kill()
	shut(t, open(t, dir)) // the lock died with its holder

	c = startChild(t, "hold", dir)
	c.until("holds")
	c.stop.Close()
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("the child's Close: %v", err)
	}
	open(t, dir)
}

// What a killed process had committed is there, with its pages; its lock and its leases do not.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 3 {
		c := startChild(t, "write", dir)
		last := ""
		for range 100 + 37*round {
			last = c.line()
		}
		c.kill()
		var n int64
		fmt.Sscan(last, &n)

		if round == 1 { // also for who looks on before the folder is opened again
			s, _, err := OpenBeside(dir)
			if err != nil {
				t.Fatal(err)
			}
			checkCommitted(t, s, n)
			s.Close()
		}
		w := open(t, dir)
		checkCommitted(t, w.Records, n)
		if orphans, err := w.Records.Resume(t.Context()); orphans != 10 || err != nil {
			t.Errorf("%d orphans, %v; want all 10", orphans, err)
		}
		shut(t, w)
	}
}

// checkCommitted checks that the commits up to n stand; later ones may.
func checkCommitted(t *testing.T, s *sqlite.Store, n int64) {
	t.Helper()
	for i := n - 9; i <= n; i++ {
		r := get(t, s, fmt.Sprint(i%10))
		pages, err := s.Pages(t.Context(), r.Object().ID(), r.Generation)
		if r.Generation < i || err != nil || len(pages) != 1 || pages[0].Text != fmt.Sprint(r.Generation) {
			t.Errorf("record %s: generation %d, pages %v, %v; commit %d was answered", r.Name, r.Generation, pages, err,
				i)
		}
	}
}

// A process killed between the scan and the claim has its events told again, the same.
func TestKilledBeforeDelivery(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		writeFile(t, filepath.Join(dir, name), "x", long)
	}
	c := startChild(t, "scan", dir)
	told := c.until("holds")
	c.kill()
	changes, err := open(t, dir).Bucket.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var again []string
	for _, ev := range changes.Events {
		again = append(again, fmt.Sprint(ev.Name, " ", ev.ID, " ", ev.Generation, " ", ev.Time.UnixNano()))
	}
	if len(told) != 2 || strings.Join(again, "\n") != strings.Join(told, "\n") {
		t.Errorf("told again\n%s\nwant\n%s", strings.Join(again, "\n"), strings.Join(told, "\n"))
	}
}
