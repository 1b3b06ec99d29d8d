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

// Folder is a directory with compiled engines. Compiled code is executed unchecked, so nothing is read from where
// another user can write. Each engine has a subdirectory named after everything that its code depends on. It is
// complete or absent: it is created under another name and then renamed, and its SHA-256 sums are verified before each
// use. Several processes may share a folder. A nil *Folder keeps nothing.
//
// A subdirectory contains a cache of wazero, which names its files after its version, the system, the processor's
// features and the module. But wazero's checksum covers only the machine code, not the offsets and tables beside it,
// and its names cover neither the Go version, on whose structure layouts the code relies, nor replaced sources of
// wazero.
type Folder struct{ path string }

// Open returns the folder at a path, creating it if it is missing. It returns an error if the folder must not be used.
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

// Starter is the Start or Load method of a Folder. Both call start with the configuration for compiling an engine's
// module. module identifies the engine if its name and the program's Go modules do not.
type Starter func(engine string, module []byte, c wazero.RuntimeConfig, start Start) error

// Start compiles or loads an engine's module with a configuration.
type Start func(wazero.RuntimeConfig) error

// Start loads the engine, or compiles it and keeps it if possible. It returns the error of start, which may be called
// again if the folder cannot be used.
func (f *Folder) Start(engine string, module []byte, c wazero.RuntimeConfig, start Start) error {
	if f.Load(engine, module, c, start) == nil {
		return nil
	}
	if f.compile(engine, module, c, start) == nil {
		return nil
	}
	return start(c)
}

// ErrNotKept reports an engine that is not kept or is damaged.
var ErrNotKept = errors.New("no compiled engine is kept")

// Load loads the engine if it is kept, else it returns ErrNotKept.
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

// Has reports whether an engine seems to be kept. It does not verify checksums.
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

// compile compiles and keeps the engine, and then removes all but the newest of its other versions.
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
	defer os.RemoveAll(made) // no effect after renaming
	if err := cached(made, c, start); err != nil {
		return err // the disk may be full
	}
	if err := finish(made, entry); err == nil {
		f.tidy(engine, entry)
	}
	return nil
}

// mayWrite reports whether the folder's mode allows writing. Engines in a container image must not change, even if the
// process is root.
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

// builtWith identifies the compiler and PDFium by their modules' checksums. A program built without these, from sources
// other than released modules, is identified by its own checksum.
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

// cached calls start with a configuration that has wazero's cache in a directory.
func cached(dir string, c wazero.RuntimeConfig, start Start) error {
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return err
	}
	return start(c.WithCompilationCache(cache)) // the cache stays open: it owns the code
}

// finish writes a directory's checksums and renames it, unless another process was first.
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

// verify returns an error unless an engine's directory is complete, undamaged and writable only by this user or root.
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

// sumsOf returns the sums of all files below a directory in the format of sha256sum(1). It fails if another user can
// write to one.
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
	versions = 2             // kept of each engine: the current one, and the one to which a user may roll back
	compiles = 1 * time.Hour // longer than a compilation takes
)

// tidy removes an engine's versions except the one in use and the newest others, and unfinished directories.
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
