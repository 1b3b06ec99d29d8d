package worker

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/bucketocr/bucketocr/internal/document"
)

// source opens the object again and again for page, and remembers if its bytes turned out to be wrong: an answer for
// them is discarded even where it was already paid for.
type source struct {
	objects  document.Objects
	object   document.Object
	observer Observer
	mu       sync.Mutex
	err      error
}

func (s *source) open(ctx context.Context) (io.ReadCloser, int64, error) {
	c, err := s.objects.Open(ctx, s.object)
	if err != nil {
		return nil, 0, err
	}
	return &watched{ReadCloser: c.ReadCloser, ctx: ctx, s: s}, c.Size, nil
}

func (s *source) broken() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// watched is a reader whose failure its source remembers.
type watched struct {
	io.ReadCloser
	ctx context.Context
	s   *source
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	w.s.observer.Received(w.ctx, n)
	if err != nil && errors.Is(err, document.ErrStorageUnavailable) {
		w.s.mu.Lock()
		w.s.err = err
		w.s.mu.Unlock()
	}
	return n, err
}
