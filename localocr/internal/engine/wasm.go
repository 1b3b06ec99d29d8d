package engine

import (
	"bytes"
	"context"
	"io"
	"strconv"

	"github.com/danlock/gogosseract"
	"github.com/tetratelabs/wazero"
)

// wasm opens Tesseract 5.3.0 as compiled to WebAssembly by gogosseract. Each engine takes 100 to
// 250 MB; they share the compiled code, which takes 2 s to make and 60 ms to load from the cache.
type wasm struct {
	psm   int
	cache wazero.CompilationCache
	turn  chan struct{} // engines are opened one by one: the first compiles, the others find its code
}

// newWASM keeps compiled code in cacheDir, or in memory if that cannot be written.
func newWASM(psm int, cacheDir string) *wasm {
	cache := wazero.NewCompilationCache()
	if cacheDir != "" {
		if onDisk, err := wazero.NewCompilationCacheWithDir(cacheDir); err == nil {
			cache = onDisk
		}
	}
	return &wasm{psm: psm, cache: cache, turn: make(chan struct{}, 1)}
}

func (w *wasm) Version() string { return "5.3.0" }
func (w *wasm) String() string  { return "Tesseract " + w.Version() + " in WebAssembly" }
func (w *wasm) Close() error    { return nil }

func (w *wasm) Open(ctx context.Context) (Engine, error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	config := gogosseract.Config{
		Language:     language,
		TrainingData: bytes.NewReader(model),
		WASMCache:    w.cache,
		Variables: map[string]string{
			"tessedit_pageseg_mode": strconv.Itoa(w.psm),
			"thresholding_method":   thresholding,
		},
	}
	config.Stdout, config.Stderr = io.Discard, io.Discard // standard output is the parent's
	t, err := gogosseract.New(ctx, config)
	if err != nil {
		return nil, err
	}
	return &wasmEngine{t}, nil
}

type wasmEngine struct{ t *gogosseract.Tesseract }

// Read can be stopped only where Tesseract reports its progress, which is after each line of text:
// usually every 0.1 s. In the layout analysis before the first line (0.3 s on a common page) it
// cannot be stopped at all.
func (e *wasmEngine) Read(ctx context.Context, png []byte) (string, error) {
	if err := e.t.LoadImage(ctx, bytes.NewReader(png), gogosseract.LoadImageOptions{}); err != nil {
		return "", err
	}
	text, err := e.t.GetText(ctx, func(int32) {
		if ctx.Err() != nil {
			// The only way out of running WebAssembly: wazero returns it as the call's error.
			panic(context.Cause(ctx))
		}
	})
	if err != nil {
		return "", err
	}
	return text, e.t.ClearImage(ctx)
}

func (e *wasmEngine) Close() error { return e.t.Close(context.Background()) }
