package storage

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

func TestOpenDamaged(t *testing.T) {
	t.Parallel()
	want := pattern(100_000)
	readers := map[string]func(io.Reader) error{
		"to the end":  func(r io.Reader) error { _, err := io.ReadAll(r); return err },
		"to the size": func(r io.Reader) error { _, err := io.ReadFull(r, make([]byte, len(want))); return err },
		"by the byte": func(r io.Reader) error {
			_, err := io.ReadFull(iotest.OneByteReader(r), make([]byte, len(want)))
			return err
		},
		"past the end": func(r io.Reader) error {
			_, err := io.ReadAtLeast(r, make([]byte, 2*len(want)), len(want))
			return err
		},
		"with io.Copy":     func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
		"limited, by page": func(r io.Reader) error { _, err := io.CopyN(io.Discard, r, int64(len(want))); return err },
	}
	for name, fault := range map[string]gcptest.Fault{
		"wrong sum": {WrongSum: true}, "damage": {Damage: true}, "cut": {Cut: true},
		"cut, size unknown": {Cut: true, NoSize: true}, "damage, size unknown": {Damage: true, NoSize: true},
	} {
		for how, read := range readers {
			t.Run(name+", read "+how, func(t *testing.T) {
				t.Parallel()
				if fault.NoSize && how != "to the end" {
					t.Skip("without a size only the end is the end")
				}
				s, b := bucket(t)
				g := b.Put("page.png", want, "image/png", nil)
				b.Next(fault)
				c, err := s.Open(t.Context(), object("page.png", g))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if err := read(c); !errors.Is(err, document.ErrStorageUnavailable) {
					t.Errorf("read = %v, want ErrStorageUnavailable", err)
				}
				if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, document.ErrStorageUnavailable) {
					t.Errorf("the next Read = %d, %v; want the same error", n, err)
				}
			})
		}
	}
}

func TestOpenSizes(t *testing.T) {
	t.Parallel()
	body := pattern(500)
	c := &checked{ctx: t.Context(), body: io.NopCloser(bytes.NewReader(body)), size: 400, sum: newSum()}
	if _, err := io.ReadAll(c); !errors.Is(err, document.ErrStorageUnavailable) {
		t.Errorf("read of too much = %v, want ErrStorageUnavailable", err)
	}
	s, b := bucket(t)
	g := b.Put("page.png", body, "image/png", nil)
	b.Next(gcptest.Fault{NoSize: true})
	if got, size, err := readAll(t, s, object("page.png", g)); err != nil || !bytes.Equal(got, body) || size != -1 {
		t.Errorf("without a size: %d of %d bytes, %v; want all of -1", len(got), size, err)
	}
}

func packed(b []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	z.Write(b)
	z.Close()
	return buf.Bytes()
}

func TestOpenUnpacks(t *testing.T) {
	t.Parallel()
	s, b := bucket(t)
	plain := pattern(200_000)
	for name, stored := range map[string][]byte{
		"one": packed(plain), "two parts": append(packed(plain[:1000]), packed(plain[1000:])...),
	} {
		g := b.PutEncoded(name, stored, "image/png", "gzip")
		got, size, err := readAll(t, s, object(name, g))
		if err != nil || !bytes.Equal(got, plain) || size != -1 {
			t.Errorf("%s: %d bytes of %d, %v; want %d of -1", name, len(got), size, err, len(plain))
		}
	}
	if got, _, err := readAll(t, s, object("empty", b.PutEncoded("empty", nil, "image/png", "gzip"))); len(got) != 0 ||
		err != nil {
		t.Errorf("nothing stored: %q, %v", got, err)
	}
	g := b.PutEncoded("other", []byte("as it is"), "image/png", "br")
	if got, size, err := readAll(t, s, object("other", g)); string(got) != "as it is" || size != 8 || err != nil {
		t.Errorf("another encoding: %q of %d, %v", got, size, err)
	}
}

func TestOpenUnpacksBadly(t *testing.T) {
	t.Parallel()
	good := packed(pattern(100_000))
	for name, test := range map[string]struct {
		stored []byte
		fault  gcptest.Fault
		want   error
	}{
		"no gzip":          {pattern(1000), gcptest.Fault{}, document.ErrObjectCorrupt},
		"cut when stored":  {good[:len(good)/2], gcptest.Fault{}, document.ErrObjectCorrupt},
		"two bytes":        {good[:2], gcptest.Fault{}, document.ErrObjectCorrupt},
		"rubbish after it": {append(bytes.Clone(good), "rubbish"...), gcptest.Fault{}, document.ErrObjectCorrupt},
		"damaged":          {good, gcptest.Fault{Damage: true}, document.ErrStorageUnavailable},
		"wrong sum":        {good, gcptest.Fault{WrongSum: true}, document.ErrStorageUnavailable},
		"cut":              {good, gcptest.Fault{Cut: true}, document.ErrStorageUnavailable},
		"no gzip, cut":     {pattern(1000), gcptest.Fault{Cut: true}, document.ErrStorageUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := bucket(t)
			g := b.PutEncoded("page.png", test.stored, "image/png", "gzip")
			b.Next(test.fault)
			_, _, err := readAll(t, s, object("page.png", g))
			if !errors.Is(err, test.want) {
				t.Errorf("read = %v, want %v", err, test.want)
			}
			if errors.Is(err, document.ErrObjectCorrupt) == errors.Is(err, document.ErrStorageUnavailable) {
				t.Errorf("%v is to be one of both faults", err)
			}
		})
	}
}

func TestStorageContextEnds(t *testing.T) {
	t.Parallel()
	s, b := bucket(t)
	g := b.Put("page.png", pattern(100_000), "image/png", nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Open(ended, object("page.png", g)); !errors.Is(err, context.Canceled) {
		t.Errorf("Open on an ended context = %v", err)
	}
	reading, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.Next(gcptest.Fault{Gate: make(chan struct{})})
	c, err := s.Open(reading, object("page.png", g))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.ReadFull(c, make([]byte, 50_000)); err != nil {
		t.Fatalf("the first half: %v", err)
	}
	cancel()
	if _, err := io.ReadAll(c); !errors.Is(err, context.Canceled) || errors.Is(err, document.ErrStorageUnavailable) {
		t.Errorf("reading on an ended context = %v, want only the context's error", err)
	}
	waiting, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	b.Next(gcptest.Fault{Status: 503}, gcptest.Fault{Status: 503}, gcptest.Fault{Status: 503},
		gcptest.Fault{Status: 503})
	if _, err := s.Open(waiting, object("page.png", g)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open between tries = %v, want DeadlineExceeded", err)
	}
}

func TestHeldBodyGoesOn(t *testing.T) {
	t.Parallel()
	s, b := bucket(t)
	want := pattern(100_000)
	g := b.Put("page.png", want, "image/png", nil)
	gate := make(chan struct{})
	b.Next(gcptest.Fault{Gate: gate})
	c, err := s.Open(t.Context(), object("page.png", g))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	half := make([]byte, 50_000)
	if _, err := io.ReadFull(c, half); err != nil {
		t.Fatal(err)
	}
	close(gate)
	rest, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(append(half, rest...), want) {
		t.Errorf("the rest: %d bytes, %v", len(rest), err)
	}
}
