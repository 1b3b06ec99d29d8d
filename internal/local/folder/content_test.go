package folder

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// readAll reads a whole object, which must exist.
func readAll(t testing.TB, w *opened, o document.Object) string {
	t.Helper()
	c, err := w.Open(t.Context(), o)
	if err != nil {
		t.Errorf("Open of %q: %v", o.Name, err)
		return ""
	}
	defer c.Close()
	data, err := io.ReadAll(c)
	if err != nil || int64(len(data)) != c.Size {
		t.Errorf("%q: %d of %d bytes, %v", o.Name, len(data), c.Size, err)
	}
	return string(data)
}

// noticed writes a file and scans.
func noticed(t *testing.T, w *opened, name, content string) document.Object {
	t.Helper()
	writeFile(t, filepath.Join(string(w.dir), name), content, long)
	c, err := w.Scan(t.Context())
	if err != nil || len(c.Events) != 1 {
		t.Fatalf("Scan = %+v, %v", c, err)
	}
	return c.Events[0].Object
}

func TestContentIsAReader(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "x", strings.Repeat("0123456789", 5000)} {
		w := openBucket(t, t.TempDir())
		c, err := w.Open(t.Context(), noticed(t, w, "a", content))
		if err != nil || c.Size != int64(len(content)) {
			t.Fatalf("Open: %d bytes, %v", c.Size, err)
		}
		if err := iotest.TestReader(io.MultiReader(c), []byte(content)); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Another program changes a file between opening it and reading its last byte.
func TestContentChanges(t *testing.T) {
	t.Parallel()
	const content = "0123456789"
	for _, test := range []struct {
		name string
		do   func(t *testing.T, path string)
		want error // of reading to the end; nil: all of it, as it was
	}{
		{"nothing", func(*testing.T, string) {}, nil},
		{"rewritten", func(t *testing.T, path string) { writeFile(t, path, "abcdefghij", long.Add(1)) },
			document.ErrStorageUnavailable},
		{"touched", func(t *testing.T, path string) { writeFile(t, path, content, long.Add(1)) },
			document.ErrStorageUnavailable},
		{"longer", func(t *testing.T, path string) { writeFile(t, path, content+"0", long) },
			document.ErrStorageUnavailable},
		{"shorter", func(t *testing.T, path string) { writeFile(t, path, "01234", long) },
			document.ErrStorageUnavailable},
		{"emptied", func(t *testing.T, path string) { writeFile(t, path, "", long) }, document.ErrStorageUnavailable},
		{"removed", func(t *testing.T, path string) { remove(t, path) }, nil},
		{"replaced", func(t *testing.T, path string) {
			writeFile(t, path+"2", "abcdefghijk", long)
			if err := os.Rename(path+"2", path); err != nil {
				t.Fatal(err)
			}
		}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			w := openBucket(t, dir)
			c, err := w.Open(t.Context(), noticed(t, w, "a", content))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			head := make([]byte, 3)
			if _, err := io.ReadFull(c, head); err != nil {
				t.Fatal(err)
			}
			test.do(t, filepath.Join(dir, "a"))
			tail, err := io.ReadAll(c)
			if !errors.Is(err, test.want) {
				t.Errorf("reading on: %v, want %v", err, test.want)
			}
			if got := string(head) + string(tail); test.want == nil && got != content {
				t.Errorf("read %q", got)
			}
			if _, again := c.Read(head); test.want != nil && again != err {
				t.Errorf("reading on after %v: %v", err, again)
			}
		})
	}
}

func TestContentBoundByContext(t *testing.T) {
	t.Parallel()
	w := openBucket(t, t.TempDir())
	o := noticed(t, w, "a", "0123456789")
	ctx, cancel := context.WithCancel(t.Context())
	c, err := w.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if _, err := io.ReadAll(c); !errors.Is(err, context.Canceled) {
		t.Errorf("reading: %v", err)
	}
	if _, err := w.Open(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
	if _, _, err := w.Live(ctx, o.Bucket, o.Name); !errors.Is(err, context.Canceled) {
		t.Errorf("Live: %v", err)
	}
}

func TestOpenExactGeneration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	w := openBucket(t, dir)
	first := noticed(t, w, "a", "first")
	refused := func(why string, o document.Object) {
		t.Helper()
		if c, err := w.Open(t.Context(), o); !errors.Is(err, document.ErrObjectGone) {
			t.Errorf("%s: %v, %v; want gone", why, c, err)
		}
	}
	live := func(generation int64) {
		t.Helper()
		got, attrs, err := w.Live(t.Context(), first.Bucket, "a")
		if err != nil || got.Generation != generation || attrs.ContentType != unknownType {
			t.Errorf("Live = %v, %v, %v; want generation %d", got, attrs, err, generation)
		}
	}
	live(first.Generation)
	refused("another bucket", document.Object{Bucket: "other", Name: "a", Generation: first.Generation})
	refused("another generation", document.Object{Bucket: first.Bucket, Name: "a", Generation: first.Generation + 1})
	refused("no generation", document.Object{Bucket: first.Bucket, Name: "never"})

	writeFile(t, path, "second", long.Add(-time.Hour)) // no scan has seen it
	refused("overwritten", first)
	live(first.Generation + 1)
	second := noticed(t, w, "a", "second!")
	if readAll(t, w, second) != "second!" || second.Generation != first.Generation+1 {
		t.Errorf("the second generation is %v", second)
	}
	refused("the older generation", first)

	remove(t, path)
	refused("removed", second)
	if _, _, err := w.Live(t.Context(), first.Bucket, "a"); !errors.Is(err, document.ErrObjectGone) {
		t.Errorf("Live of a removed file: %v", err)
	}
	if err := w.Delivered(t.Context(), document.Event{Kind: document.KindFinalized, Object: second}); err != nil {
		t.Fatal(err)
	}
	scan(t, w)
	writeFile(t, path, "second!", long) // as it was, but it was gone
	refused("before it is noticed", second)
	live(second.Generation + 1)
}

func TestNamesThatLeadOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	inbox := filepath.Join(dir, "inbox")
	writeFile(t, filepath.Join(dir, "secret"), "x", long)
	writeFile(t, filepath.Join(inbox, "a", ".b"), "x", long)
	w := openBucket(t, inbox)
	for _, name := range []string{
		"../secret", "..", ".", "", "/etc/hosts", "a/../../secret", "a//b", "a/", "./a", ".bucketocr/records.db",
		"a/.b", "a/./b", "\xff", filepath.Join(dir, "secret"), strings.Repeat("x/", 3000) + "x",
		strings.Repeat("x", 300),
	} {
		if _, _, err := w.Live(t.Context(), "inbox", name); !errors.Is(err, document.ErrObjectGone) {
			t.Errorf("Live of %.40q: %v, want gone", name, err)
		}
		if _, err := w.Open(t.Context(), document.Object{Bucket: "inbox", Name: name, Generation: 1}); !errors.Is(err,
			document.ErrObjectGone) {
			t.Errorf("Open of %.40q: %v, want gone", name, err)
		}
	}
}

// A known file is replaced by something else, or by a link that leads outside, with the same size and time.
func TestOpenSwapped(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, outside := filepath.Join(dir, "inbox", "a"), filepath.Join(dir, "outside")
	writeFile(t, outside, "12345", long)
	w := openBucket(t, filepath.Join(dir, "inbox"))
	o := noticed(t, w, "a", "54321")
	for name, swap := range map[string]func(){
		"link out":  func() { os.Symlink(outside, path) },
		"folder":    func() { os.Mkdir(path, 0o777) },
		"pipe":      func() { makePipe(path) },
		"link loop": func() { os.Symlink("a", path) },
	} {
		remove(t, path)
		swap()
		if _, err := w.Open(t.Context(), o); !errors.Is(err, document.ErrObjectGone) {
			t.Errorf("%s: %v, want gone", name, err)
		}
	}
}

func TestOpenForbidden(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openBucket(t, dir)
	o := noticed(t, w, "a", "x")
	path := filepath.Join(dir, "a")
	if os.Chmod(path, 0); os.WriteFile(path, []byte("x"), 0o666) == nil {
		t.Skip("this user may read everything")
	}
	if _, err := w.Open(t.Context(), o); !errors.Is(err, document.ErrStorageMisconfigured) {
		t.Errorf("Open: %v", err)
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a.png": "image/png", "a/b.c/D.JPeG": "image/jpeg", "x.tif": "image/tiff", "x.pdf": "application/pdf",
		"README.md": "text/markdown", "a.png/b": unknownType, "scan": unknownType, "a.": unknownType,
		"a.xyz": unknownType,
	} {
		if got := ContentType(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
