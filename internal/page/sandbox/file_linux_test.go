package sandbox

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestChildKeepsNoFile: a call's file is mapped until its answer is sent, and its descriptor is closed.
func TestChildKeepsNoFile(t *testing.T) {
	t.Parallel()
	c, f := child(t), fileOf(t, make([]byte, 1<<20))
	holds := func(f *File) []int64 {
		t.Helper()
		m, _, err := c.Call(t.Context(), Message{Op: "holdings", File: f})
		if err != nil {
			t.Fatal(err)
		}
		return m.Args
	}
	before := holds(nil)
	for range 50 {
		if got := holds(f); got[0] != before[0]+1 {
			t.Fatalf("during a call: %d files mapped", got[0])
		}
		if _, _, err := c.Call(t.Context(), Message{Op: "other", File: f}); err == nil {
			t.Fatal("no error")
		}
	}
	if after := holds(nil); !slices.Equal(after, before) {
		t.Errorf("files mapped and descriptors: %d, before %d", after, before)
	}
}

// TestFileCannotBeChanged: a decoder that was taken over could otherwise change, or cut, what its parent reads.
func TestFileCannotBeChanged(t *testing.T) {
	t.Parallel()
	f := fileOf(t, []byte("abc"))
	_, written := f.memory.WriteAt([]byte("x"), 0)
	for what, err := range map[string]error{"written": written, "cut": f.memory.Truncate(1),
		"made longer": f.memory.Truncate(9)} {
		if !errors.Is(err, unix.EPERM) {
			t.Errorf("it can be %s: %v", what, err)
		}
	}
	if _, err := unix.Mmap(int(f.memory.Fd()), 0, 3, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
		t.Error("it can be mapped for writing")
	}
}
