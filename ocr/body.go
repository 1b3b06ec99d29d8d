package ocr

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// blockSize is how much of the image is held at once, in bytes: a multiple of 3, so that only the last block is padded, and of
// a size whose base64 fills the 32 KiB buffer that net/http copies with.
const blockSize = 24 << 10

var blocks = sync.Pool{New: func() any { return new([blockSize]byte) }}

var errAbandoned = errors.New("the try is over")

// body is the request as a stream: prefix, the image in base64, suffix. net/http reads and closes it in a goroutine of its own that can
// outlive the call, so everything the call asks about it afterwards goes through its methods.
type body struct {
	src       io.ReadCloser
	left      int64 // image bytes not yet taken from src
	block     *[blockSize]byte
	at, end   int     // block[at:end] is not yet encoded
	tiny      [4]byte // base64 that did not fit a very small buffer
	rest      []byte  // what is left in tiny, or of prefix or suffix
	suffix    []byte
	wrapped   bool // suffix is in rest
	reading   sync.Mutex
	closing   sync.Once
	closed    chan struct{}
	abandoned atomic.Bool
	whole     atomic.Bool // everything was handed out
	failure   atomic.Pointer[sourceError]
}

// sourceError is what the image's reader, or its wrong length, came to.
type sourceError struct{ err error }

// openBody opens the image and looks at its head. The caller sets rest and suffix before it sends the body, and closes it in any case.
func openBody(img Image) (*body, *Error) {
	src, err := img.Open()
	if err != nil {
		return nil, causeError(KindImageSource, PhaseImage, err)
	}
	b := &body{src: src, left: img.Size, block: blocks.Get().(*[blockSize]byte), closed: make(chan struct{})}
	if err := b.fill(); err != nil {
		b.Close()
		return nil, causeError(KindImageSource, PhaseImage, err)
	}
	return b, nil
}

// head is the first block of the image, valid until the first Read.
func (b *body) head() []byte { return b.block[b.at:b.end] }

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.doneReading()
	if b.abandoned.Load() {
		return 0, errAbandoned
	}
	if failed := b.failure.Load(); failed != nil {
		return 0, failed.err
	}
	n := 0
	for n < len(p) {
		if err := b.advance(); err != nil {
			return n, err
		}
		n += b.take(p[n:])
	}
	return n, nil
}

// doneReading closes what Close left to it. The lock goes first: Close leaves it only after abandoning.
func (b *body) doneReading() {
	b.reading.Unlock()
	if b.abandoned.Load() {
		b.Close()
	}
}

// advance makes sure that there is something to take, or says io.EOF or why not.
func (b *body) advance() error {
	switch {
	case len(b.rest) > 0 || b.at < b.end:
		return nil
	case b.left > 0:
		err := b.fill()
		if err != nil {
			b.failure.Store(&sourceError{err})
		}
		return err
	case !b.wrapped:
		b.rest, b.wrapped = b.suffix, true
		return nil
	}
	return io.EOF
}

// take puts at least one byte into p.
func (b *body) take(p []byte) int {
	if len(b.rest) == 0 {
		return b.encode(p)
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	if b.wrapped && len(b.rest) == 0 {
		b.whole.Store(true)
	}
	return n
}

// encode turns as much of the block into base64 as p takes.
func (b *body) encode(p []byte) int {
	if len(p) < 4 {
		k := min(3, b.end-b.at)
		base64.StdEncoding.Encode(b.tiny[:], b.block[b.at:b.at+k])
		b.at += k
		n := copy(p, b.tiny[:])
		b.rest = b.tiny[n:]
		return n
	}
	k := min(len(p)/4*3, b.end-b.at)
	encodeBase64(p, b.block[b.at:b.at+k])
	b.at += k
	return base64.StdEncoding.EncodedLen(k)
}

// fill is readBlock with a panic of the source turned into its error: net/http's goroutine is nobody's to guard.
func (b *body) fill() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the image's reader panicked: %v", p)
		}
	}()
	return b.readBlock()
}

// readBlock takes the next block from the source. With the last one it makes sure that the source ends there, so that an error that is
// found at the end, a checksum's for example, is known before the last byte leaves.
func (b *body) readBlock() error {
	want := int(min(b.left, blockSize))
	n, err := io.ReadFull(b.src, b.block[:want])
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("the image ended %d bytes before its stated size: %w", b.left-int64(n), io.ErrUnexpectedEOF)
	}
	if err != nil {
		return err
	}
	b.at, b.end = 0, n
	if b.left -= int64(n); b.left == 0 {
		return b.expectEnd()
	}
	return nil
}

func (b *body) expectEnd() error {
	var one [1]byte
	for range 100 {
		n, err := b.src.Read(one[:])
		switch {
		case n > 0:
			return errors.New("the image is longer than its stated size")
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// Close implements io.Closer; it may be called more than once and while a Read is under way, which then closes when it is back: not every
// source can stand both at once.
func (b *body) Close() error {
	b.abandon()
	if b.reading.TryLock() {
		b.closeSource()
		b.reading.Unlock()
	}
	return nil
}

func (b *body) closeSource() {
	b.closing.Do(func() {
		b.src.Close()
		b.at, b.end = 0, 0
		blocks.Put(b.block)
		close(b.closed)
	})
}

// abandon keeps a Read that comes too late away from the source.
func (b *body) abandon() { b.abandoned.Store(true) }

// sourceFailure is the source's error, nil if it had none so far.
func (b *body) sourceFailure() error {
	if failed := b.failure.Load(); failed != nil {
		return failed.err
	}
	return nil
}
