package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/document"
)

// dataName is the name of the data directory, in the bucket's directory, for all files of bucketocr. It begins with a
// dot, so no object is in it.
const dataName = ".bucketocr"

// Dir is the absolute path of a bucket's directory. Its contents are not trusted.
type Dir string

// Find makes dir absolute and checks that its base name can be a bucket's. It does not check whether the directory
// exists.
func Find(dir string) (Dir, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("folder %s: %w", dir, err)
	}
	d := Dir(path)
	if b := d.Base(); strings.ContainsAny(b, `/\`) || !utf8.ValidString(b) || len(b) > document.MaxBucket {
		return "", fmt.Errorf("folder %q cannot be a bucket: it needs a name in UTF-8, of at most %d bytes", path,
			document.MaxBucket)
	}
	return d, nil
}

// Make creates the directory and the data directory in it, if they are missing. It does not check existing ones: see
// [Dir.OpenData].
func (d Dir) Make() error {
	info, err := os.Stat(string(d))
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is a file, not a folder: name a folder to put images into", string(d))
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(string(d), 0o777)
	}
	if err != nil {
		return fmt.Errorf("folder %s cannot be used: %w", string(d), err)
	}
	if err := os.Mkdir(d.data(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("folder %s cannot be written (records and texts are kept in it): %w", string(d), err)
	}
	return nil
}

func (d Dir) data() string { return filepath.Join(string(d), dataName) }

// Base returns the bucket's name for a directory that is opened for the first time.
func (d Dir) Base() string { return filepath.Base(string(d)) }
