package wasm

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxLinks is more symbolic links than lead to a folder.
const maxLinks = 10

// ours returns an error where another user could have put what is at an absolute path, or could replace it: each
// directory on the way, and on that of each link, belongs to this user or to root and cannot be written by others,
// unless it is one like /tmp, in which what is ours cannot be renamed by others.
func ours(path string, links int) error {
	if parent := filepath.Dir(path); parent != path {
		if err := ours(parent, links); err != nil {
			return err
		}
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		if info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
			return ownedByUs(path, info)
		}
		return oursAlone(path, info)
	}
	if links == 0 {
		return fmt.Errorf("%s: too many links", path)
	}
	if err := ownedByUs(path, info); err != nil {
		return err
	}
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(target) {
		parent, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return err
		}
		target = filepath.Join(parent, target)
	}
	return ours(target, links-1)
}

// oursAlone returns an error for what other users than root can write.
func oursAlone(path string, info fs.FileInfo) error {
	const othersWrite = 0o022
	if modesCount && info.Mode()&fs.ModeSymlink == 0 && info.Mode()&othersWrite != 0 {
		return fmt.Errorf("%s can be written by other users (chmod go-w takes that from them)", path)
	}
	return ownedByUs(path, info)
}

// ownedByUs returns an error for what belongs to another user than root.
func ownedByUs(path string, info fs.FileInfo) error {
	if uid, ok := owner(info); ok && uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (uid %d)", path, uid)
	}
	return nil
}
