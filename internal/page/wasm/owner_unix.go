//go:build unix

package wasm

import (
	"io/fs"
	"syscall"
)

// modesCount reports whether file modes and owners determine access.
const modesCount = true

// owner returns the user that a file belongs to.
func owner(info fs.FileInfo) (uid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}
