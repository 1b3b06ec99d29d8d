package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Names in the data directory. What else lies there is neither read nor written, but what [Bucket.Put] receives.
const (
	lockName     = "lock"
	databaseName = "records.db"
	textsName    = "text"
	endpointName = "endpoint"
	// LogName and OCRLogName are for the logs of the process that works in the directory, and of its OCR service.
	LogName    = "log.jsonl"
	OCRLogName = "localocr.log"
)

// dataFiles are the regular files in the data directory: all that this process, or SQLite for it, opens there.
var dataFiles = [...]string{
	lockName, databaseName, databaseName + "-wal", databaseName + "-shm", databaseName + "-journal", endpointName,
	LogName, OCRLogName,
}

// Data is the data directory of a bucket's directory, DIR/.bucketocr. It has passed the checks of [Dir.OpenData] and is
// held open, so that what it is cannot be changed by changing the path. All methods may be called concurrently.
type Data struct {
	dir  Dir
	root *os.Root
}

// OpenData opens the data directory; where there is none, that is [fs.ErrNotExist]. A folder that came from elsewhere
// may bring a data directory along, so one that this user's bucketocr cannot have left like that is refused: a link,
// what is no directory, one that belongs to or can be written by others, and one in which a file of ours is a link, has
// a second name, is not a regular file, or belongs to or can be written by others. The error says what to do. The
// caller closes it.
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

// check checks that the directory that was opened is the one that was looked at, and what lies in it.
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

// checkEntry checks what has a name in the data directory, if there is something.
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

// checkOwner refuses what is another user's, or can be changed by others who get there: through a directory of mode
// dir.
func (d Dir) checkOwner(path string, info fs.FileInfo, dir fs.FileMode) error {
	if uid, ok := owner(info); ok && uid != os.Geteuid() {
		return d.refuse(path, fmt.Sprintf("belongs to another user (uid %d)", uid))
	}
	const write, search = 0o022, 0o011
	if ownersCount && info.Mode().Perm()&write&((dir&search)<<1) != 0 {
		return d.refuse(path, "can be written by other users (chmod go-w takes that from them)")
	}
	return nil
}

// refuse says what to do about something that bucketocr neither makes nor uses.
func (d Dir) refuse(path, why string) error {
	return fmt.Errorf("%s %s, so it is not used: if this folder came from elsewhere, delete %s and start again (every image is read again then)",
		path, why, d.data())
}

// kind names what is not a file or directory of ours.
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

// path returns the path of what has a name in the data directory.
func (h *Data) path(name string) string { return filepath.Join(h.dir.data(), name) }

// Close closes the data directory. It may be called twice.
func (h *Data) Close() error { return h.root.Close() }

// Database returns the path of the database. SQLite opens it, and the files beside it, by their paths: they have been
// checked by then, and only who may write to the bucket's directory itself could put another data directory there in
// between.
func (h *Data) Database() string { return h.path(databaseName) }

// Texts returns the path of the folder of texts.
func (h *Data) Texts() string { return h.path(textsName) }

// Path returns the path of one of the logs.
func (h *Data) Path(log string) string { return h.path(log) }

// Create makes a log's file, in place of one of an earlier run.
func (h *Data) Create(log string) (*os.File, error) { return h.replace(log, 0o644) }

// replace makes a new file in place of what has its name, which is removed and never written to.
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

// remove removes a file, if it is there.
func (h *Data) remove(name string) error {
	if err := h.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder %s cannot be written: %w", h.dir.data(), err)
	}
	return nil
}
