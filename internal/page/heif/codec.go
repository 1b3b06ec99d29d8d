package heif

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/bucketocr/bucketocr/internal/page/planes"
	"github.com/bucketocr/bucketocr/internal/page/wasm"
)

// instance is one run of a decoder.
type instance struct {
	memory *wasm.Memory
	module api.Module
}

// close ends the instance. The planes that it decoded become invalid.
func (i *instance) close() {
	if i == nil {
		return
	}
	if i.module != nil {
		_ = i.module.Close(context.Background())
	}
	_ = i.memory.Release()
}

// numbers is the number of values with which a decoder describes a picture. The last three are the addresses of the
// planes.
const numbers = 12

// decode decodes one coded picture in an instance of at most room bytes. The caller closes the instance, even after an
// error.
func (e *Engine) decode(it *item, room int64) (*frame, *instance, error) {
	if it.cut {
		return nil, nil, ErrBroken
	}
	stream, err := e.stream(it)
	if err != nil {
		return nil, nil, err
	}
	m, err := wasm.NewMemory(room)
	if err != nil {
		return nil, nil, fmt.Errorf("heif: %w", err)
	}
	i := &instance{memory: m}
	ctx := wasm.WithMemory(context.Background(), func() *wasm.Memory { return m })
	i.module, err = e.runtime.InstantiateModule(ctx, e.compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	var fr *frame
	if err == nil {
		fr, err = e.run(i, stream)
	}
	if m.Refused() {
		return nil, i, ErrRoom
	}
	return fr, i, err
}

// run decodes a stream in an instance.
func (e *Engine) run(i *instance, stream []byte) (*frame, error) {
	file, err := i.call("malloc", uint64(len(stream))+1)
	if err != nil {
		return nil, err
	}
	out, err := i.call("malloc", 4*numbers)
	if err != nil {
		return nil, err
	}
	memory := i.module.Memory()
	if file == 0 || out == 0 || !memory.Write(uint32(file), stream) ||
		!memory.Write(uint32(out), make([]byte, 4*numbers)) {
		return nil, ErrCrash
	}
	code, err := i.call("decode", file, uint64(len(stream)), out)
	switch {
	case err != nil:
		return nil, err
	case code != 0:
		return nil, fmt.Errorf("%w (%d)", ErrBroken, int32(code))
	}
	raw, ok := memory.Read(uint32(out), 4*numbers)
	if !ok {
		return nil, ErrCrash
	}
	values := make([]uint32, numbers)
	for n := range values {
		values[n] = binary.LittleEndian.Uint32(raw[4*n:])
	}
	fr := e.frame(values)
	return &fr, fr.read(memory, values[len(values)-3:])
}

// call calls a function of the decoder. A trap, as opposed to an error code, means that the file crashed it.
func (i *instance) call(name string, args ...uint64) (uint64, error) {
	f := i.module.ExportedFunction(name)
	if f == nil {
		return 0, errors.New("heif: the decoder has no function " + name)
	}
	r, err := f.Call(context.Background(), args...)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrCrash, err)
	}
	return r[0], nil
}

// maxSide is a larger side than any codec allows.
const maxSide = 1 << 17

// read finds the planes in the decoder's memory. It checks every value, since the decoder processed untrusted bytes.
func (fr *frame) read(memory api.Memory, at []uint32) error {
	if fr.width < 1 || fr.height < 1 || fr.width > maxSide || fr.height > maxSide || fr.sampling < 0 ||
		fr.sampling > 3 {
		return ErrBroken
	}
	w, h, bits, stride := fr.width, fr.height, fr.bits[0], fr.strides[0]
	for n := range at {
		if n == 1 {
			if fr.sampling == 0 {
				break
			}
			across, down := sampled(fr.sampling)
			w, h, bits, stride = ceil(w, across), ceil(h, down), fr.bits[1], fr.strides[1]
		}
		if bits < 8 || bits > 16 || stride < w*bytesOf(bits) || int64(stride)*int64(h) > int64(memory.Size()) {
			return ErrBroken
		}
		b, ok := memory.Read(at[n], uint32(stride*(h-1)+w*bytesOf(bits)))
		if !ok {
			return ErrBroken
		}
		fr.planes[n] = b
	}
	return nil
}

// av1Stream returns the input of dav1d: an item's unchanged data.
func av1Stream(it *item) ([]byte, error) { return it.data(), nil }

// av1Frame parses the result of lib/av1.c.
func av1Frame(n []uint32) frame {
	bits := int(n[3])
	return frame{width: int(n[0]), height: int(n[1]), sampling: int(n[2]), bits: [2]int{bits, bits}, full: n[4] != 0,
		matrix: planes.Matrix(n[5]), strides: [2]int{int(n[6]), int(n[7])}}
}

// hevcStream returns the input of libde265: NAL units, each after its length in four bytes, those of the item's
// configuration first.
func hevcStream(it *item) ([]byte, error) {
	config := it.property("hvcC")
	if len(config) < 23 {
		return nil, ErrBroken
	}
	lengthSize := int(config[21]&3) + 1
	var out []byte
	r := &reader{b: config[23:]}
	for range config[22] {
		r.number(1)
		for range r.number(2) {
			if out = appendUnit(out, r, 2); r.failed {
				return nil, ErrBroken
			}
		}
	}
	for r = (&reader{b: it.data()}); len(r.b) > 0; {
		if out = appendUnit(out, r, lengthSize); r.failed {
			return nil, ErrBroken
		}
	}
	return out, nil
}

// appendUnit appends a NAL unit, whose length r has in lengthSize bytes.
func appendUnit(out []byte, r *reader, lengthSize int) []byte {
	n := r.number(lengthSize)
	if r.failed || n > len(r.b) {
		r.failed = true
		return out
	}
	out = append(binary.BigEndian.AppendUint32(out, uint32(n)), r.b[:n]...)
	r.b = r.b[n:]
	return out
}

// hevcFrame parses the result of lib/hevc.cc.
func hevcFrame(n []uint32) frame {
	return frame{width: int(n[0]), height: int(n[1]), sampling: int(n[2]), bits: [2]int{int(n[3]), int(n[4])},
		full:   n[5] != 0,
		matrix: planes.Matrix(n[6]), strides: [2]int{int(n[7]), int(n[8])}}
}
