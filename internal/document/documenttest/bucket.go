package documenttest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Bucket is a bucket in memory, named "b". It can be told to fail.
type Bucket struct {
	// Before, if set, is called before each "open" and "live"; if it returns an error, so does the call.
	Before func(ctx context.Context, op string, o document.Object) error

	mu    sync.Mutex
	live  map[string]object
	last  int64
	Opens int // number of calls of Open; read it only when nothing is running
}

type object struct {
	generation int64
	data       []byte
	attrs      document.Attributes
}

// NewBucket returns an empty bucket.
func NewBucket() *Bucket { return &Bucket{live: map[string]object{}} }

// Put stores a new generation, greater than any before, and returns its finalize event.
func (b *Bucket) Put(name string, data []byte) document.Event {
	b.mu.Lock()
	generation := b.last + 1
	b.mu.Unlock()
	return b.PutAs(name, generation, data)
}

// PutAs stores a generation with the given number, which need not grow.
func (b *Bucket) PutAs(name string, generation int64, data []byte) document.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = max(b.last, generation)
	sum := md5.Sum(data)
	attrs := document.Attributes{ContentType: "image/png", Size: int64(len(data)), MD5: hex.EncodeToString(sum[:]),
		Metadata: map[string]string{"by": "test"}}
	b.live[name] = object{generation: generation, data: bytes.Clone(data), attrs: attrs}
	return document.Event{
		Kind: document.KindFinalized, ID: fmt.Sprintf("event-%d", generation), Time: time.Now(),
		Object:     document.Object{Bucket: "b", Name: name, Generation: generation},
		Attributes: attrs,
	}
}

// Delete removes the live generation of the name and returns its delete event.
func (b *Bucket) Delete(name string) document.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.live[name]
	delete(b.live, name)
	return document.Event{
		Kind: document.KindDeleted, ID: fmt.Sprintf("delete-%d", o.generation), Time: time.Now(),
		Object:     document.Object{Bucket: "b", Name: name, Generation: o.generation},
		Attributes: o.attrs,
	}
}

// Open implements [document.Objects].
func (b *Bucket) Open(ctx context.Context, o document.Object) (document.Content, error) {
	if err := b.step(ctx, "open", o); err != nil {
		return document.Content{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Opens++
	l, ok := b.live[o.Name]
	if !ok || l.generation != o.Generation {
		return document.Content{}, fmt.Errorf("%w: %s", document.ErrObjectGone, o.Name)
	}
	return document.Content{ReadCloser: io.NopCloser(bytes.NewReader(l.data)), Size: int64(len(l.data))}, nil
}

// Live implements [document.Objects].
func (b *Bucket) Live(ctx context.Context, bucket, name string) (document.Object, document.Attributes, error) {
	o := document.Object{Bucket: bucket, Name: name}
	if err := b.step(ctx, "live", o); err != nil {
		return o, document.Attributes{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.live[name]
	if !ok {
		return o, document.Attributes{}, fmt.Errorf("%w: %s", document.ErrObjectGone, name)
	}
	o.Generation = l.generation
	return o, l.attrs, nil
}

func (b *Bucket) step(ctx context.Context, op string, o document.Object) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.Before == nil {
		return nil
	}
	return b.Before(ctx, op, o)
}
