package page

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/bucketocr/bucketocr/internal/page/heif"
	"github.com/bucketocr/bucketocr/internal/page/pdf"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
	"github.com/bucketocr/bucketocr/internal/page/wasm"
)

// engine is a WebAssembly decoder. Before its first use in a process it is compiled, or loaded from a folder.
type engine interface {
	Start(*wasm.Folder) error
	Load(*wasm.Folder) error
	Kept(*wasm.Folder) bool
}

// engines returns all engines of this build by name, not started.
func engines() map[string]engine {
	all := map[string]engine{pdfEngine: &pdf.Engine{}, avifEngine: heif.AVIF()}
	if e := heif.HEIC(); e != nil {
		all[heicEngine] = e
	}
	return all
}

// keptEngines is a folder of compiled engines.
type keptEngines struct {
	path   string
	folder *wasm.Folder
	all    map[string]engine // not started; for Kept only
}

// KeepEngines makes the process load compiled engines from a folder, and store there those that it has to compile,
// unless the folder's mode forbids writing. Without it each process compiles the engines that it needs, which takes
// seconds of processor time. The folder is created if it is missing; it takes 25 MB, or 50 MB if two versions of the
// program use it. KeepEngines returns an error if the folder cannot be used, or if another user could write to it. It
// must be called before the first object is opened.
func (d *Decoder) KeepEngines(folder string) error {
	f, err := wasm.Open(folder)
	if err != nil {
		return fmt.Errorf("compiled engines cannot be kept: %w", err)
	}
	path, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	d.engines = &keptEngines{path, f, engines()}
	return nil
}

// ShippedEngines returns the folder of compiled engines shipped with the program: bucketocr-engines beside the
// executable, or "" if there is none.
func ShippedEngines() string {
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	folder := filepath.Join(filepath.Dir(program), "bucketocr-engines")
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return ""
	}
	return folder
}

// CompileEngines compiles all engines into a folder, for programs of this build on processors like this one.
func CompileEngines(folder string) error {
	f, err := wasm.Open(folder)
	if err != nil {
		return err
	}
	for name, e := range engines() {
		if err := e.Start(f); err != nil {
			return fmt.Errorf("page: starting the decoder for %s: %w", name, err)
		}
		if !e.Kept(f) {
			return fmt.Errorf("page: the compiled decoder for %s cannot be kept in %s", name, folder)
		}
	}
	return nil
}

// has reports whether the folder seems to have an engine.
func (k *keptEngines) has(engine string) bool {
	if k == nil {
		return false
	}
	e, ok := k.all[engine]
	return ok && e.Kept(k.folder)
}

// start returns the call that starts an engine, or only loads it.
func (k *keptEngines) start(engine string, load bool) sandbox.Message {
	m := sandbox.Message{Op: engine}
	if k != nil {
		m.Data = []byte(k.path)
	}
	if load {
		m.Args = []int64{1}
	}
	return m
}

// startHandler returns the handler that starts an engine. The call's data is the folder; an argument means only load,
// do not compile.
func startHandler(e engine) sandbox.Handler {
	return func(_ context.Context, m sandbox.Message) (sandbox.Message, error) {
		var folder *wasm.Folder
		if len(m.Data) > 0 {
			folder, _ = wasm.Open(string(m.Data)) // KeepEngines has reported an unusable folder
		}
		start := e.Start
		if len(m.Args) > 0 {
			start = e.Load
		}
		err := start(folder)
		debug.FreeOSMemory()
		return sandbox.Message{}, err
	}
}

// notKept reports whether loading failed because the engine must be compiled first.
func notKept(err error) bool {
	e, ok := errors.AsType[*sandbox.Error](err)
	return ok && e.Code == notKeptCode
}

const notKeptCode = "not kept"
