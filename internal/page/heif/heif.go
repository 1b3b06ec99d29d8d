// Package heif decodes AVIF and HEIC: pictures coded as AV1 and HEVC in a box format of MPEG's. This package reads the
// boxes and puts the picture together, of its tiles and its transparency; the coded pictures are decoded by dav1d and
// libde265, compiled to WebAssembly (lib/README.md says how).
//
// Files, in reading order: heif.go the engines, codec.go one coded picture, hevc.go and nohevc.go with and without
// HEVC, draw.go the picture, info.go the header, sequence.go and boxes.go what a file consists of.
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

// Engine decodes pictures of one codec. It starts on first use, which takes part of a second where it is not kept, and
// stays. Each coded picture has an instance of its own. Not safe for concurrent use, and better not in a process that
// has anything else to do: see package pdf.
type Engine struct {
	name   string // in a folder of compiled engines
	codec  Codec
	packed []byte
	stream func(*item) ([]byte, error) // what the decoder is given
	frame  func(numbers []uint32) frame

	runtime  wazero.Runtime
	compiled wazero.CompiledModule
}

// AVIF returns an engine for AVIF.
func AVIF() *Engine {
	return &Engine{name: "avif", codec: AV1, packed: av1Decoder, stream: av1Stream, frame: av1Frame}
}

// HEIC returns an engine for HEIC, nil where the program was built without it (build tag noheic).
func HEIC() *Engine {
	if hevcDecoder == nil {
		return nil
	}
	return &Engine{name: "heic", codec: HEVC, packed: hevcDecoder, stream: hevcStream, frame: hevcFrame}
}

// Start does beforehand what the first call would do: the decoder is loaded from the folder, or compiled for this
// machine and kept there.
func (e *Engine) Start(f *wasm.Folder) error { return e.start(f.Start) }

// Load is Start, but returns wasm.ErrNotKept where Start would compile.
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

// Decode decodes the main picture of the file b into an *image.Gray or *image.YCbCr of full range and the colours of
// JPEG, cropped, but not turned, laid on white where it is transparent. The result takes [Info.Memory] bytes, and the
// decoder at most room beside it.
func (e *Engine) Decode(b []byte, room int64) (image.Image, error) {
	if err := e.Start(nil); err != nil {
		return nil, fmt.Errorf("heif: start of the decoder: %w", err)
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
			return nil, &Unsupported{"HEIF of pictures of different codecs"}
		}
		fr, i, err := e.decode(it, room)
		last = i
		return fr, err
	})
}
