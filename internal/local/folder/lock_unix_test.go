//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package folder

import (
	"os"
	"syscall"
	"testing"
)

// TestClosedLockIsFree: even while a program that is being started has a copy of the file, between fork and exec.
func TestClosedLockIsFree(t *testing.T) {
	t.Parallel()
	dir := Dir(t.TempDir())
	if err := os.Mkdir(dir.data(), 0o700); err != nil {
		t.Fatal(err)
	}
	data, err := dir.OpenData()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := data.Lock()
	if err != nil {
		t.Fatal(err)
	}
	copied, err := syscall.Dup(int(lock.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(copied)
	for range 2 {
		if err := lock.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	again, err := data.Lock()
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
