package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// TestShellWord: the mark that backfill prints is copied into a shell, and the object's owner chose it.
func TestShellWord(t *testing.T) {
	for _, name := range []string{"a b.png", "$(touch pwned)`id`.png", `it's "q" \ .png`, "x\x1b[2J\n\t.png",
		"\u202egnp.exe", "--after", "ü", "!x"} {
		word := shellWord(name)
		if strings.ContainsAny(word, "\x1b\n\t\u202e") {
			t.Errorf("%q reaches the terminal", word)
		}
		bash, err := exec.LookPath("bash")
		if err != nil {
			t.Skip("no bash here")
		}
		if out, err := exec.Command(bash, "-c", "printf %s "+word).Output(); err != nil || string(out) != name {
			t.Errorf("%q became %q, %v", name, out, err)
		}
	}
}

// TestStoppedIsNotDone: whoever ends a command that goes through many objects, it has not done them all.
func TestStoppedIsNotDone(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(signaled{os.Signal(syscall.SIGTERM)})
	if code := fail(ctx, system{}, "backfill", ctx.Err()); code != exitInterrupted {
		t.Errorf("exit %d", code)
	}
}

// TestStatsOfOddDocuments: a failed document without an error, as another program may have written, is counted.
func TestStatsOfOddDocuments(t *testing.T) {
	o := folderOffice(t)
	o.write(o.record("odd.png", document.StatusFailed, func(r *document.Record) { r.Error = nil }))
	o.want(exitGood, []string{"1 no error"}, "stats")
}
