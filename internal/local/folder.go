package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// ours is the folder below the bucket's directory that holds everything of ours. It begins with a dot, so no object lies in it.
const ours = ".bucketocr"

// folder is the absolute path of a bucket's directory.
type folder string

func (f folder) ours() string     { return filepath.Join(string(f), ours) }
func (f folder) lock() string     { return filepath.Join(string(f), ours, "lock") }
func (f folder) database() string { return filepath.Join(string(f), ours, "records.db") }
func (f folder) texts() string    { return filepath.Join(string(f), ours, "text") }

// bucket is the name of a bucket that is opened for the first time.
func (f folder) bucket() string { return filepath.Base(string(f)) }

// findFolder makes dir absolute and checks that its base name can be a bucket's.
func findFolder(dir string) (folder, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("folder %s: %w", dir, err)
	}
	f := folder(path)
	if b := f.bucket(); strings.ContainsAny(b, `/\`) || !utf8.ValidString(b) {
		return "", fmt.Errorf("folder %q cannot be a bucket: it needs a name of its own, in UTF-8", path)
	}
	return f, nil
}

// make creates the directory, if it is missing, and ours in it.
func (f folder) make() error {
	info, err := os.Stat(string(f))
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is a file, not a folder: name a folder to put images into", string(f))
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(string(f), 0o777)
	}
	if err != nil {
		return fmt.Errorf("folder %s cannot be used: %w", string(f), err)
	}
	if err := os.Mkdir(f.ours(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("folder %s cannot be written (records and texts are kept in it): %w", string(f), err)
	}
	if err := os.Mkdir(f.texts(), 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("folder %s cannot be written: %w", f.ours(), err)
	}
	return nil
}
