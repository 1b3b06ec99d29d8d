package main

import (
	"encoding/base64"
	"errors"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bucketocr/bucketocr/internal/document"
)

// inItsOwnProcess runs the test in another process, in which nothing else writes files, and reports whether this is
// that process. In this one go test itself may write its log at any time.
func inItsOwnProcess(t *testing.T) bool {
	t.Helper()
	const name = "BUCKETOCR_TEST_ALONE"
	if os.Getenv(name) == t.Name() {
		return true
	}
	alone := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	alone.Env = append(os.Environ(), name+"="+t.Name())
	if out, err := alone.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// onAFullDisk calls f while no file of this process can grow beyond a few hundred bytes, until f calls makeRoom.
func onAFullDisk(t *testing.T, f func(makeRoom func())) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 500, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	makeRoom := func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
			t.Error(err)
		}
	}
	defer makeRoom()
	f(makeRoom)
}

// TestExportOnAFullDisk: a text that was not written to its end is not there, neither for who looks for it nor for the
// next run, which writes it whole; and nothing is left over.
func TestExportOnAFullDisk(t *testing.T) {
	if !inItsOwnProcess(t) {
		return
	}
	o := folderOffice(t)
	noise := make([]byte, 50_000)
	for i, n := 0, uint32(1); i < len(noise); i++ {
		n = n*1664525 + 1013904223
		noise[i] = byte(n >> 24)
	}
	text := base64.StdEncoding.EncodeToString(noise) + "\n" // what an archive cannot make small
	long := o.write(o.record("in/long.png", document.StatusDone, func(r *document.Record) { r.Text = text }))
	next := o.write(o.record("next.png", document.StatusDone, func(r *document.Record) { r.Text = "next" }))
	for name, read := range map[string]func(t *testing.T, path string) map[string]string{
		"tree": tree, "texts.zip": archive, "texts.jsonl": o.lines} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			var added, closed error
			onAFullDisk(t, func(makeRoom func()) {
				out, err := openSink(system{}, path)
				if err != nil {
					t.Error(err)
					return
				}
				added = out.add("in/long.png.md", long.Record, text)
				if name == "texts.jsonl" {
					makeRoom()
					if err := out.add("next.png.md", next.Record, "next"); err == nil {
						t.Error("a line was added to one that is cut off")
					}
				}
				closed = out.close()
			})
			if !errors.Is(errors.Join(added, closed), unix.EFBIG) {
				t.Errorf("add: %v, close: %v", added, closed)
			}
			if left := tree(t, filepath.Dir(path)); len(left) > 0 && name != "texts.jsonl" {
				t.Errorf("left over: %q", slices.Sorted(maps.Keys(left)))
			}
			o.want(exitGood, []string{"2 documents written, 0 already up to date"}, "export", path)
			want := map[string]string{"in/long.png.md": text, "next.png.md": "next\n"}
			if got := read(t, path); !maps.Equal(got, want) {
				t.Errorf("%d texts, the long one with %d bytes", len(got), len(got["in/long.png.md"]))
			}
		})
	}
}
