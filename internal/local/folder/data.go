package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Names in the data directory. Other files there are neither read nor written, except those that [Bucket.Put] receives.
const (
	lockName     = "lock"
	databaseName = "records.db"
	textsName    = "text"
	endpointName = "endpoint"
	// LogName and OCRLogName are for the logs of the process that works in the directory, and of its OCR service.
	LogName    = "log.jsonl"
	OCRLogName = "localocr.log"
)

// dataFiles are all regular files that this process, or SQLite for it, opens in the data directory.
var dataFiles = [...]string{
	lockName, databaseName, databaseName + "-wal", databaseName + "-shm", databaseName + "-journal", endpointName,
	LogName, OCRLogName,
}

// Data is the data directory of a bucket's directory, DIR/.bucketocr. It has passed the checks of [Dir.OpenData] and is
// held open, so that replacing the directory at its path has no effect. All methods may be called concurrently.
type Data struct {
	dir  Dir
	root *os.Root
}

// OpenData opens the data directory; if there is none, the error is [fs.ErrNotExist]. A folder from elsewhere may
// contain a data directory, so OpenData refuses one that this user's bucketocr cannot have made: a link or anything
// else that is not a directory, one that belongs to or is writable by others, and one in which a file of ours is a
// link, has a second name, is not a regular file, or belongs to or is writable by others. The error says what to do.
// The caller must close the result.
func (d Dir) OpenData() (*Data, error) {
	found, err := os.Lstat(d.data())
	if err != nil {
		return nil, fmt.Errorf("folder %s cannot be used: %w", d.data(), err)
	}
	if err := d.checkData(found); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(d.data())
	if err != nil {
		return nil, fmt.Errorf("folder %s cannot be used: %w", d.data(), err)
	}
	h := &Data{d, root}
	if err := h.check(found); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return h, nil
}

// checkData checks the data directory itself.
func (d Dir) checkData(found fs.FileInfo) error {
	if !found.IsDir() {
		return d.refuse(d.data(), "is "+kind(found)+" instead of a directory")
	}
	return d.checkOwner(d.data(), found, 0o777)
}

// check checks that the opened directory is the one that was inspected, and its entries.
func (h *Data) check(found fs.FileInfo) error {
	opened, err := h.root.Stat(".")
	if err != nil {
		return fmt.Errorf("folder %s cannot be used: %w", h.dir.data(), err)
	}
	if !os.SameFile(found, opened) {
		return h.dir.refuse(h.dir.data(), "was replaced while it was opened")
	}
	for _, name := range dataFiles {
		if err := h.checkEntry(name, fs.FileMode.IsRegular, "file", opened); err != nil {
			return err
		}
	}
	return h.checkEntry(textsName, fs.FileMode.IsDir, "directory", opened)
}

// checkEntry checks the entry of a name in the data directory, if it exists.
func (h *Data) checkEntry(name string, wanted func(fs.FileMode) bool, what string, data fs.FileInfo) error {
	path := h.path(name)
	info, err := h.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("folder %s cannot be used: %w", h.dir.data(), err)
	case !wanted(info.Mode()):
		return h.dir.refuse(path, "is "+kind(info)+" instead of a "+what)
	case info.Mode().IsRegular() && links(info) > 1:
		return h.dir.refuse(path, "has a second name somewhere (a hard link)")
	}
	return h.dir.checkOwner(path, info, data.Mode().Perm())
}

// checkOwner refuses a file that belongs to another user, or that others can change if they can enter its directory,
// which has mode dir.
func (d Dir) checkOwner(path string, info fs.FileInfo, dir fs.FileMode) error {
	if uid, ok := owner(info); ok && uid != os.Geteuid() {
		return d.refuse(path, fmt.Sprintf("belongs to another user (uid %d)", uid))
	}
	const write, search = 0o022, 0o011
	if ownersCount && info.Mode().Perm()&write&((dir&search)<<1) != 0 && d.keepsModes() {
		return d.refuse(path, "can be written by other users (chmod go-w prevents that)")
	}
	return nil
}

// keepsModes reports whether the file system keeps the modes of files. FAT, and Windows' drives in WSL, show the same
// mode for all of them, which says nothing about who may write.
func (d Dir) keepsModes() bool {
	probe, err := os.CreateTemp(d.data(), "mode-") // for the owner alone
	if err != nil {
		return true
	}
	defer os.Remove(probe.Name())
	defer probe.Close()
	info, err := probe.Stat()
	return err != nil || info.Mode().Perm()&0o077 == 0
}

// refuse returns an error that says what to do about a file that bucketocr would not have made.
func (d Dir) refuse(path, why string) error {
	return fmt.Errorf("%s %s, so it is not used: if this folder came from elsewhere, delete %s and start again (every image is read again then)",
		path, why, d.data())
}

// kind names the type of a file for an error.
func kind(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode.IsDir():
		return "a directory"
	case mode.IsRegular():
		return "a file"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	}
	return "something else"
}

// path returns the path of a name in the data directory.
func (h *Data) path(name string) string { return filepath.Join(h.dir.data(), name) }

// Close closes the data directory. It may be repeated.
func (h *Data) Close() error { return h.root.Close() }

// Database returns the path of the database. SQLite opens it, and the files beside it, by path: they have been checked
// by then, and only users who can write to the bucket's directory itself could replace the data directory in between.
func (h *Data) Database() string { return h.path(databaseName) }

// Texts returns the path of the folder of texts.
func (h *Data) Texts() string { return h.path(textsName) }

// Path returns the path of one of the logs.
func (h *Data) Path(log string) string { return h.path(log) }

// Create creates a log file, replacing that of an earlier run.
func (h *Data) Create(log string) (*os.File, error) { return h.replace(log, 0o644) }

// replace creates a new file. An existing file of its name is removed and never written to.
func (h *Data) replace(name string, perm fs.FileMode) (*os.File, error) {
	if err := h.remove(name); err != nil {
		return nil, err
	}
	file, err := h.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return nil, fmt.Errorf("folder %s cannot be written: %w", h.dir.data(), err)
	}
	return file, nil
}

// remove removes a file, if it exists.
func (h *Data) remove(name string) error {
	if err := h.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder %s cannot be written: %w", h.dir.data(), err)
	}
	return nil
}
