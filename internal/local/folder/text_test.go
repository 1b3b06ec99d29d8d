package folder

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// finished returns a done record in the bucket of w.
func finished(w *opened, name, text string) *document.Record {
	return &document.Record{Bucket: w.Name(), Name: name, Generation: 7, Status: document.StatusDone, Text: text,
		Pages: 1}
}

// writeText calls WriteText and checks that it succeeds with the path of textPath.
func writeText(t *testing.T, w *opened, r *document.Record) string {
	t.Helper()
	path, err := w.WriteText(t.Context(), w.records, r)
	if err != nil || path != w.textPath(r.Name) {
		t.Fatalf("WriteText of %q = %s, %v; want %s", r.Name, path, err, w.textPath(r.Name))
	}
	return path
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); string(got) != want || err != nil {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

func TestWriteText(t *testing.T) {
	t.Parallel()
	w := openBucket(t, t.TempDir())
	for name, want := range map[string]string{
		"a.png": "a.png.md", "sub/deep er/ü 1.jpg": "sub/deep er/ü 1.jpg.md", "100% #?.png": "100% #?.png.md",
	} {
		if runtime.GOOS == "windows" && strings.Contains(name, "?") {
			continue
		}
		at := writeText(t, w, finished(w, name, "# Titel\n\nText"))
		if at != filepath.Join(w.data.Texts(), filepath.FromSlash(want)) {
			t.Errorf("%q lies at %s", name, at)
		}
		wantFile(t, at, "# Titel\n\nText\n")
	}
	wantFile(t, writeText(t, w, finished(w, "ends", "line\n")), "line\n")
	wantFile(t, writeText(t, w, finished(w, "blank", "")), "")
	wantFile(t, writeText(t, w, finished(w, "a.png", "newer")), "newer\n")
}

func TestWriteTextOfPages(t *testing.T) {
	t.Parallel()
	w := openBucket(t, t.TempDir())
	r := finished(w, "book.pdf", "")
	r.TextInPages, r.Pages = true, 3
	putRecord(t, w, *r, document.Page{Page: 3, Generation: 7, Text: "three"},
		document.Page{Page: 1, Generation: 7, Text: "one"},
		document.Page{Page: 2, Generation: 7}, document.Page{Page: 1, Generation: 6, Text: "of another generation"})
	wantFile(t, writeText(t, w, r), "one\n\f\n\n\f\nthree\n")

	other := openBucket(t, t.TempDir()) // records from elsewhere, texts here
	at, err := other.WriteText(t.Context(), w.records, r)
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, at, "one\n\f\n\n\f\nthree\n")

	closeBucket(t, w)
	if _, err := w.WriteText(t.Context(), w.records, r); !errors.Is(err, document.ErrStoreUnavailable) {
		t.Errorf("without the pages: %v", err)
	}
}

// putRecord stores r unchanged under its own id.
func putRecord(t testing.TB, w *opened, r document.Record, pages ...document.Page) {
	t.Helper()
	_, err := document.Update(t.Context(), w.records, r.Object().ID(), document.Unread(),
		func(*document.Record) (*document.Change, error) {
			return &document.Change{Record: &r, Pages: pages}, nil
		})
	if err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// A record without text has no file, and its empty folders are removed.
func TestTextEndsWithItsRecord(t *testing.T) {
	t.Parallel()
	for _, status := range []document.Status{document.StatusProcessing, document.StatusRetrying, document.StatusFailed,
		document.StatusDeleted} {
		w := openBucket(t, t.TempDir())
		a, b := finished(w, "x/y/a", "A"), finished(w, "x/b", "B")
		writeText(t, w, a)
		kept := writeText(t, w, b)
		for range 2 { // it may be repeated
			a.Status, a.Text = status, ""
			if path, err := w.WriteText(t.Context(), w.records, a); path != "" || err != nil {
				t.Errorf("%s: %q, %v", status, path, err)
			}
		}
		if _, err := os.Stat(filepath.Join(w.data.Texts(), "x", "y")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the folder stays: %v", status, err)
		}
		wantFile(t, kept, "B\n")
		b.Status = status
		w.WriteText(t.Context(), w.records, b)
		if entries, err := os.ReadDir(w.data.Texts()); len(entries) != 0 || err != nil {
			t.Errorf("%s: %v stays, %v", status, entries, err)
		}
	}
}

// A text that is already right is not written again: a restart repeats every finished record.
func TestTextUntouched(t *testing.T) {
	t.Parallel()
	w := openBucket(t, t.TempDir())
	at := writeText(t, w, finished(w, "a", "text"))
	if err := os.Chtimes(at, long, long); err != nil {
		t.Fatal(err)
	}
	writeText(t, w, finished(w, "a", "text"))
	if info, err := os.Stat(at); err != nil || !info.ModTime().Equal(long) {
		t.Errorf("written again: %v, %v", info, err)
	}
	writeText(t, w, finished(w, "a", "TEXT"))
	wantFile(t, at, "TEXT\n")
}

// The next start removes half-written files of a killed process, and nothing else.
func TestHalfWrittenTexts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	at := writeText(t, w, finished(w, "a", "text"))
	half := filepath.Join(filepath.Dir(at), tempText+"XYZ")
	writeFile(t, half, "te", time.Time{})
	closeBucket(t, w)
	openBucket(t, dir)
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the half-written text stays: %v", err)
	}
	wantFile(t, at, "text\n")
}

func TestTextCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := openBucket(t, t.TempDir())
	writeFile(t, filepath.Join(w.textPath("a"), "in the way"), "x", time.Time{})
	_, err := w.WriteText(t.Context(), w.records, finished(w, "a", "text"))
	wantError(t, err, `text of "a" cannot be written`)
	writeFile(t, filepath.Join(w.data.Texts(), "sub"), "x", time.Time{})
	_, err = w.WriteText(t.Context(), w.records, finished(w, "sub/a", "text"))
	wantError(t, err, `text of "sub/a" cannot be written`)
	r := finished(w, "a", "")
	r.Status = document.StatusDeleted
	_, err = w.WriteText(t.Context(), w.records, r)
	wantError(t, err, "cannot be removed")
	entries, _ := os.ReadDir(w.data.Texts())
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempText) {
			t.Errorf("%s stays", e.Name())
		}
	}
}

// Names that would collide as paths do not collide here, in any order of writing.
func TestTextCollisions(t *testing.T) {
	t.Parallel()
	names := []string{
		"a", "a.md", "a.md/b", "a.md.md", "a.md/b.md/c", "a.md~/b", "a.md~", "a.md~~/b", "A.MD/c", "a.Md~/c", "x.md/x",
		"a/b", "a/b.md/c",
		strings.Repeat("n", 252), strings.Repeat("n", 253), strings.Repeat("n", 255), strings.Repeat("m", 254) + "/x",
		strings.Repeat("n", 252) + ".md/x", strings.Repeat("n", 251) + ".md/x", strings.Repeat("ü", 127),
		strings.Repeat("long/", 204) + "aa", strings.Repeat("long/", 204) + "bb",
	}
	w := openBucket(t, t.TempDir())
	for _, name := range names {
		if n := len(textName(document.Object{Name: name})); n > maxPath {
			t.Errorf("the text of a name of %d bytes needs a path of %d", len(name), n)
		}
	}
	for _, backwards := range []bool{false, true} {
		for i := range names {
			if backwards {
				i = len(names) - 1 - i
			}
			writeText(t, w, finished(w, names[i], names[i]))
		}
		for _, name := range names {
			wantFile(t, w.textPath(name), name+"\n")
		}
	}
}

// FuzzTextName: two objects never share a file, no file is in the place of another object's folder, even in a
// case-insensitive file system, and every segment fits.
func FuzzTextName(f *testing.F) {
	f.Add("a", "a.md/b")
	f.Add("a.md~/b", "a.md/b")
	f.Add("x.MD~/a", "x.md/a")
	f.Add(strings.Repeat("n", 300), ".long/x")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !validName(a) || !validName(b) || strings.EqualFold(a, b) {
			t.Skip()
		}
		first := filepath.ToSlash(textName(document.Object{Bucket: "b", Name: a}))
		second := filepath.ToSlash(textName(document.Object{Bucket: "b", Name: b}))
		if strings.EqualFold(first, second) {
			t.Errorf("%q and %q share %q", a, b, first)
		}
		for dir := path.Dir(first); dir != "."; dir = path.Dir(dir) {
			if strings.EqualFold(dir, second) {
				t.Errorf("%q has its file where %q needs a folder: %q", b, a, second)
			}
		}
		for _, s := range strings.Split(first, "/") {
			if len(s) > maxSegment {
				t.Errorf("segment of %d bytes", len(s))
			}
		}
	})
}
