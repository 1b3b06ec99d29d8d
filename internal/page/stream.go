package page

import (
	"context"
	"fmt"
	"io"
	"math"
	"sync"
)

const (
	// readSize is the bytes read at a time while parsing the header.
	readSize = 4 << 10
	// headMax bounds the bytes of a header kept for reading it again. Phone cameras write up to 100 KiB before the
	// picture (Exif with a thumbnail, colour profile). For larger headers the source is opened a second time instead.
	headMax = 256 << 10
)

// stream reads an opened source once. It enforces the limit, the declared size and the context, and remembers the first
// failure, so that a failed read is never taken for a broken picture. If the source declared its size, its last bytes
// are returned only after it has confirmed its end, where it checks its checksum; so even a reader that counts bytes
// and never reads to the end sees a failure. Only Close is safe for concurrent use.
type stream struct {
	ctx  context.Context // of the call that reads
	src  io.ReadCloser
	size int64  // declared bytes, -1 unknown
	max  int64  // limit in bytes
	n    int64  // bytes that src has returned
	err  error  // the first failure; io.EOF at the proper end
	head []byte // bytes kept from src
	pos  int    // bytes of head already read
	lost bool   // head no longer begins at the first byte

	closing sync.Once
	closed  error // what closing src returned
}

func open(ctx context.Context, src Source, limit int64) (*stream, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, size, err := src.Open(ctx)
	if err != nil {
		return nil, err
	}
	s := &stream{ctx: ctx, src: r, size: max(size, -1), max: min(limit, math.MaxInt64-1)}
	if size > limit {
		s.Close()
		return nil, s.overLimit()
	}
	return s, nil
}

func (s *stream) overLimit() error {
	return &Error{Kind: TooLarge, Msg: "the object is larger than the limit of " + bytesOf(s.max)}
}

// Close closes the source once. It may be called while another goroutine reads, as net/http does with a request's body.
func (s *stream) Close() error {
	s.closing.Do(func() { s.closed = s.src.Close() })
	return s.closed
}

// Read returns kept bytes that have not been read, then the source's next bytes.
func (s *stream) Read(p []byte) (int, error) {
	if s.pos < len(s.head) {
		n := copy(p, s.head[s.pos:])
		s.pos += n
		return n, nil
	}
	s.head, s.pos, s.lost = nil, 0, true
	return s.fetch(p)
}

// fetch reads from the source.
func (s *stream) fetch(p []byte) (int, error) {
	if s.err == nil {
		s.err = s.ctx.Err()
	}
	if s.err != nil || len(p) == 0 {
		return 0, s.err
	}
	n, err := s.try(p[:min(int64(len(p)), s.max-s.n+1)])
	if s.n == s.size && err == nil {
		_, err = s.try(make([]byte, 1))
	}
	switch s.err = err; {
	case err != nil && err != io.EOF:
	case s.n > s.max:
		s.err = s.overLimit()
	case s.size >= 0 && s.n > s.size:
		s.err = fmt.Errorf("page: the source returned more than the %d bytes it declared", s.size)
	case err == io.EOF && s.n < s.size:
		s.err = fmt.Errorf("page: the source ended after %d of %d bytes: %w", s.n, s.size, io.ErrUnexpectedEOF)
	default:
		return n, err
	}
	return 0, s.err
}

// try reads until there is a byte or an error. A source that keeps returning neither is broken.
func (s *stream) try(p []byte) (int, error) {
	for range 100 {
		if n, err := s.src.Read(p); n > 0 || err != nil {
			s.n += int64(n)
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// peek returns the next n bytes without consuming them, fewer at the end of the stream. Beyond headMax it drops bytes
// that have been read.
func (s *stream) peek(n int) []byte {
	for len(s.head)-s.pos < n && s.err == nil {
		if s.lost = s.lost || len(s.head)+readSize > headMax; s.lost {
			s.head, s.pos = s.head[:copy(s.head, s.head[s.pos:])], 0
		}
		end := len(s.head)
		s.head = append(s.head, make([]byte, readSize)...)
		got, _ := s.fetch(s.head[end:])
		s.head = s.head[:end+got]
	}
	return s.head[s.pos:min(s.pos+n, len(s.head))]
}

// front is like peek, but returns an error if the source failed.
func (s *stream) front(n int) ([]byte, error) {
	b := s.peek(n)
	if len(b) < n {
		return b, s.failure()
	}
	return b, nil
}

// Next reads n bytes. They are valid until the next call. At the end of the stream the error is errCut.
func (s *stream) Next(n int) ([]byte, error) {
	b, err := s.front(n)
	s.pos += len(b)
	if err == nil && len(b) < n {
		err = errCut
	}
	return b, err
}

// skip reads n bytes and keeps at most readSize of them beyond headMax.
func (s *stream) skip(n int64) error {
	for n > 0 {
		b, err := s.Next(int(min(n, readSize)))
		if err != nil {
			return err
		}
		n -= int64(len(b))
	}
	return nil
}

// rewind makes the stream begin at its first byte again, for a call with ctx, and reports whether that was possible.
func (s *stream) rewind(ctx context.Context) bool {
	if s.lost {
		return false
	}
	s.ctx, s.pos = ctx, 0
	return true
}

// failure returns the error that stopped the source before its end, or nil.
func (s *stream) failure() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}

// verdict returns the error to report after reading ended with err, which may be nil: the source's failure takes
// precedence. If err blames the bytes, the rest is read first, because the source verifies them only at its end.
func (s *stream) verdict(err error) error {
	if err == nil || isKind(err, Corrupt) {
		_, _ = io.Copy(io.Discard, s) // s remembers the failure
	}
	if f := s.failure(); f != nil {
		return f
	}
	return err
}
