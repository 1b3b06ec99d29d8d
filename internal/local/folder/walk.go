package folder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Passed is an ignored name in the directory, with the reason as the end of the sentence "ignored: it …".
type Passed struct {
	Name string
	Why  string
}

// survey is the result of one walk of the directory.
type survey struct {
	files  map[string]stamp
	passed []Passed
	blind  []string // names that could not be read: what is there, or below, is unknown
}

// sees reports whether a name that is not among the files has certainly vanished.
func (s *survey) sees(name string) bool {
	for _, b := range s.blind {
		if name == b || strings.HasPrefix(name, b+"/") {
			return false
		}
	}
	return true
}

func (s *survey) pass(name, why string) { s.passed = append(s.passed, Passed{name, why}) }

// look walks the whole directory. It returns an error if the directory itself cannot be read or ctx ends.
func (b *Bucket) look(ctx context.Context) (*survey, error) {
	s := &survey{files: map[string]stamp{}}
	if err := b.walk(ctx, s, "."); err != nil {
		return nil, err
	}
	return s, nil
}

// walk adds the entries of dir and below.
func (b *Bucket) walk(ctx context.Context, s *survey, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := b.readDir(dir)
	switch {
	case err == nil:
	case dir == ".":
		return fmt.Errorf("%w: folder %s cannot be read: %w", document.ErrStorageUnavailable, string(b.dir), err)
	case missing(err):
		return nil // vanished since it was listed
	default:
		s.blind = append(s.blind, dir)
		s.pass(dir, "cannot be read: "+err.Error())
		return nil
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case !utf8.ValidString(e.Name()):
			s.pass(name, "has a name that is not UTF-8")
		case len(name) > document.MaxName:
			s.pass(name, fmt.Sprintf("has a path of %d bytes, over %d", len(name), document.MaxName))
		case Unfinished(e.Name(), e.IsDir()):
			s.pass(name, "has a name of files that are still being written: renamed, it is read")
		case e.IsDir():
			if err := b.walk(ctx, s, name); err != nil {
				return err
			}
		default:
			b.meet(s, name, e)
		}
	}
	return nil
}

// unfinishedEnds are suffixes that browsers and other programs append to the name of a file while they write it.
var unfinishedEnds = [...]string{".part", ".partial", ".crdownload", ".download", ".tmp", "~"}

// Unfinished reports whether the last part of a name marks a file that is still being written, or an editor's copy or
// lock. Safari's are folders.
func Unfinished(base string, isDir bool) bool {
	base = strings.ToLower(base)
	if isDir {
		return strings.HasSuffix(base, ".download")
	}
	return strings.HasPrefix(base, "~$") || slices.ContainsFunc(unfinishedEnds[:], func(end string) bool {
		return len(base) > len(end) && strings.HasSuffix(base, end)
	})
}

// meet adds one entry that is not a directory.
func (b *Bucket) meet(s *survey, name string, e fs.DirEntry) {
	var info fs.FileInfo
	var err error
	switch e.Type() {
	case 0:
		info, err = e.Info()
	case fs.ModeSymlink:
		if info, err = b.stat(name); err != nil {
			s.pass(name, "is a symbolic link to no file inside the folder")
			return
		}
	default:
		s.pass(name, "is not a regular file")
		return
	}
	switch {
	case err == nil:
		s.files[name] = stampOf(info)
	case !missing(err):
		s.blind = append(s.blind, name)
		s.pass(name, "cannot be read: "+err.Error())
	}
}

// readDir lists one directory, in the order of the file system.
func (b *Bucket) readDir(dir string) ([]fs.DirEntry, error) {
	f, err := b.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

// stat returns information on the file of a name. Unless it is a regular file inside the directory, the error is
// [fs.ErrNotExist].
func (b *Bucket) stat(name string) (fs.FileInfo, error) { return statIn(b.root, b.dir, name) }

func statIn(root *os.Root, d Dir, name string) (fs.FileInfo, error) {
	info, err := root.Lstat(name)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if !staysInside(root, d, name) {
			return nil, fs.ErrNotExist
		}
		info, err = root.Stat(name)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return info, nil
}

// staysInside reports whether a link's target could be an object. Links into the data directory would do harm: opening
// and closing a file of the database releases the locks that this process holds on it.
func staysInside(root *os.Root, d Dir, link string) bool {
	if _, err := root.Stat(link); err != nil {
		return false // it is broken, or leads outside
	}
	top, err1 := filepath.EvalSymlinks(string(d))
	end, err2 := filepath.EvalSymlinks(filepath.Join(string(d), filepath.FromSlash(link)))
	inside, err3 := filepath.Rel(top, end)
	return errors.Join(err1, err2, err3) == nil && validPath(filepath.ToSlash(inside))
}

// validName reports whether an object may have the name.
func validName(name string) bool { return len(name) <= document.MaxName && validPath(name) }

// validPath reports whether an object may be at the path or, if it is too long for a name, a link to it may be one: it
// is in UTF-8, below the directory, and without dot segments.
func validPath(name string) bool {
	if !fs.ValidPath(name) || !utf8.ValidString(name) || !filepath.IsLocal(filepath.FromSlash(name)) {
		return false
	}
	return !strings.HasPrefix(name, ".") && !strings.Contains(name, "/.")
}

// missing reports whether a file system error means that there is no such file, or cannot be.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}
