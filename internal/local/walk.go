package local

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Passed is a name in the directory that is no object, and why, as an ending of the sentence "passed over: it …".
type Passed struct {
	Name string
	Why  string
}

// survey is what one walk over the directory has found.
type survey struct {
	files  map[string]stamp
	passed []Passed
	blind  []string // names that could not be looked at: what is there, or below, is not known
}

// sees tells whether a name that is not among the files has really vanished.
func (s *survey) sees(name string) bool {
	for _, b := range s.blind {
		if name == b || strings.HasPrefix(name, b+"/") {
			return false
		}
	}
	return true
}

func (s *survey) pass(name, why string) { s.passed = append(s.passed, Passed{name, why}) }

// look walks over the whole directory. It fails where the directory itself cannot be read or ctx ends.
func (w *World) look(ctx context.Context) (*survey, error) {
	s := &survey{files: map[string]stamp{}}
	if err := w.walk(ctx, s, "."); err != nil {
		return nil, err
	}
	return s, nil
}

// walk adds what lies in dir and below.
func (w *World) walk(ctx context.Context, s *survey, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := w.readDir(dir)
	switch {
	case err == nil:
	case dir == ".":
		return fmt.Errorf("%w: folder %s cannot be read: %w", document.ErrStorageUnavailable, string(w.folder), err)
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
		case e.IsDir():
			if err := w.walk(ctx, s, name); err != nil {
				return err
			}
		default:
			w.meet(s, name, e)
		}
	}
	return nil
}

// meet adds one entry that is no directory.
func (w *World) meet(s *survey, name string, e fs.DirEntry) {
	var info fs.FileInfo
	var err error
	switch e.Type() {
	case 0:
		info, err = e.Info()
	case fs.ModeSymlink:
		if info, err = w.stat(name); err != nil {
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
func (w *World) readDir(dir string) ([]fs.DirEntry, error) {
	f, err := w.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}
