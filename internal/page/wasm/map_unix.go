//go:build unix

package wasm

import "golang.org/x/sys/unix"

func mapped(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
}

func unmapped(b []byte) error {
	if b == nil {
		return nil
	}
	return unix.Munmap(b)
}
