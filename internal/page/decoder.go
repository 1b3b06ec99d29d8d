package page

import (
	"context"
	"errors"
	"fmt"
	"image"
	"runtime/debug"
	"slices"
	"time"

	"github.com/bucketocr/bucketocr/internal/page/jpegfile"
	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// Decoder is the process in which PDF, AVIF and HEIC are decoded: started by the first object that needs it, for all objects,
// and again after it has died. It ends with the program. Safe for concurrent use.
type Decoder struct{ child *sandbox.Child }

// patience is how long a call may take. What takes a minute is not going to end; the slowest of a thousand hostile PDFs took two
// seconds.
const patience = time.Minute

// NewDecoder returns a Decoder that is not started yet.
func NewDecoder() *Decoder { return &Decoder{sandbox.New(patience)} }

// Close ends the process, once no call is running. The next call starts another.
func (d *Decoder) Close() { d.child.Close() }

// errRoom says that an engine needs more memory than the room that it was given.
var errRoom = &Error{Kind: TooLarge, Msg: "it takes too much memory to decode"}

// call has the process do something with data in so much room, and classifies what it fails with.
func (d *Decoder) call(ctx context.Context, op string, data []byte, room int64, args ...int64) (sandbox.Message, error) {
	m, err := d.child.Call(ctx, sandbox.Message{Op: op, Args: append([]int64{room}, args...), Data: data})
	e, told := errors.AsType[*sandbox.Error](err)
	switch {
	case errors.Is(err, sandbox.ErrSlow):
		return m, &Error{Kind: TooLarge, Msg: "it takes too long to decode", Err: err}
	case told && e.Code == roomCode:
		return m, errRoom
	case told && e.Code != "":
		return m, &Error{Kind: Kind(e.Code), Msg: e.Msg}
	case told:
		return m, fmt.Errorf("page: %s: %w", op, e)
	}
	return m, err
}

// sandboxed is a picture that an engine decodes, by a call with these numbers.
type sandboxed struct {
	header
	op   string
	args []int64
}

func (p *sandboxed) decode(ctx context.Context, in input) (image.Image, error) {
	m, err := in.decoder.call(ctx, p.op, in.data, in.room, p.args...)
	if err != nil {
		return nil, err
	}
	return messagePicture(m)
}

const roomCode = "room"

// errorCode is how an error goes from the child to its parent, where call makes it one again.
func errorCode(err error) string {
	e, ok := errors.AsType[*Error](err)
	switch {
	case e == errRoom:
		return roomCode
	case ok:
		return string(e.Kind)
	}
	return ""
}

// startHandler returns the handler that starts an engine.
func startHandler(start func() error) sandbox.Handler {
	return func(sandbox.Message) (sandbox.Message, error) {
		err := start()
		debug.FreeOSMemory()
		return sandbox.Message{}, err
	}
}

// Kinds of picture that the child answers with.
const (
	kindNRGBA = iota
	kindRGBA
	kindGray
	kindYCbCr // and the ratio added
)

// pictureMessage returns a picture as an answer: width, height, kind and strides, and the bytes of its planes, one after the other.
func pictureMessage(img image.Image, err error) (sandbox.Message, error) {
	if err != nil {
		return sandbox.Message{}, err
	}
	m := sandbox.Message{Args: []int64{int64(img.Bounds().Dx()), int64(img.Bounds().Dy())}}
	switch p := img.(type) {
	case *image.NRGBA:
		m.Args, m.Data = append(m.Args, kindNRGBA, int64(p.Stride), 0), p.Pix
	case *image.RGBA:
		m.Args, m.Data = append(m.Args, kindRGBA, int64(p.Stride), 0), p.Pix
	case *image.Gray:
		m.Args, m.Data = append(m.Args, kindGray, int64(p.Stride), 0), p.Pix
	case *image.YCbCr:
		m.Args = append(m.Args, kindYCbCr+int64(p.SubsampleRatio), int64(p.YStride), int64(p.CStride))
		m.Data = slices.Concat(p.Y, p.Cb, p.Cr)
	default:
		return m, fmt.Errorf("page: a decoder returned %T", img)
	}
	return m, nil
}

// messagePicture returns the picture of an answer, whose bytes it uses.
func messagePicture(m sandbox.Message) (image.Image, error) {
	if len(m.Args) != 5 || slices.Min(m.Args) < 0 || slices.Max(m.Args) > 1<<30 || min(m.Args[0], m.Args[1]) < 1 {
		return nil, fmt.Errorf("page: a decoder answered %v", m.Args)
	}
	w, h, kind, stride, chromaStride := int(m.Args[0]), int(m.Args[1]), m.Args[2], int(m.Args[3]), int(m.Args[4])
	r, first := image.Rect(0, 0, w, h), stride*h // the bytes of the first plane
	switch {
	case kind == kindNRGBA && stride >= 4*w && len(m.Data) == first:
		return &image.NRGBA{Pix: m.Data, Stride: stride, Rect: r}, nil
	case kind == kindRGBA && stride >= 4*w && len(m.Data) == first:
		return &image.RGBA{Pix: m.Data, Stride: stride, Rect: r}, nil
	case kind == kindGray && stride >= w && len(m.Data) == first:
		return &image.Gray{Pix: m.Data, Stride: stride, Rect: r}, nil
	case kind >= kindYCbCr && kind <= kindYCbCr+int64(image.YCbCrSubsampleRatio410):
		ratio := image.YCbCrSubsampleRatio(kind - kindYCbCr)
		across, down := jpegfile.Sampling(ratio)
		second := first + chromaStride*ceilDiv(h, down)
		if stride >= w && chromaStride >= ceilDiv(w, across) && len(m.Data) == second+(second-first) {
			return &image.YCbCr{Y: m.Data[:first], Cb: m.Data[first:second], Cr: m.Data[second:], YStride: stride, CStride: chromaStride,
				SubsampleRatio: ratio, Rect: r}, nil
		}
	}
	return nil, fmt.Errorf("page: a decoder answered %v with %d bytes", m.Args, len(m.Data))
}
