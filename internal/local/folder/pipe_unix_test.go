//go:build unix

package folder

import "syscall"

// makePipe makes a named pipe: opening it waits for a writer who never comes.
func makePipe(path string) error { return syscall.Mkfifo(path, 0o666) }
