//go:build unix

package folder

import (
	"syscall"
	"testing"
)

// makePipe makes a named pipe: opening it waits for a writer who never comes.
func makePipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
}
