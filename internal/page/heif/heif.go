// Package heif decodes AVIF and HEIC with libavif and libheif, compiled to WebAssembly (lib/README.md says by whom). Both
// are pictures in a box format of MPEG's, whose header this package reads by itself.
//
// Files, in reading order: heif.go the engines, info.go the header, heic.go and noheic.go with and without HEIC.
package heif

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed" // the decoders
	"errors"
	"fmt"
	"image"
	"io"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
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
	decode func(*instance) (image.Image, error)

	runtime  wazero.Runtime
	compiled wazero.CompiledModule
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
	var module []byte
	unpacked, err := gzip.NewReader(bytes.NewReader(e.packed))
	if err == nil {
		module, err = io.ReadAll(unpacked)
	}
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

// Decode decodes the first picture of the file b into an *image.Gray, *image.YCbCr, *image.RGBA or *image.NRGBA, of 8 bits, with
// at most room bytes of memory beside the result. A HEIC is turned by its own marks; an AVIF is not, see [Info].
func (e *Engine) Decode(b []byte, room int64) (image.Image, error) {
	if err := e.Start(); err != nil {
		return nil, fmt.Errorf("heif: start of the decoder: %w", err)
	}
	m, err := wasm.NewMemory(room)
	if err != nil {
		return nil, fmt.Errorf("heif: %w", err)
	}
	defer m.Release()
	ctx := wasm.WithMemory(context.Background(), func() *wasm.Memory { return m })
	i, err := e.open(ctx, b)
	if i != nil {
		defer i.module.Close(ctx)
	}
	var img image.Image
	if err == nil {
		img, err = e.decode(i)
	}
	if m.Refused() {
		return nil, ErrRoom
	}
	return img, err
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

// at is where the decoder writes the n-th number, value what it wrote.
func (i *instance) at(n uint64) uint64 { return i.values + 4*n }
func (i *instance) value(n uint64) uint64 {
	v, _ := i.module.Memory().ReadUint32Le(uint32(i.at(n)))
	return uint64(v)
}

// maxSize is more bytes than a picture has.
const maxSize = 1 << 31

// read returns size bytes that lie at a place. They are the decoder's.
func (i *instance) read(at, size uint64) ([]byte, error) {
	b, ok := i.module.Memory().Read(uint32(at), uint32(size))
	if !ok {
		return nil, errMemory
	}
	return b, nil
}

// decodeTo has the decoder decode the picture, or the header alone, into these places.
func (i *instance) decodeTo(args ...uint64) error {
	ok, err := i.call("decode", append([]uint64{i.file, i.size}, args...)...)
	if err != nil {
		return fmt.Errorf("heif: the decoder failed: %w", err)
	}
	if ok == 0 {
		return ErrBroken
	}
	return nil
}

// pixels has the decoder decode the picture into size bytes, whose place follows args, and returns them. They are the decoder's.
func (i *instance) pixels(size uint64, args ...uint64) ([]byte, error) {
	out, err := i.malloc(size)
	if err == nil {
		err = i.decodeTo(append(args, out)...)
	}
	if err != nil {
		return nil, err
	}
	return i.read(out, size)
}

// decodeAVIF calls libavif as it is wrapped there: once for the header, once for the picture.
func decodeAVIF(i *instance) (image.Image, error) {
	// The numbers: width, height, depth, count, and 8 bytes of time.
	if err := i.decodeTo(1, 0, i.at(0), i.at(1), i.at(2), i.at(3), 0, 0); err != nil {
		return nil, err
	}
	w, h, deep := i.value(0), i.value(1), i.value(2) > 8
	size := 4 * w * h
	if deep {
		size *= 2
	}
	if w == 0 || h == 0 || w*h > maxSize/4 || size > maxSize {
		return nil, ErrBroken
	}
	pix, err := i.pixels(size, 0, 0, i.at(0), i.at(1), i.at(2), i.at(3), i.at(4))
	if err != nil {
		return nil, err
	}
	out8 := bytes.Clone(pix[:4*w*h])
	for n := range out8 {
		if deep { // two bytes a channel, the low one first
			out8[n] = pix[2*n+1]
		}
	}
	return &image.RGBA{Pix: out8, Stride: 4 * int(w), Rect: image.Rect(0, 0, int(w), int(h))}, nil
}

// Colour spaces of libheif.
const spaceYCbCr, spaceRGB, spaceGray = 0, 1, 2

// decodeHEIC calls libheif as it is wrapped there. Rows are padded to 16 bytes.
func decodeHEIC(i *instance) (image.Image, error) {
	i.callItHEIC()
	// The numbers: width, height, space, chroma, premultiplied.
	if err := i.decodeTo(1, i.at(0), i.at(1), i.at(2), i.at(3), i.at(4), 0); err != nil {
		return nil, err
	}
	w, h, space := i.value(0), i.value(1), i.value(2)
	ratio, known := ratios[i.value(3)]
	stride, chromaStride, chromaRows := padded(w), uint64(0), uint64(0)
	switch {
	case space == spaceRGB:
		stride = padded(4 * w)
	case space == spaceYCbCr && known:
		across, down := jpegfile.Sampling(ratio)
		chromaStride, chromaRows = padded((w+uint64(across)-1)/uint64(across)), (h+uint64(down)-1)/uint64(down)
	case space != spaceGray:
		return nil, ErrBroken
	}
	luma, chroma := stride*h, chromaStride*chromaRows
	if w == 0 || h == 0 || w*h > maxSize/4 || luma+2*chroma > maxSize {
		return nil, ErrBroken
	}
	pix, err := i.pixels(luma+2*chroma, 0, i.at(0), i.at(1), i.at(2), i.at(3), i.at(4))
	if err != nil {
		return nil, err
	}
	pix = bytes.Clone(pix)
	r := image.Rect(0, 0, int(w), int(h))
	switch premultiplied := i.value(4) == 1; {
	case space == spaceGray:
		return &image.Gray{Pix: pix, Stride: int(stride), Rect: r}, nil
	case space == spaceRGB && premultiplied:
		return &image.RGBA{Pix: pix, Stride: int(stride), Rect: r}, nil
	case space == spaceRGB:
		return &image.NRGBA{Pix: pix, Stride: int(stride), Rect: r}, nil
	}
	return &image.YCbCr{Y: pix[:luma], Cb: pix[luma : luma+chroma], Cr: pix[luma+chroma:], YStride: int(stride), CStride: int(chromaStride),
		SubsampleRatio: ratio, Rect: r}, nil
}

func padded(n uint64) uint64 { return (n + 15) &^ 15 }

// callItHEIC renames a file's brand where it has a general one, which the wrapping does not know.
func (i *instance) callItHEIC() {
	if brand, err := i.read(i.file+8, 4); err == nil && string(brand) != "heix" {
		copy(brand, "heic")
	}
}

// ratios are libheif's samplings.
var ratios = map[uint64]image.YCbCrSubsampleRatio{1: image.YCbCrSubsampleRatio420, 2: image.YCbCrSubsampleRatio422,
	3: image.YCbCrSubsampleRatio444}
