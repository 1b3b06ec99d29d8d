package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/pipeline"
)

// childRole and childDir tell a copy of the test program that it is a child, and what to do where.
const (
	childRole = "BUCKETOCR_TEST_CHILD"
	childDir  = "BUCKETOCR_TEST_DIR"
)

func TestMain(m *testing.M) {
	role, ok := map[string]func(dir string) error{
		"hold": hold, "write": writeForEver, "scan": scanAndHold, "watch": watchUntilEnd,
	}[os.Getenv(childRole)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(os.Getenv(childDir)); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// hold takes the directory until the process is killed or its input ends.
func hold(dir string) error {
	w, err := Open(dir)
	if err != nil {
		return err
	}
	fmt.Println("holds")
	io.Copy(io.Discard, os.Stdin)
	return w.Close()
}

// writeForEver commits, and says so after each commit.
func writeForEver(dir string) error {
	w, err := Open(dir)
	if err != nil {
		return err
	}
	for n := int64(1); ; n++ {
		r := pipeline.Record{Bucket: w.Bucket(), Name: fmt.Sprint(n % 10), Generation: n, Status: pipeline.Processing, Text: strings.Repeat("x", 5000)}
		p := pipeline.PageRecord{Generation: n, Page: 1, Text: fmt.Sprint(n)}
		_, err := w.Update(context.Background(), r.Object().ID(), nil, func(*pipeline.Record) (*pipeline.Change, error) {
			return &pipeline.Change{Record: &r, Pages: []pipeline.PageRecord{p}}, nil
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
	c, err := w.Scan(context.Background())
	if err != nil {
		return err
	}
	if err := w.Delivered(context.Background(), c.Events[0]); err != nil {
		return err
	}
	for _, ev := range c.Events[1:] {
		fmt.Println(ev.Name, ev.ID, ev.Generation, ev.Time.UnixNano())
	}
	fmt.Println("holds")
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// watchUntilEnd looks on until every record is done.
func watchUntilEnd(dir string) error {
	s, err := OpenReadOnly(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	fmt.Println("watches", s.Bucket())
	open := map[string]bool{}
	return s.Watch(ctx, func(id string, r *pipeline.Record) error {
		if open[id] = !r.Status.Ended(); r.Name == "end" {
			cancel()
			for id, o := range open {
				if o {
					return fmt.Errorf("the last state of %s never came", id)
				}
			}
			fmt.Println("saw", len(open))
		}
		return nil
	})
}

// child is another process of this program.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	stop  io.Closer
}

func startChild(t *testing.T, role, dir string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childRole+"="+role, childDir+"="+dir)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	c := &child{t, cmd, bufio.NewScanner(out), in}
	t.Cleanup(c.kill)
	return c
}

// line is the child's next line.
func (c *child) line() string {
	c.t.Helper()
	if !c.lines.Scan() {
		c.t.Fatalf("the child has ended: %v", c.lines.Err())
	}
	if strings.HasPrefix(c.lines.Text(), "error:") {
		c.t.Fatal("child: " + c.lines.Text())
	}
	return c.lines.Text()
}

// until reads the child's lines before the given one.
func (c *child) until(end string) (lines []string) {
	c.t.Helper()
	for l := c.line(); l != end; l = c.line() {
		lines = append(lines, l)
	}
	return lines
}

// kill ends the child as kill -9 does. It may be repeated.
func (c *child) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

func TestLockOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, "hold", dir)
	c.until("holds")
	_, err := Open(dir)
	wantError(t, err, "another bucketocr up works in "+dir, fmt.Sprintf("(pid %d)", c.cmd.Process.Pid))
	c.kill()
	closeWorld(t, openWorld(t, dir)) // the lock died with its holder

	c = startChild(t, "hold", dir)
	c.until("holds")
	c.stop.Close()
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("the child's Close: %v", err)
	}
	openWorld(t, dir)
}

// What a killed process had committed stands, with its pages; its lock and its leases do not.
func TestKilledWhileWriting(t *testing.T) {
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

		if round == 1 { // also when the first to look may not repair
			s, err := OpenReadOnly(dir)
			if err != nil {
				t.Fatal(err)
			}
			checkCommitted(t, s, n)
			s.Close()
		}
		w := openWorld(t, dir)
		checkCommitted(t, w.Store, n)
		if orphans, err := w.Orphans(t.Context()); orphans != 10 || err != nil {
			t.Errorf("%d orphans, %v; want all 10", orphans, err)
		}
		closeWorld(t, w)
	}
}

// checkCommitted checks that the commits up to n stand; later ones may.
func checkCommitted(t *testing.T, s *Store, n int64) {
	t.Helper()
	for i := n - 9; i <= n; i++ {
		r := get(t, s, fmt.Sprint(i%10))
		pages, err := s.Pages(t.Context(), r.Object().ID(), r.Generation)
		if r.Generation < i || err != nil || len(pages) != 1 || pages[0].Text != fmt.Sprint(r.Generation) {
			t.Errorf("record %s: generation %d, pages %v, %v; commit %d was answered", r.Name, r.Generation, pages, err, i)
		}
	}
}

// A process killed between the scan and the claim has its events told again, the same.
func TestKilledBeforeDelivery(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		writeFile(t, filepath.Join(dir, name), "x", long)
	}
	c := startChild(t, "scan", dir)
	told := c.until("holds")
	c.kill()
	changes, err := openWorld(t, dir).Scan(t.Context())
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

// Another process looks on while this one writes, and misses no last state.
func TestReadOnlyBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	w := openWorld(t, dir)
	put(t, w, retrying(w, "before"))
	c := startChild(t, "watch", dir)
	if got := c.line(); got != "watches "+w.Bucket() {
		t.Fatalf("child says %q", got)
	}
	names := []string{"before", "b", "c"}
	for i := range 200 {
		r := retrying(w, names[i%3])
		r.Faults, r.Text = i, strings.Repeat("x", 100*i)
		put(t, w, r)
	}
	for _, name := range append(names, "end") {
		put(t, w, *finished(w, name, "done"))
	}
	if got := c.line(); got != "saw 4" {
		t.Errorf("child says %q", got)
	}
}

func TestOpenReadOnly(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenReadOnly(dir)
	wantError(t, err, "no records in "+dir, "run bucketocr up there first")
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("looking on made %v", entries)
	}
	writeFile(t, filepath.Join(dir, ".bucketocr", "records.db"), "", time.Time{})
	_, err = OpenReadOnly(dir)
	wantError(t, err, "still empty")

	w := openWorld(t, dir)
	stored := put(t, w, retrying(w, "a"))
	path := writeText(t, w, finished(w, "b", "text"))
	for _, running := range []bool{true, false} {
		s, err := OpenReadOnly(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, s, "a"); got.Version != stored.Version || s.TextPath("b") != path || s.Bucket() != w.Bucket() {
			t.Errorf("read-only store shows %v, %s, %s", got, s.TextPath("b"), s.Bucket())
		}
		_, err = s.Update(t.Context(), "id", nil, nil)
		if err2 := s.ClearPages(t.Context(), "id", 0); !errors.Is(err, pipeline.ErrStoreMisconfigured) || !errors.Is(err2, pipeline.ErrStoreMisconfigured) {
			t.Errorf("writing: %v, %v", err, err2)
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		if running {
			closeWorld(t, w)
		}
	}
}
