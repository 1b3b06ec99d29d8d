package page

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
)

// object is a Source that counts what is done to it, and fails if told to.
type object struct {
	data   []byte
	size   int64 // declared
	fail   error // given in place of the byte at failAt, or of the end
	failAt int
	before func() // called before each Read
	step   int    // the most bytes that a Read gives; 0: as many as are asked for

	opens, closes, read, reads atomic.Int64
}

func newObject(data []byte) *object { return &object{data: data, size: int64(len(data))} }

func (o *object) source() Source {
	return Source{Open: func(ctx context.Context) (io.ReadCloser, int64, error) {
		o.opens.Add(1)
		return &objectReader{o: o}, o.size, nil
	}}
}

type objectReader struct {
	o      *object
	at     int
	closed bool
}

func (r *objectReader) Read(p []byte) (int, error) {
	if r.o.reads.Add(1); r.o.before != nil {
		r.o.before()
	}
	end := len(r.o.data)
	if r.o.fail != nil {
		end = min(end, r.o.failAt)
	}
	if r.o.step > 0 {
		end = min(end, r.at+r.o.step)
	}
	n := copy(p, r.o.data[r.at:end])
	r.at += n
	r.o.read.Add(int64(n))
	switch {
	case n > 0 || len(p) == 0:
		return n, nil
	case r.o.fail != nil:
		return 0, r.o.fail
	}
	return 0, io.EOF
}

func (r *objectReader) Close() error {
	if r.closed {
		return errors.New("closed twice")
	}
	r.closed = true
	r.o.closes.Add(1)
	return nil
}
