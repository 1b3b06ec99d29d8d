package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/local/folder"
)

// standardInput is the argument for standard input.
const standardInput = "-"

// file is a file to read.
type file struct {
	name string // as given by the user, or below the folder given
	path string
	err  error // why it cannot be read
}

// findFiles returns the files for the arguments: files themselves, the files in folders that a bucket's filter accepts,
// and the matches of patterns that the shell has not expanded. No file is returned twice.
func findFiles(args []string) []file {
	var files []file
	for _, arg := range args {
		files = append(files, filesOf(arg)...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(files, func(f file) bool {
		path := filepath.Clean(f.path)
		again := seen[path]
		seen[path] = true
		return again
	})
}

func filesOf(arg string) []file {
	if arg == standardInput {
		return []file{{name: arg, path: arg}}
	}
	if _, _, gs := gsName(arg); gs {
		return []file{{name: arg, path: arg, err: errors.New("read accepts files; use bucketocr backfill for buckets")}}
	}
	info, err := os.Stat(arg)
	if matches, bad := filepath.Glob(arg); errors.Is(err, fs.ErrNotExist) && bad == nil && len(matches) > 0 {
		var files []file
		for _, match := range matches {
			if !hidden(match) || hidden(arg) { // as shells do
				files = append(files, filesOf(match)...)
			}
		}
		return files
	}
	if err == nil && info.IsDir() {
		return filesIn(arg)
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a file")
	}
	return []file{{arg, arg, err}}
}

// filesIn returns the files in a folder that a bucket's filter accepts, ordered by name. Hidden files and files that
// are still being written are left out, and links are not followed.
func filesIn(dir string) []file {
	var files []file
	root := dir + string(filepath.Separator) // also if it is a link
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case err != nil:
			files = append(files, file{path, path, err}) // the others are read
			return fs.SkipDir
		case path == root:
			return nil
		case hidden(path), folder.Unfinished(e.Name(), e.IsDir()):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !e.Type().IsRegular():
			return nil
		}
		ev := document.Event{Object: document.Object{Name: filepath.ToSlash(path)}}
		ev.ContentType = folder.ContentType(path)
		if _, skip := (event.Filter{}).Skip(ev); !skip {
			files = append(files, file{name: path, path: path})
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = errors.New("no image or PDF in this folder")
	}
	if err != nil {
		files = append(files, file{dir, dir, err})
	}
	return files
}

func hidden(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }

// spool copies standard input to a file in dir, since pages are read at random offsets. It stops soon after limit
// bytes: a file that long is refused later in any case.
func spool(ctx context.Context, stdin io.Reader, dir string, limit int64) (path string, err error) {
	f, err := os.CreateTemp(dir, "stdin-")
	if err != nil {
		return "", err
	}
	var n int64
	err = interruptible(ctx, func() (err error) {
		n, err = io.Copy(f, io.LimitReader(stdin, limit+1))
		return errors.Join(err, f.Close())
	})
	if err == nil && n == 0 {
		err = errors.New("standard input is empty")
	}
	return f.Name(), err
}

// interruptible calls a function that waits for input, which nothing else ends, but not beyond ctx. The function's
// results may be used only if there is no error.
func interruptible(ctx context.Context, read func() error) error {
	done := make(chan error, 1)
	go func() { done <- read() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// spooled presents files as a bucket: an object's name is its file's number.
type spooled []file

// objectName returns the name of the i-th file's object, which no filter excludes whatever the file is called.
func (spooled) objectName(i int) string { return fmt.Sprintf("%06d", i) }

func (s spooled) find(name string) (file, error) {
	i, err := strconv.Atoi(name)
	if err != nil || i < 0 || i >= len(s) {
		return file{}, fmt.Errorf("%w: %q", document.ErrObjectGone, name)
	}
	return s[i], nil
}

// Open implements [document.Objects].
func (s spooled) Open(_ context.Context, o document.Object) (document.Content, error) {
	f, err := s.find(o.Name)
	if err != nil {
		return document.Content{}, err
	}
	opened, err := os.Open(f.path)
	if err != nil {
		return document.Content{}, fmt.Errorf("%w: %w", document.ErrObjectGone, err)
	}
	info, err := opened.Stat()
	if err != nil {
		return document.Content{},
			errors.Join(fmt.Errorf("%w: %w", document.ErrStorageUnavailable, err), opened.Close())
	}
	return document.Content{ReadCloser: opened, Size: info.Size()}, nil
}

// Live implements [document.Objects]. Each file has one generation.
func (s spooled) Live(_ context.Context, bucket, name string) (document.Object, document.Attributes, error) {
	_, err := s.find(name)
	return document.Object{Bucket: bucket, Name: name, Generation: onlyGeneration}, document.Attributes{}, err
}

const onlyGeneration = 1

// event returns the event for the i-th file. It has no content type: the format is detected from the bytes.
func (s spooled) event(bucket string, i int) document.Event {
	return document.Event{
		Kind: document.KindFinalized, ID: s.objectName(i), Time: time.Now(),
		Object:     document.Object{Bucket: bucket, Name: s.objectName(i), Generation: onlyGeneration},
		Attributes: document.Attributes{ContentType: "application/octet-stream"},
	}
}

// pageList is a selection of pages, as ranges; empty selects all.
type pageList []pageRange

type pageRange struct{ from, to int } // to is included; 0: to the end

// String implements [pflag.Value].
func (l *pageList) String() string {
	var parts []string
	for _, r := range *l {
		switch {
		case r.from == r.to:
			parts = append(parts, strconv.Itoa(r.from))
		case r.to == 0:
			parts = append(parts, fmt.Sprintf("%d-", r.from))
		default:
			parts = append(parts, fmt.Sprintf("%d-%d", r.from, r.to))
		}
	}
	return strings.Join(parts, ",")
}

// Type implements [pflag.Value].
func (*pageList) Type() string { return "PAGES" }

// Set implements [pflag.Value].
func (l *pageList) Set(s string) error {
	var all pageList
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		r := pageRange{}
		var fromErr, toErr error
		r.from, fromErr = strconv.Atoi(from)
		switch {
		case !isRange:
			r.to = r.from
		case to != "":
			r.to, toErr = strconv.Atoi(to)
		}
		if cmp.Or(fromErr, toErr) != nil || r.from < 1 || r.to < r.from && (r.to != 0 || !isRange || to != "") {
			return errors.New("write pages as 1,3-5 or 7-")
		}
		all = append(all, r)
	}
	*l = all
	return nil
}

// has reports whether page n is selected.
func (l pageList) has(n int) bool {
	return len(l) == 0 ||
		slices.ContainsFunc(l, func(r pageRange) bool { return n >= r.from && (n <= r.to || r.to == 0) })
}

// beyond returns a page that is selected explicitly but does not exist in a document of n pages; 0 if there is none.
func (l pageList) beyond(n int) int {
	for _, r := range l {
		if last := max(r.from, r.to); last > n {
			return max(r.from, n+1)
		}
	}
	return 0
}
