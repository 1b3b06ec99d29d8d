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

// picture is an *image.Gray, *image.YCbCr or *image.NRGBA.
type picture = image.Image

// Decode decodes the first picture of the file b, with at most room bytes of memory beside the result. A HEIC is turned by
// its own marks; an AVIF is not, see [Info]. What is transparent is laid on white, and 16 bits are reduced to 8.
func (e *Engine) Decode(b []byte, room int64) (image.Image, error) {
	if err := e.Start(); err != nil {
		return nil, fmt.Errorf("heif: start of the decoder: %w", err)
	}
	m, err := wasm.NewMemory(room)
	if err != nil {
		return nil, fmt.Errorf("heif: %w", err)
	}
	defer m.Release()
	e.next = m
	ctx := wasm.WithMemory(context.Background(), func() *wasm.Memory { return e.next })
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

// decodeAVIF calls libavif as it is wrapped there: once for the header, once for the picture.
func decodeAVIF(i *instance) (picture, error) {
	at := func(n uint64) uint64 { return i.values + 4*n } // width, height, depth, count
	ok, err := i.call("decode", i.file, i.size, 1, 0, at(0), at(1), at(2), at(3), 0, 0)
	if err != nil || ok == 0 {
		return nil, broken(err)
	}
	w, h, deep := i.value(0), i.value(1), i.value(2) > 8
	size := 4 * w * h
	if deep {
		size *= 2
	}
	if w == 0 || h == 0 || size > 1<<31 {
		return nil, broken(nil)
	}
	out, err := i.malloc(size)
	if err != nil {
		return nil, err
	}
	ok, err = i.call("decode", i.file, i.size, 0, 0, at(0), at(1), at(2), at(3), at(4), out) // at(4): 8 bytes of time
	if err != nil || ok == 0 {
		return nil, broken(err)
	}
	pix, err := i.read(out, size)
	if err != nil {
		return nil, err
	}
	return &image.NRGBA{Pix: onWhite(pix, deep), Stride: 4 * int(w), Rect: image.Rect(0, 0, int(w), int(h))}, nil
}

// onWhite copies pixels whose colours are multiplied with alpha, of one byte or two, the low one first, for each channel.
func onWhite(pix []byte, deep bool) []byte {
	step, high := 1, 0
	if deep {
		step, high = 2, 1
	}
	out := make([]byte, len(pix)/step)
	for i := 0; i < len(out); i += 4 {
		white := 255 - pix[(i+3)*step+high]
		for c := range 3 {
			out[i+c] = pix[(i+c)*step+high] + white
		}
		out[i+3] = 255
	}
	return out
}

// Colour spaces and samplings of libheif.
const (
	spaceYCbCr, spaceRGB, spaceGray = 0, 1, 2
	chroma420, chroma422, chroma444 = 1, 2, 3
)

// decodeHEIC calls libheif as it is wrapped there. Rows are padded to 16 bytes.
func decodeHEIC(i *instance) (picture, error) {
	i.callItHEIC()
	at := func(n uint64) uint64 { return i.values + 4*n } // width, height, space, chroma, premultiplied
	ok, err := i.call("decode", i.file, i.size, 1, at(0), at(1), at(2), at(3), at(4), 0)
	if err != nil || ok == 0 {
		return nil, broken(err)
	}
	w, h := int(i.value(0)), int(i.value(1))
	img, planes := emptyPicture(w, h, i.value(2), i.value(3))
	if img == nil {
		return nil, broken(nil)
	}
	size := uint64(0)
	for _, p := range planes {
		size += uint64(padded(p.width) * p.rows)
	}
	if size > 1<<31 {
		return nil, broken(nil)
	}
	out, err := i.malloc(size)
	if err != nil {
		return nil, err
	}
	ok, err = i.call("decode", i.file, i.size, 0, at(0), at(1), at(2), at(3), at(4), out)
	if err != nil || ok == 0 {
		return nil, broken(err)
	}
	pix, err := i.read(out, size)
	for _, p := range planes {
		for y := 0; err == nil && y < p.rows; y++ {
			copy(p.pix[y*p.width:][:p.width], pix[y*padded(p.width):])
		}
		pix = pix[min(len(pix), padded(p.width)*p.rows):]
	}
	if m, ok := img.(*image.NRGBA); ok && i.value(4) == 1 {
		m.Pix = onWhite(m.Pix, false)
	}
	return img, err
}

func padded(n int) int { return (n + 15) &^ 15 }

// callItHEIC renames a file's brand where it has a general one, which the wrapping does not know.
func (i *instance) callItHEIC() {
	brand, err := i.read(i.file+8, 4)
	if err == nil && !bytes.Equal(brand, []byte("heic")) && !bytes.Equal(brand, []byte("heix")) {
		copy(brand, "heic")
	}
}

// plane is where rows of so many bytes go.
type plane struct {
	pix         []byte
	width, rows int
}

// emptyPicture makes the picture and lists its planes; nil if there is none of that kind.
func emptyPicture(w, h int, space, chroma uint64) (picture, []plane) {
	r := image.Rect(0, 0, w, h)
	if w < 1 || h < 1 || int64(w)*int64(h) > 1<<29 {
		return nil, nil
	}
	switch ratio, known := ratios[chroma]; {
	case space == spaceGray:
		m := image.NewGray(r)
		return m, []plane{{m.Pix, w, h}}
	case space == spaceRGB:
		m := image.NewNRGBA(r)
		return m, []plane{{m.Pix, 4 * w, h}}
	case space == spaceYCbCr && known:
		m := image.NewYCbCr(r, ratio)
		rows := len(m.Cb) / m.CStride
		return m, []plane{{m.Y, w, h}, {m.Cb, m.CStride, rows}, {m.Cr, m.CStride, rows}}
	}
	return nil, nil
}

var ratios = map[uint64]image.YCbCrSubsampleRatio{chroma420: image.YCbCrSubsampleRatio420,
	chroma422: image.YCbCrSubsampleRatio422, chroma444: image.YCbCrSubsampleRatio444}

// broken is what the decoder refuses; a crash of it is not.
func broken(crash error) error {
	if crash != nil {
		return fmt.Errorf("heif: the decoder failed: %w", crash)
	}
	return ErrBroken
}
