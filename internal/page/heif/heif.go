// Package heif decodes AVIF and HEIC with libavif and libheif, compiled to WebAssembly (lib/README.md says by whom). Both
// are pictures in a box format of MPEG's, whose header this package reads by itself.
package heif

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed" // the decoders
	"errors"
	"fmt"
	"io"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/bucketocr/bucketocr/internal/page/wasm"
)

// What is wrong with a file. All other errors are the engine's.
var (
	ErrBroken = errors.New("not a readable picture")
	ErrRoom   = errors.New("needs more memory") // than room
)

//go:embed lib/avif.wasm.gz
var avifDecoder []byte

// Engine decodes pictures of one format. It starts on first use, which takes a second, and stays. Each call has an instance
// of its own. Not safe for concurrent use, and better not in a process that has anything else to do: see package pdf.
type Engine struct {
	packed []byte
	decode func(*instance) (picture, error)

	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	next     *wasm.Memory // of the instance that is made next
}

// AVIF returns an engine for AVIF.
func AVIF() *Engine { return &Engine{packed: avifDecoder, decode: decodeAVIF} }

// HEIC returns an engine for HEIC, nil where the program was built without it (build tag noheic).
func HEIC() *Engine {
	if heicDecoder == nil {
		return nil
	}
	return &Engine{packed: heicDecoder, decode: decodeHEIC}
}

// Start does beforehand what the first call would do: the decoder is compiled for this machine.
func (e *Engine) Start() error {
	if e.compiled != nil {
		return nil
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(e.packed))
	if err != nil {
		return err
	}
	module, err := io.ReadAll(unpacked)
	if err != nil {
		return err
	}
	ctx := context.Background()
	e.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2|experimental.CoreFeaturesThreads))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, e.runtime); err != nil {
		return err
	}
	e.compiled, err = e.runtime.CompileModule(ctx, module)
	return err
}

// instance is one run of the decoder, with the file in its memory.
type instance struct {
	module     api.Module
	file, size uint64 // where the file lies, and its bytes
	values     uint64 // where the decoder writes numbers
}

// numbers is how many 32-bit values a decoder returns at most.
const numbers = 8

// open makes an instance and puts the file into it.
func (e *Engine) open(ctx context.Context, b []byte) (*instance, error) {
	m, err := e.runtime.InstantiateModule(ctx, e.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return nil, err
	}
	i := &instance{module: m, size: uint64(len(b))}
	if i.file, err = i.malloc(i.size); err == nil {
		i.values, err = i.malloc(4 * numbers)
	}
	if err == nil && !m.Memory().Write(uint32(i.file), b) {
		err = errMemory
	}
	return i, err
}

var errMemory = errors.New("heif: outside of the decoder's memory")

func (i *instance) malloc(n uint64) (uint64, error) {
	r, err := i.call("malloc", n)
	if err == nil && r == 0 {
		err = errMemory
	}
	return r, err
}

func (i *instance) call(name string, args ...uint64) (uint64, error) {
	f := i.module.ExportedFunction(name)
	if f == nil {
		return 0, fmt.Errorf("heif: the decoder has no %s", name)
	}
	r, err := f.Call(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return r[0], nil
}

// value is the n-th number that the decoder wrote.
func (i *instance) value(n uint64) uint64 {
	v, _ := i.module.Memory().ReadUint32Le(uint32(i.values + 4*n))
	return uint64(v)
}

// read returns size bytes that lie at a place. They are the decoder's.
func (i *instance) read(at, size uint64) ([]byte, error) {
	b, ok := i.module.Memory().Read(uint32(at), uint32(size))
	if !ok || size > 1<<31 {
		return nil, errMemory
	}
	return b, nil
}
