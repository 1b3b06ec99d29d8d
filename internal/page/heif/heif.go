// Package heif decodes AVIF and HEIC: pictures coded as AV1 and HEVC in MPEG's box format. It parses the boxes and
// assembles the picture from its tiles and transparency; dav1d and libde265, compiled to WebAssembly (see
// lib/README.md), decode the coded pictures.
//
// Files, in reading order: heif.go the engines, codec.go one coded picture, hevc.go and nohevc.go with and without
// HEVC, draw.go assembling the picture, info.go its description, sequence.go and boxes.go the structure of a file.
package heif

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed" // the decoders
	"fmt"
	"image"
	"io"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/bucketocr/bucketocr/internal/page/wasm"
)

//go:embed lib/av1.wasm.gz
var av1Decoder []byte

// Engine decodes pictures of one codec. It starts on first use, which takes a fraction of a second unless it is kept in
// a folder, and stays loaded. Each coded picture has its own instance. Not safe for concurrent use, and best run in a
// separate process: see package pdf.
type Engine struct {
	name   string // in a folder of compiled engines
	codec  Codec
	packed []byte
	stream func(*item) ([]byte, error) // the decoder's input
	frame  func(numbers []uint32) frame

	runtime  wazero.Runtime
	compiled wazero.CompiledModule
}

// AVIF returns an engine for AVIF.
func AVIF() *Engine {
	return &Engine{name: "avif", codec: AV1, packed: av1Decoder, stream: av1Stream, frame: av1Frame}
}

// HEIC returns an engine for HEIC, or nil in programs built without it (build tag noheic).
func HEIC() *Engine {
	if hevcDecoder == nil {
		return nil
	}
	return &Engine{name: "heic", codec: HEVC, packed: hevcDecoder, stream: hevcStream, frame: hevcFrame}
}

// Start does what the first call would otherwise do: it loads the decoder from the folder, or compiles it for this
// machine and keeps it there.
func (e *Engine) Start(f *wasm.Folder) error { return e.start(f.Start) }

// Load is like Start, but returns wasm.ErrNotKept instead of compiling.
func (e *Engine) Load(f *wasm.Folder) error { return e.start(f.Load) }

// Kept reports whether Load is likely to succeed.
func (e *Engine) Kept(f *wasm.Folder) bool { return f.Has(e.name, e.packed) }

func (e *Engine) start(how wasm.Starter) error {
	if e.compiled != nil {
		return nil
	}
	var module []byte
	unpacked, err := gzip.NewReader(bytes.NewReader(e.packed))
	if err == nil {
		module, err = io.ReadAll(unpacked)
	}
	if err != nil {
		return err
	}
	ctx := context.Background()
	return how(e.name, e.packed, wazero.NewRuntimeConfig(), func(c wazero.RuntimeConfig) (err error) {
		e.runtime = wazero.NewRuntimeWithConfig(ctx, c)
		if _, err := wasi_snapshot_preview1.Instantiate(ctx, e.runtime); err != nil {
			return err
		}
		e.compiled, err = e.runtime.CompileModule(ctx, module)
		return err
	})
}

// Decode decodes the main picture of the file b into an *image.Gray or *image.YCbCr with full range and the colours of
// JPEG. The picture is cropped and laid on white where it is transparent, but not turned. The result takes
// [Info.Memory] bytes, and the decoder at most room bytes in addition.
func (e *Engine) Decode(b []byte, room int64) (image.Image, error) {
	if err := e.Start(nil); err != nil {
		return nil, fmt.Errorf("heif: starting the decoder: %w", err)
	}
	f, err := parse(b)
	if err != nil {
		return nil, err
	}
	info, err := f.info(f.main)
	if err != nil {
		return nil, err
	}
	var last *instance
	defer func() { last.close() }()
	return f.draw(info, func(it *item) (*frame, error) {
		last.close()
		last = nil
		if kinds[it.kind] != e.codec {
			return nil, &Unsupported{"HEIF with several codecs"}
		}
		fr, i, err := e.decode(it, room)
		last = i
		return fr, err
	})
}
