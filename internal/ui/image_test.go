package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// stalling is a bucket of one picture under every name. That of "fine" comes whole, of any other so many bytes and no
// more until the context ends; -1: it is not even opened.
type stalling struct {
	picture []byte
	length  int
}

func (s stalling) Open(ctx context.Context, o document.Object) (document.Content, error) {
	length := s.length
	if o.Name == "fine" {
		length = len(s.picture)
	}
	if length < 0 {
		<-ctx.Done()
		return document.Content{}, ctx.Err()
	}
	var r io.Reader = bytes.NewReader(s.picture[:length])
	if length < len(s.picture) {
		r = io.MultiReader(r, held{ctx})
	}
	return document.Content{ReadCloser: io.NopCloser(r), Size: int64(len(s.picture))}, nil
}

// held is what does not come.
type held struct{ ctx context.Context }

func (h held) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

// A bucket that hangs, at whatever point, blocks the making of pictures only for a limited time.
func TestHangingBucketKeepsNoPlace(t *testing.T) {
	t.Parallel()
	whole := dot(600, 800)
	for name, length := range map[string]int{
		"when it is opened": -1, "before the first byte": 0, "in the header": 20, "in the pixels": len(whole) - 20,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := newAlbum(stalling{whole, length},
					page.Limits{Edge: pictureEdge, MaxBytes: 1 << 20, MaxPixels: 1e7, MaxPages: 100})
				defer a.close()
				get := func(name string, patience time.Duration) error {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					_, err := a.make(ctx, document.Object{Bucket: "b", Name: name, Generation: 1}, 1, 0)
					return err
				}
				hung := make(chan error, albumPlaces)
				for _, name := range []string{"a", "b"} {
					go func() { hung <- get(name, pictureTime) }()
				}
				synctest.Wait()
				if err := get("fine", 3*pictureTime); err != nil {
					t.Errorf("a file that is read: %v", err)
				}
				for range albumPlaces {
					if err := <-hung; !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("a file that hangs: %v, want DeadlineExceeded", err)
					}
				}
				if n := len(a.open); n != 1 {
					t.Errorf("%d files are open, want the one that was read", n)
				}
			})
		})
	}
}
