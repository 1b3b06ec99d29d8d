package wasm

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"golang.org/x/sys/cpu"
)

// Folder is a directory with compiled engines. Compiled code is executed as it is, so nothing is read from a place
// where another user can write. An engine is a directory in it, named after all that its code depends on, and complete
// or absent: it is made under another name, renamed, and checked against its SHA-256 before each use. Several processes
// may use one folder. A nil *Folder keeps nothing.
//
// wazero's own cache, which is what lies in such a directory, names its files after its version, the system, the
// processor's features and the module. But its checksum covers the machine code alone, not the offsets and tables
// beside it, and its name covers neither Go's version, on whose layout of structures the code relies, nor replaced
// sources of wazero itself.
type Folder struct{ path string }

// Open returns the folder of a path, which is made if it is missing. The error says why it is not to be used.
func Open(path string) (*Folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
	}
	if err := ours(path, maxLinks); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is not a directory", path)
	}
	if err == nil {
		err = oursAlone(path, info)
	}
	if err != nil {
		return nil, err
	}
	return &Folder{path}, nil
}

// Starter is Start or Load of a Folder. Both call start with the configuration to compile an engine's module with. What
// identifies the engine, if not its name and the modules of Go that the program consists of, is module.
type Starter func(engine string, module []byte, c wazero.RuntimeConfig, start Start) error

// Start has an engine's module compiled, or loaded, with a configuration.
type Start func(wazero.RuntimeConfig) error

// Start has the engine loaded, or compiled and, where that can be, kept. The error is start's, which may be called
// again where the folder cannot be used.
func (f *Folder) Start(engine string, module []byte, c wazero.RuntimeConfig, start Start) error {
	if f.Load(engine, module, c, start) == nil {
		return nil
	}
	if f.compile(engine, module, c, start) == nil {
		return nil
	}
	return start(c)
}

// ErrNotKept is the error of Load for an engine that is not kept, or was found damaged.
var ErrNotKept = errors.New("no compiled engine is kept")

// Load has the engine loaded, if it is kept.
func (f *Folder) Load(engine string, module []byte, c wazero.RuntimeConfig, start Start) error {
	if f == nil {
		return ErrNotKept
	}
	entry, err := f.entry(engine, module)
	if err == nil {
		err = verify(entry)
	}
	if err == nil {
		err = cached(entry, c, start)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	return nil
}

// Has reports whether an engine seems to be kept.
func (f *Folder) Has(engine string, module []byte) bool {
	if f == nil {
		return false
	}
	entry, err := f.entry(engine, module)
	if err == nil {
		_, err = os.Lstat(filepath.Join(entry, sumsName))
	}
	return err == nil
}

// compile has the engine compiled and kept. All but the newest of its other versions are removed then.
func (f *Folder) compile(engine string, module []byte, c wazero.RuntimeConfig, start Start) error {
	if f == nil || !f.mayWrite() {
		return ErrNotKept
	}
	entry, err := f.entry(engine, module)
	if err != nil {
		return err
	}
	made, err := os.MkdirTemp(f.path, unfinished)
	if err != nil {
		return err
	}
	defer os.RemoveAll(made) // unless it has another name by then
	if err := cached(made, c, start); err != nil {
		return err // the disk may be full
	}
	if err := finish(made, entry); err == nil {
		f.tidy(engine, entry)
	}
	return nil
}

// mayWrite reports whether what is in the folder may change: what a container's image has is as it was built, for root
// too.
func (f *Folder) mayWrite() bool {
	info, err := os.Stat(f.path)
	return err == nil && info.Mode()&0o200 != 0
}

const (
	sumsName   = "SHA256SUMS"
	unfinished = "unfinished-"
)

// entry returns the directory of an engine.
func (f *Folder) entry(engine string, module []byte) (string, error) {
	build, err := builtWith()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH, build, sha256.Sum256(module),
		cpu.X86.HasSSE41, cpu.X86.HasBMI1, cpu.X86.HasBMI2, cpu.X86.HasPOPCNT, cpu.ARM64.HasATOMICS)
	return filepath.Join(f.path, engine+"-"+hex.EncodeToString(h.Sum(nil)[:8])), nil
}

// builtWith names the compiler and PDFium by their modules' sums. A program that does not know them, as it was built of
// other sources than those of released modules, is named by its own bytes.
func builtWith() (string, error) {
	var sums []string
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Replace == nil && m.Sum != "" &&
				(m.Path == "github.com/tetratelabs/wazero" || m.Path == "github.com/klippa-app/go-pdfium") {
				sums = append(sums, m.Path+" "+m.Version+" "+m.Sum)
			}
		}
	}
	if len(sums) == 2 {
		return strings.Join(sums, "\n"), nil
	}
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	return sumOf(program)
}

// cached calls f with a configuration that has wazero's cache in a directory.
func cached(dir string, c wazero.RuntimeConfig, start Start) error {
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return err
	}
	return start(c.WithCompilationCache(cache)) // which stays open: the code is the cache's
}

// finish gives a directory its sums and its name, if no other process did so first.
func finish(made, entry string) error {
	sums, err := sumsOf(made)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(made, sumsName), []byte(sums), 0o600); err != nil {
		return err
	}
	if verify(entry) == nil {
		return nil
	}
	if err := os.RemoveAll(entry); err != nil { // damaged
		return err
	}
	return os.Rename(made, entry)
}

// verify returns an error unless a directory of an engine is complete, undamaged and ours.
func verify(entry string) error {
	said, err := os.ReadFile(filepath.Join(entry, sumsName))
	if err != nil {
		return err
	}
	sums, err := sumsOf(entry)
	if err == nil && sums != string(said) {
		err = errors.New("damaged")
	}
	return err
}

// sumsOf returns what sha256sum(1) prints of the files in a directory and those below it, all of which are ours.
func sumsOf(dir string) (string, error) {
	var sums strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if err := oursAlone(path, info); err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a file", path)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || name == sumsName {
			return err
		}
		sum, err := sumOf(path)
		fmt.Fprintf(&sums, "%s  %s\n", sum, filepath.ToSlash(name))
		return err
	})
	return sums.String(), err
}

func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	_, err = io.Copy(h, file)
	return hex.EncodeToString(h.Sum(nil)), err
}

const (
	versions = 2             // of each engine that are kept: a newer one, and the one that a user may go back to
	compiles = 1 * time.Hour // longer than a compilation takes
)

// tidy removes all of an engine's versions but the one in use and the newest others, and what was left unfinished.
func (f *Folder) tidy(engine, used string) {
	var others []fs.FileInfo
	entries, _ := os.ReadDir(f.path)
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case err != nil || e.Name() == filepath.Base(used):
		case strings.HasPrefix(e.Name(), unfinished) && time.Since(info.ModTime()) > compiles:
			_ = os.RemoveAll(filepath.Join(f.path, e.Name()))
		case strings.HasPrefix(e.Name(), engine+"-"):
			others = append(others, info)
		}
	}
	slices.SortFunc(others, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, old := range others[min(versions-1, len(others)):] {
		_ = os.RemoveAll(filepath.Join(f.path, old.Name()))
	}
}
