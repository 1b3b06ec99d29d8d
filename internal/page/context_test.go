package page

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

func TestContextEndsReading(t *testing.T) {
	for name, data := range smallFiles(t) {
		for _, edge := range []int{16, 1540} {
			for at := int64(1); ; at++ {
				ctx, cancel := context.WithCancel(t.Context())
				o := newObject(data)
				o.size, o.step = -1, 97
				o.before = func() {
					if o.reads.Load() == at {
						cancel()
					}
				}
				l := &ledger{}
				lim := wide(edge)
				lim.Budget = l
				err := through(ctx, o, lim)
				cancel()
				if l.held != 0 {
					t.Fatalf("%s to %d, read %d: %d bytes are not given back", name, edge, at, l.held)
				}
				if o.reads.Load() < at {
					break
				}
				if err == nil && edge == 1540 && o.read.Load() == int64(len(data)) {
					continue // it ended while the end was being read
				}
				if err != context.Canceled || o.opens.Load() != o.closes.Load() {
					t.Fatalf("%s to %d, read %d: %v", name, edge, at, err)
				}
			}
		}
	}
}

// through is the way of an object to its page, with a context.
func through(ctx context.Context, o *fakeObject, lim Limits) error {
	ps, err := Split(ctx, o.source(), lim)
	if err != nil {
		return err
	}
	defer ps.Close()
	_, _, err = ps.Page(ctx, 1)
	return err
}

// TestContextEndsDecoding: a decoder that reads what is already buffered is stopped too.
func TestContextEndsDecoding(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := newObject(pagetest.EncodePNG(pagetest.Scanned(pagetest.Paper(300, 300, 12), 9)))
	s, err := open(ctx, o.source(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	r := attentive{s, bytes.NewReader(make([]byte, 1<<20))}
	if n, err := r.Read(make([]byte, 1<<20)); n != 1<<10 || err != nil {
		t.Error(n, err)
	}
	cancel()
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != context.Canceled || s.verdict(io.ErrUnexpectedEOF) != context.Canceled {
		t.Error(n, err)
	}
}

func TestDeadContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := newObject(pagetest.EncodePNG(pagetest.Paper(100, 100, 9)))
	ps, err := Split(ctx, o.source(), wide(16))
	if err != nil {
		t.Fatal(err)
	}
	defer ps.Close()
	cancel()
	if _, _, err := ps.Page(ctx, 1); err != context.Canceled {
		t.Error(err)
	}
	if _, err := Split(ctx, o.source(), wide(16)); err != context.Canceled || o.opens.Load() != 1 {
		t.Error(err)
	}
}
