package page

import (
	"encoding/binary"
	"io"
	"math"
)

// whole reads a PNG that passes as it is, and follows its chunks. Of one that ends in the middle of its pixels the last bytes
// are not given but an *Error, so that nobody is asked to read half a page. Where else a file may be wrong only a decoder
// knows.
type whole struct {
	*stream
	given  int64
	chunks chunkWalk
}

func newWhole(s *stream) *whole { return &whole{stream: s, chunks: newWalk()} }

func (r *whole) Read(p []byte) (int, error) {
	n, err := r.stream.Read(p)
	r.chunks.follow(p[:n])
	if r.given += int64(n); r.chunks.cut() && (r.given == r.size || err == io.EOF) {
		return 0, cutOff(io.ErrUnexpectedEOF)
	}
	return n, err
}

// isCut says the same of a PNG in memory.
func isCut(b []byte) bool {
	w := newWalk()
	w.follow(b)
	return w.cut()
}

// chunkWalk is a place in a PNG.
type chunkWalk struct {
	left   int64 // bytes up to the next chunk's head
	head   [8]byte
	n      int // bytes of head that are there
	pixels bool
}

func newWalk() chunkWalk { return chunkWalk{left: int64(len(pngMagic))} }

func (w *chunkWalk) follow(b []byte) {
	for len(b) > 0 {
		n := min(w.left, int64(len(b)))
		w.left, b = w.left-n, b[n:]
		if w.left > 0 {
			return
		}
		n = int64(copy(w.head[w.n:], b))
		if w.n, b = w.n+int(n), b[n:]; w.n == len(w.head) {
			w.enter(string(w.head[4:]), int64(binary.BigEndian.Uint32(w.head[:])))
		}
	}
}

func (w *chunkWalk) enter(kind string, size int64) {
	w.n, w.left, w.pixels = 0, size+checksum, kind == "IDAT"
	if kind == "IEND" {
		w.left = math.MaxInt64 // whatever is behind is no matter
	}
}

// checksum is behind each chunk, in bytes. One that lacks no more than that may be whole.
const checksum = 4

// cut reports whether pixels are missing if nothing follows.
func (w *chunkWalk) cut() bool { return w.pixels && w.left > checksum }
