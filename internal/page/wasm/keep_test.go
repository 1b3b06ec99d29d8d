package wasm_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/bucketocr/bucketocr/internal/page/wasm"
)

// module has one function, f, which returns 42.
var module = []byte("\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x00\x01\x7f\x03\x02\x01\x00" +
	"\x07\x05\x01\x01f\x00\x00\x0a\x06\x01\x04\x00\x41\x2a\x0b")

// run starts an engine and checks that it works. It returns the number of start calls.
func run(t *testing.T, how wasm.Starter, engine string) (starts int, err error) {
	t.Helper()
	ctx := context.Background()
	var r wazero.Runtime
	var m wazero.CompiledModule
	err = how(engine, module, wazero.NewRuntimeConfig(), func(c wazero.RuntimeConfig) (err error) {
		starts++
		r = wazero.NewRuntimeWithConfig(ctx, c)
		m, err = r.CompileModule(ctx, module)
		return err
	})
	if err != nil {
		return starts, err
	}
	defer r.Close(ctx)
	i, err := r.InstantiateModule(ctx, m, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := i.ExportedFunction("f").Call(ctx); err != nil || len(got) != 1 || got[0] != 42 {
		t.Fatal(got, err)
	}
	return starts, nil
}

// private returns a folder that only this user can write to, whatever the umask.
func private(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, path string) *wasm.Folder {
	t.Helper()
	f, err := wasm.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// files returns the files of a folder with attributes that change if a file is rewritten.
func files(t *testing.T, folder string) (paths []string, made []time.Time) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		paths, made = append(paths, path), append(made, info.ModTime())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths, made
}

// code returns the file of machine code.
func code(t *testing.T, folder string) string {
	t.Helper()
	paths, _ := files(t, folder)
	at := slices.IndexFunc(paths, func(p string) bool { return filepath.Base(p) != "SHA256SUMS" })
	if len(paths) != 2 || at < 0 {
		t.Fatalf("%q", paths)
	}
	return paths[at]
}

func TestEngineIsCompiledOnce(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(private(t), "made", "engines")
	f := open(t, folder)
	if _, err := run(t, f.Load, "e"); !errors.Is(err, wasm.ErrNotKept) || f.Has("e", module) {
		t.Error(err)
	}
	if _, err := run(t, f.Start, "e"); err != nil || !f.Has("e", module) {
		t.Fatal(err)
	}
	paths, made := files(t, folder)
	code(t, folder)
	touched := func() time.Time { // when an entry was last created in it
		info, err := os.Stat(folder)
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	before := touched()
	for _, how := range []wasm.Starter{f.Load, f.Start, open(t, folder).Load} {
		if starts, err := run(t, how, "e"); starts != 1 || err != nil {
			t.Error(starts, err)
		}
	}
	if p, m := files(t, folder); !slices.Equal(p, paths) || !slices.Equal(m, made) || touched() != before {
		t.Errorf("it was compiled again: %q became %q", paths, p)
	}
	for name, has := range map[string]bool{
		"another name": f.Has("d", module), "another module": f.Has("e", module[1:]),
	} {
		if has {
			t.Error(name, "is taken for the same engine")
		}
	}
	var nothing *wasm.Folder
	if _, err := run(t, nothing.Start, "e"); err != nil || nothing.Has("e", module) {
		t.Error(err)
	}
}

// TestDamagedEngineIsCompiledAfresh: wazero's own checksum covers only the machine code.
func TestDamagedEngineIsCompiledAfresh(t *testing.T) {
	t.Parallel()
	change := func(f func(b []byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, damage := range map[string]func(t *testing.T, path string){
		"empty":     change(func([]byte) []byte { return nil }),
		"half":      change(func(b []byte) []byte { return b[:len(b)/2] }),
		"longer":    change(func(b []byte) []byte { return append(b, 0) }),
		"last byte": change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }),
		"an offset": change(func(b []byte) []byte { b[len("WAZEVO")+1+len("dev")+4] ^= 1; return b }),
		"how many functions there are": change(func(b []byte) []byte {
			b[len("WAZEVO")+1+len("dev")+3] = 0x7f
			return b
		}),
		"gone": func(t *testing.T, path string) { remove(t, path) },
		"another file beside it": func(t *testing.T, path string) {
			change(func([]byte) []byte { return []byte("x") })(t, copyOf(t, path))
		},
		"no sums": func(t *testing.T, path string) { remove(t, sums(path)) },
		"a link":  func(t *testing.T, path string) { link(t, path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := private(t)
			f := open(t, folder)
			if _, err := run(t, f.Start, "e"); err != nil {
				t.Fatal(err)
			}
			damage(t, code(t, folder))
			if _, err := run(t, f.Load, "e"); !errors.Is(err, wasm.ErrNotKept) {
				t.Error("it was loaded:", err)
			}
			if starts, err := run(t, f.Start, "e"); starts != 1 || err != nil {
				t.Error(starts, err)
			}
			code(t, folder)
			if _, err := run(t, f.Load, "e"); err != nil {
				t.Error("it was not replaced:", err)
			}
		})
	}
}

func sums(code string) string { return filepath.Join(filepath.Dir(filepath.Dir(code)), "SHA256SUMS") }

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// copyOf copies a file and returns the copy's path.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"2", b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path + "2"
}

// link replaces a file by a link to one like it.
func link(t *testing.T, path string) {
	t.Helper()
	elsewhere := filepath.Join(private(t), "code")
	if err := os.Rename(copyOf(t, path), elsewhere); err != nil {
		t.Fatal(err)
	}
	remove(t, path)
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Skip(err)
	}
}

func TestFolderThatIsNotToBeWrittenStaysAsItIs(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes do not count")
	}
	t.Parallel()
	folder := private(t)
	f := open(t, folder)
	if _, err := run(t, f.Start, "e"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o500); err != nil {
		t.Fatal(err)
	}
	for _, how := range []wasm.Starter{f.Load, f.Start} {
		if starts, err := run(t, how, "e"); starts != 1 || err != nil {
			t.Error(starts, err)
		}
	}
	if starts, err := run(t, f.Start, "another"); starts != 1 || err != nil {
		t.Error(starts, err)
	}
	kept, err := os.ReadDir(folder)
	if err != nil || len(kept) != 1 {
		t.Error(kept, err)
	}
}

// TestFolderOfOthersIsRefused: its contents would be executed.
func TestFolderOfOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes do not count")
	}
	t.Parallel()
	const others = "can be written by other users"
	for name, c := range map[string]struct {
		open string // path to open, below a folder
		mode map[string]os.FileMode
		says string
	}{
		"its own mode, the group":  {"a/engines", map[string]os.FileMode{"a/engines": 0o770}, others},
		"its own mode, all":        {"a/engines", map[string]os.FileMode{"a/engines": 0o707}, others},
		"sticky":                   {"a/engines", map[string]os.FileMode{"a/engines": 0o777 | fs.ModeSticky}, others},
		"that of one above it":     {"a/engines", map[string]os.FileMode{"a": 0o777}, others},
		"one that a link leads to": {"link/engines", map[string]os.FileMode{"a": 0o777}, others},
		"one that a link is in":    {"b/link/engines", map[string]os.FileMode{"b": 0o777}, others},
		"a file":                   {"file", nil, "not a directory"},
		"a link in a circle":       {"circle", nil, "too many links"},
		"below one that is sticky": {"a/engines", map[string]os.FileMode{"a": 0o777 | fs.ModeSticky}, ""},
		"through a link":           {"b/link/engines", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := private(t)
			at := func(path string) string { return filepath.Join(dir, path) }
			err := errors.Join(os.MkdirAll(at("a/engines"), 0o700), os.Mkdir(at("b"), 0o700),
				os.Symlink("a", at("link")), os.Symlink("../a", at("b/link")),
				os.Symlink("circle", at("circle")), os.WriteFile(at("file"), nil, 0o600))
			for path, mode := range c.mode {
				err = errors.Join(err, os.Chmod(at(path), mode))
			}
			if err != nil {
				t.Fatal(err)
			}
			_, err = wasm.Open(at(c.open))
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
		})
	}
}

// TestEngineOfOthersIsNotLoaded: the folder is ours, but not all of its contents.
func TestEngineOfOthersIsNotLoaded(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes do not count")
	}
	t.Parallel()
	for name, of := range map[string]func(code string) string{
		"the code": func(code string) string { return code }, "the sums": sums, "wazero's folder": filepath.Dir,
		"the engine's folder": func(code string) string { return filepath.Dir(sums(code)) },
	} {
		folder := private(t)
		f := open(t, folder)
		if _, err := run(t, f.Start, "e"); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(of(code(t, folder)), 0o722); err != nil {
			t.Fatal(err)
		}
		if _, err := run(t, f.Load, "e"); !errors.Is(err, wasm.ErrNotKept) {
			t.Errorf("%s: %v", name, err)
		}
		if os.Geteuid() != 0 {
			continue
		}
		changed := of(code(t, folder))
		if err := errors.Join(os.Chmod(changed, 0o700), os.Chown(changed, 12345, -1)); err != nil {
			t.Fatal(err)
		}
		if _, err := run(t, f.Load, "e"); !errors.Is(err, wasm.ErrNotKept) {
			t.Errorf("%s of another user: %v", name, err)
		}
	}
}

// TestFolderStaysSmall: at most two versions of each engine, and no unfinished directories, remain.
func TestFolderStaysSmall(t *testing.T) {
	t.Parallel()
	folder := private(t)
	f := open(t, folder)
	ago := func(name string, d time.Duration) {
		path := filepath.Join(folder, name)
		made := os.MkdirAll(filepath.Join(path, "wazero"), 0o700)
		if err := errors.Join(made, os.Chtimes(path, time.Time{}, time.Now().Add(-d))); err != nil {
			t.Fatal(err)
		}
	}
	ago("e-oldest", 3*time.Hour)
	ago("e-older", 2*time.Hour)
	ago("e-old", time.Hour)
	ago("another-old", 3*time.Hour)
	ago("unfinished-1", 2*time.Hour)
	ago("unfinished-2", time.Minute)
	if _, err := run(t, f.Start, "e"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if err != nil || len(names) != 4 || !slices.Contains(names, "e-old") || !slices.Contains(names, "another-old") ||
		!slices.Contains(names, "unfinished-2") || !f.Has("e", module) {
		t.Error(names, err)
	}
}

// TestProcessesShareAFolder: the first process creates it, and all work meanwhile.
func TestProcessesShareAFolder(t *testing.T) {
	t.Parallel()
	folder := private(t)
	done := make(chan error)
	for range 8 {
		f := open(t, folder) // only the disk is shared
		go func() { _, err := run(t, f.Start, "e"); done <- err }()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	code(t, folder)
	if _, err := run(t, open(t, folder).Load, "e"); err != nil {
		t.Error(err)
	}
}
