package page

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

// pageOf is the page of data, made by a new process that keeps its engines in a folder, "" for none, and what was
// acquired to start the engine.
func pageOf(t *testing.T, data []byte, folder string) (b []byte, starts []int64) {
	t.Helper()
	d := newDecoder()
	defer d.Close()
	if folder != "" {
		if err := d.KeepEngines(folder); err != nil {
			t.Fatal(err)
		}
	}
	l := &ledger{}
	lim := l.limits(200)
	lim.Decoder = d
	_, b, err := only(t, newObject(data), lim)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range l.acquired {
		if n == compileMemory || n == loadMemory {
			starts = append(starts, n)
		}
	}
	return b, starts
}

// private returns a folder that this user alone can write to, whatever the umask says.
func private(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// compiled are the files of compiled code in a folder, with what tells a file that was written again.
func compiled(t *testing.T, folder string) map[string]fs.FileInfo {
	t.Helper()
	all := map[string]fs.FileInfo{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != "SHA256SUMS" {
			all[path], err = d.Info()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEnginesAreCompiledOnce: the next process loads what the first has kept, with memory acquired for that alone, and
// compiles afresh what was damaged meanwhile.
func TestEnginesAreCompiledOnce(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		avifEngine: testFile(t, "colour.avif"), heicEngine: testFile(t, "colour.heic"),
	} {
		if unread(t, data) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(private(t), "engines")
			want, starts := pageOf(t, data, folder)
			kept := compiled(t, folder)
			if len(kept) != 1 || !slices.Equal(starts, []int64{compileMemory}) {
				t.Fatalf("%d files, %d bytes acquired", len(kept), starts)
			}
			again := func(when string, memory ...int64) {
				t.Helper()
				if got, starts := pageOf(t, data, folder); !bytes.Equal(got, want) || !slices.Equal(starts, memory) {
					t.Errorf("%s: another page, or %d bytes acquired", when, starts)
				}
			}
			again("the second process", loadMemory)
			unchanged(t, kept, compiled(t, folder))
			for path, info := range kept {
				if err := os.Truncate(path, info.Size()/2); err != nil {
					t.Fatal(err)
				}
			}
			again("after damage", loadMemory, compileMemory)
			again("after that", loadMemory)
			for path, info := range kept {
				if now := compiled(t, folder)[path]; now == nil || now.Size() != info.Size() {
					t.Error("what was damaged was not replaced")
				}
			}
		})
	}
}

// unchanged checks that no file was made, replaced or written.
func unchanged(t *testing.T, before, after map[string]fs.FileInfo) {
	t.Helper()
	for path, info := range before {
		now := after[path]
		if len(after) != len(before) || now == nil || now.ModTime() != info.ModTime() || !os.SameFile(now, info) {
			t.Errorf("%v became %v", before, after)
		}
	}
}

// TestEnginesWorkWithoutAFolder: where nothing can be kept, or another user can write, it is said, and each process
// compiles.
func TestEnginesWorkWithoutAFolder(t *testing.T) {
	t.Parallel()
	data := testFile(t, "colour.avif")
	want, _ := pageOf(t, data, "")
	folder := private(t)
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	got, starts := pageOf(t, data, folder)
	if !bytes.Equal(got, want) || !slices.Equal(starts, []int64{compileMemory}) {
		t.Errorf("another page, or %d bytes acquired", starts)
	}
	if kept := compiled(t, folder); len(kept) > 0 {
		t.Error(kept)
	}
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	d := newDecoder()
	defer d.Close()
	if err := d.KeepEngines(folder); err == nil || !strings.Contains(err.Error(), "can be written by other users") {
		t.Error(err)
	}
	lim := wideWith(d)
	if _, got, err := only(t, newObject(data), lim); err != nil || len(got) == 0 || len(compiled(t, folder)) > 0 {
		t.Error(err)
	}
}

// TestEnginesAreCompiledBeforehand: as the build of the container's image does.
func TestEnginesAreCompiledBeforehand(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(private(t), "engines")
	if err := CompileEngines(folder); err != nil {
		t.Fatal(err)
	}
	kept := compiled(t, folder)
	want := []string{avifEngine, heicEngine, pdfEngine}
	if heif.HEIC() == nil {
		want = []string{avifEngine, pdfEngine}
	}
	var got []string
	for path := range kept {
		below, _ := filepath.Rel(folder, path)
		name, _, _ := strings.Cut(below, "-")
		got = append(got, name)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	data := pagetest.PDF("", []pagetest.PDFPage{pagetest.Text("kept")})
	_, page, err := only(t, newObject(data), wide(200))
	if err != nil {
		t.Fatal(err)
	}
	if got, starts := pageOf(t, data, folder); !bytes.Equal(got, page) || !slices.Equal(starts, []int64{loadMemory}) {
		t.Errorf("another page, or %d bytes acquired", starts)
	}
	unchanged(t, kept, compiled(t, folder))
	if err := CompileEngines(filepath.Join(folder, "missing", "file\x00")); err == nil {
		t.Error("it was compiled into no folder")
	}
}
