package wasm

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxLinks bounds the symbolic links on the way to a folder.
const maxLinks = 10

// ours returns an error if another user could have created or could replace the file at an absolute path. Each
// directory on the way, including the ways of links, must belong to this user or root, and others must not be able to
// write to it, unless it is sticky like /tmp, where others cannot rename our files.
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

// oursAlone returns an error if users other than this one and root can write the file.
func oursAlone(path string, info fs.FileInfo) error {
	const othersWrite = 0o022
	if modesCount && info.Mode()&fs.ModeSymlink == 0 && info.Mode()&othersWrite != 0 {
		return fmt.Errorf("%s can be written by other users (chmod go-w prevents that)", path)
	}
	return ownedByUs(path, info)
}

// ownedByUs returns an error if the file belongs to a user other than this one or root.
func ownedByUs(path string, info fs.FileInfo) error {
	if uid, ok := owner(info); ok && uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("%s belongs to another user (uid %d)", path, uid)
	}
	return nil
}
