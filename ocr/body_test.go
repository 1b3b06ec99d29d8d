package ocr

import (
	"bytes"
	"encoding/base64"
	"io"
	"testing"
	"testing/iotest"
)

// slowSource blocks in its second Read until it is released.
type slowSource struct {
	reads    int
	entered  chan struct{}
	release  chan struct{}
	isClosed chan struct{}
}

func (s *slowSource) Read(p []byte) (int, error) {
	if s.reads++; s.reads > 1 {
		s.entered <- struct{}{}
		<-s.release
	}
	return len(p), nil
}

func (s *slowSource) Close() error { close(s.isClosed); return nil }

// A source is closed once, and never while it is being read.
func TestCloseDuringARead(t *testing.T) {
	src := &slowSource{entered: make(chan struct{}), release: make(chan struct{}), isClosed: make(chan struct{})}
	b, problem := openBody(Image{Size: 10 * blockSize, Open: func() (io.ReadCloser, error) { return src, nil }})
	if problem != nil {
		t.Fatal(problem)
	}
	go io.Copy(io.Discard, b)
	<-src.entered
	b.Close()
	select {
	case <-src.isClosed:
		t.Fatal("closed during a Read")
	default:
	}
	close(src.release)
	<-src.isClosed
	<-b.closed
	b.Close()
	if n, err := b.Read(make([]byte, 10)); n != 0 || err != errAbandoned {
		t.Errorf("a Read after Close gives %d, %v", n, err)
	}
}

// The body is the same whatever sizes it is read in.
func TestBodyInAnyPieces(t *testing.T) {
	for _, size := range []int{1, 2, 3, 4, 1000, blockSize - 1, blockSize, blockSize + 1, 2*blockSize + 2} {
		data := bytes.Repeat([]byte("\x00\xffab"), size/4+1)[:size]
		want := "before" + base64.StdEncoding.EncodeToString(data) + "behind"
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "single bytes": iotest.OneByteReader, "halves": iotest.HalfReader,
			"threes": func(r io.Reader) io.Reader { return pieces{r, 3} }, "sevens": func(r io.Reader) io.Reader { return pieces{r, 7} },
		} {
			b, problem := openBody(Bytes(data))
			if problem != nil {
				t.Fatal(problem)
			}
			b.rest, b.suffix = []byte("before"), []byte("behind")
			got, err := io.ReadAll(wrap(b))
			if err != nil || string(got) != want || !b.whole.Load() {
				t.Errorf("%d bytes in %s: %d of %d, whole %v, %v", size, name, len(got), len(want), b.whole.Load(), err)
			}
			b.Close()
		}
	}
}

// pieces reads at most n bytes at once.
type pieces struct {
	r io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

func FuzzMediaType(f *testing.F) {
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x00\x10"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x04ab\xff\xff\xc0\x00\x11\x08\x00\x10\x00\x10\x03"))
	f.Fuzz(func(t *testing.T, head []byte) {
		media, problem := mediaType(head)
		if problem == nil && media != "image/png" && media != "image/jpeg" {
			t.Fatalf("%q", media)
		}
	})
}
