package gcp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/internal/pipeline"
)

func bucket(t testing.TB) (*Objects, *gcptest.Bucket) {
	t.Helper()
	b := gcptest.NewBucket(t, "acme-scans")
	return NewObjects(ObjectsConfig{Emulator: b.Host()}), b
}

// pattern is n bytes in which no two neighbourhoods are alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*i>>3 ^ i)
	}
	return b
}

func object(name string, generation int64) pipeline.Object {
	return pipeline.Object{Bucket: "acme-scans", Name: name, Generation: generation}
}

// readAll opens an object and reads it to its end.
func readAll(t *testing.T, s *Objects, o pipeline.Object) ([]byte, int64, error) {
	t.Helper()
	c, err := s.Open(t.Context(), o)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	got, err := io.ReadAll(c)
	return got, c.Size, err
}

func TestOpen(t *testing.T) {
	t.Parallel()
	s, b := bucket(t)
	for _, size := range []int{0, 1, 1000, 3 << 20} {
		want := pattern(size)
		g := b.Put("page.png", want, "image/png", nil)
		got, n, err := readAll(t, s, object("page.png", g))
		if err != nil || !bytes.Equal(got, want) || n != int64(size) {
			t.Errorf("%d bytes: read %d of %d, %v", size, len(got), n, err)
		}
	}
	for _, r := range b.Requests() {
		if !r.Media || r.Header.Get("Accept-Encoding") != "gzip" || r.Header.Get("Authorization") != "" {
			t.Errorf("request %+v", r)
		}
	}
	if n := len(b.Requests()); n != 4 {
		t.Errorf("%d requests for 4 objects", n)
	}
}

func TestOpenReadsExactlyItsGeneration(t *testing.T) {
	t.Parallel()
	s, b := bucket(t)
	old := b.Put("page.png", []byte("old"), "image/png", nil)
	b.Put("page.png", []byte("new"), "image/png", nil)
	if _, _, err := readAll(t, s, object("page.png", old)); !errors.Is(err, pipeline.ErrObjectGone) {
		t.Errorf("an overwritten generation: %v, want ErrObjectGone", err)
	}
	b.KeepVersions()
	kept := b.Put("page.png", []byte("kept"), "image/png", nil)
	b.Delete("page.png")
	if got, _, err := readAll(t, s, object("page.png", kept)); err != nil || string(got) != "kept" {
		t.Errorf("a generation that Object Versioning kept: %q, %v", got, err)
	}
}

func TestOpenOddNames(t *testing.T) {
	t.Parallel()
	s, b := bucket(t)
	for _, name := range []string{
		"a/b", "a//b", "/a", "a/", "../a", "a/../b", "x/.", "a%2Fb", "a b+c?d=e&f#g", "Ü🦜/é.png", "\t\x00\x7f", "o", "b/x/o/y",
		strings.Repeat("n", 1024),
	} {
		g := b.Put(name, []byte(name), "", nil)
		if got, _, err := readAll(t, s, object(name, g)); err != nil || string(got) != name {
			t.Errorf("%.40q: %.40q, %v", name, got, err)
		}
		if o, _, err := s.Live(t.Context(), "acme-scans", name); err != nil || o != object(name, g) {
			t.Errorf("Live(%.40q) = %v, %v", name, o, err)
		}
	}
}

// What is wrong with the bytes is found before the last of them is handed out, however they are read.
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
		"past the end":     func(r io.Reader) error { _, err := io.ReadAtLeast(r, make([]byte, 2*len(want)), len(want)); return err },
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
				if err := read(c); !errors.Is(err, pipeline.ErrStorageUnavailable) {
					t.Errorf("read = %v, want ErrStorageUnavailable", err)
				}
				if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, pipeline.ErrStorageUnavailable) {
					t.Errorf("the next Read = %d, %v; want the same error", n, err)
				}
			})
		}
	}
}

// More bytes than are stored, and a size that a proxy took away.
func TestOpenSizes(t *testing.T) {
	t.Parallel()
	body := pattern(500)
	c := &checked{ctx: t.Context(), body: io.NopCloser(bytes.NewReader(body)), size: 400, sum: newSum()}
	if _, err := io.ReadAll(c); !errors.Is(err, pipeline.ErrStorageUnavailable) {
		t.Errorf("read of too much = %v, want ErrStorageUnavailable", err)
	}
	s, b := bucket(t)
	g := b.Put("page.png", body, "image/png", nil)
	b.Next(gcptest.Fault{NoSize: true})
	if got, size, err := readAll(t, s, object("page.png", g)); err != nil || !bytes.Equal(got, body) || size != -1 {
		t.Errorf("without a size: %d of %d bytes, %v; want all of -1", len(got), size, err)
	}
}

func TestOpenWithoutHash(t *testing.T) {
	t.Parallel()
	s, b := bucket(t)
	g := b.Put("page.png", pattern(10), "image/png", nil)
	b.Next(gcptest.Fault{NoHash: true})
	if _, _, err := readAll(t, s, object("page.png", g)); err != nil {
		t.Errorf("with the metadata's sum: %v", err)
	}
	if n := len(b.Requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	b.Next(gcptest.Fault{NoHash: true, Damage: true})
	if _, _, err := readAll(t, s, object("page.png", g)); !errors.Is(err, pipeline.ErrStorageUnavailable) {
		t.Errorf("damaged, with the metadata's sum: %v, want ErrStorageUnavailable", err)
	}
	b.Next(gcptest.Fault{NoHash: true}, gcptest.Fault{NoHash: true})
	if _, _, err := readAll(t, s, object("page.png", g)); !errors.Is(err, pipeline.ErrStorageUnavailable) {
		t.Errorf("without any sum: %v, want ErrStorageUnavailable", err)
	}
	b.Next(gcptest.Fault{NoHash: true}, gcptest.Fault{Status: http.StatusNotFound})
	if _, _, err := readAll(t, s, object("page.png", g)); !errors.Is(err, pipeline.ErrObjectGone) {
		t.Errorf("gone between: %v, want ErrObjectGone", err)
	}
}

// packed is b as a gzip.
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
	if got, _, err := readAll(t, s, object("empty", b.PutEncoded("empty", nil, "image/png", "gzip"))); len(got) != 0 || err != nil {
		t.Errorf("nothing stored: %q, %v", got, err)
	}
	g := b.PutEncoded("other", []byte("as it is"), "image/png", "br")
	if got, size, err := readAll(t, s, object("other", g)); string(got) != "as it is" || size != 8 || err != nil {
		t.Errorf("another encoding: %q of %d, %v", got, size, err)
	}
}

// A bad gzip is the object's fault where its sum is right, and the way's where it is wrong.
func TestOpenUnpacksBadly(t *testing.T) {
	t.Parallel()
	good := packed(pattern(100_000))
	for name, test := range map[string]struct {
		stored []byte
		fault  gcptest.Fault
		want   error
	}{
		"no gzip":          {pattern(1000), gcptest.Fault{}, pipeline.ErrObjectCorrupt},
		"cut when stored":  {good[:len(good)/2], gcptest.Fault{}, pipeline.ErrObjectCorrupt},
		"two bytes":        {good[:2], gcptest.Fault{}, pipeline.ErrObjectCorrupt},
		"rubbish after it": {append(bytes.Clone(good), "rubbish"...), gcptest.Fault{}, pipeline.ErrObjectCorrupt},
		"damaged":          {good, gcptest.Fault{Damage: true}, pipeline.ErrStorageUnavailable},
		"wrong sum":        {good, gcptest.Fault{WrongSum: true}, pipeline.ErrStorageUnavailable},
		"cut":              {good, gcptest.Fault{Cut: true}, pipeline.ErrStorageUnavailable},
		"no gzip, cut":     {pattern(1000), gcptest.Fault{Cut: true}, pipeline.ErrStorageUnavailable},
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
			if errors.Is(err, pipeline.ErrObjectCorrupt) == errors.Is(err, pipeline.ErrStorageUnavailable) {
				t.Errorf("%v is to be one of both faults", err)
			}
		})
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	s, b := bucket(t)
	b.Put("page.png", []byte("old"), "image/jpeg", nil)
	g := b.Put("page.png", []byte("newer"), "image/png", map[string]string{"uploader": "scanner-3"})
	o, a, err := s.Live(t.Context(), "acme-scans", "page.png")
	want := pipeline.Attributes{ContentType: "image/png", Size: 5, Metadata: map[string]string{"uploader": "scanner-3"}}
	if err != nil || o != object("page.png", g) || !reflect.DeepEqual(a, want) {
		t.Errorf("Live = %v, %v, %v", o, a, err)
	}
	b.Delete("page.png")
	for _, bucket := range []string{"acme-scans", "never-was"} {
		if _, _, err := s.Live(t.Context(), bucket, "page.png"); !errors.Is(err, pipeline.ErrObjectGone) {
			t.Errorf("Live in %s = %v, want ErrObjectGone", bucket, err)
		}
	}
	b.Put("page.png", nil, "", nil)
	b.Next(gcptest.Fault{Status: 200, Body: "{}"})
	if _, _, err := s.Live(t.Context(), "acme-scans", "page.png"); !errors.Is(err, pipeline.ErrStorageUnavailable) {
		t.Errorf("Live of an answer without generation = %v, want ErrStorageUnavailable", err)
	}
}

func TestErrorsOfStorage(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{
		400: pipeline.ErrStorageMisconfigured, 401: pipeline.ErrStorageMisconfigured, 403: pipeline.ErrStorageMisconfigured,
		404: pipeline.ErrObjectGone, 410: pipeline.ErrObjectGone, 302: pipeline.ErrStorageUnavailable,
		408: pipeline.ErrStorageUnavailable, 429: pipeline.ErrStorageUnavailable, 500: pipeline.ErrStorageUnavailable,
		502: pipeline.ErrStorageUnavailable, 503: pipeline.ErrStorageUnavailable, 504: pipeline.ErrStorageUnavailable,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s, b := bucket(t)
			g := b.Put("page.png", []byte("page"), "image/png", nil)
			fault := gcptest.Fault{Status: status, Body: "<html>" + strings.Repeat("secret ", 1000)}
			busy := status == 408 || status == 429 || status >= 500
			tries := 1
			if busy {
				tries = storageTries
			}
			for range tries {
				b.Next(fault)
			}
			_, _, err := readAll(t, s, object("page.png", g))
			if !errors.Is(err, want) || strings.Contains(err.Error(), "secret") || len(err.Error()) > 300 {
				t.Errorf("Open = %.500v, want %v in a few words", err, want)
			}
			if n := len(b.Requests()); n != tries {
				t.Errorf("%d requests, want %d", n, tries)
			}
			if _, _, err := readAll(t, s, object("page.png", g)); err != nil {
				t.Errorf("and then: %v", err)
			}
		})
	}
}

func TestStorageBusyOnce(t *testing.T) {
	t.Parallel()
	s, b := bucket(t)
	g := b.Put("page.png", []byte("page"), "image/png", nil)
	b.Next(gcptest.Fault{Status: 503}, gcptest.Fault{Drop: true}, gcptest.Fault{Status: 429})
	if got, _, err := readAll(t, s, object("page.png", g)); string(got) != "page" || err != nil {
		t.Errorf("Open = %q, %v", got, err)
	}
	b.Next(gcptest.Fault{Drop: true}, gcptest.Fault{Status: 500})
	if o, _, err := s.Live(t.Context(), "acme-scans", "page.png"); o.Generation != g || err != nil {
		t.Errorf("Live = %v, %v", o, err)
	}
}

// The context bounds the opening, the waits between tries, and the reading.
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
	if _, err := io.ReadAll(c); !errors.Is(err, context.Canceled) || errors.Is(err, pipeline.ErrStorageUnavailable) {
		t.Errorf("reading on an ended context = %v, want only the context's error", err)
	}
	waiting, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	b.Next(gcptest.Fault{Status: 503}, gcptest.Fault{Status: 503}, gcptest.Fault{Status: 503}, gcptest.Fault{Status: 503})
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

func TestStorageEmulatorFromEnvironment(t *testing.T) {
	b := gcptest.NewBucket(t, "acme-scans")
	g := b.Put("page.png", []byte("page"), "image/png", nil)
	for _, value := range []string{b.Host(), "http://" + b.Host(), "http://" + b.Host() + "/"} {
		t.Setenv("STORAGE_EMULATOR_HOST", value)
		if got, _, err := readAll(t, NewObjects(ObjectsConfig{}), object("page.png", g)); string(got) != "page" || err != nil {
			t.Errorf("STORAGE_EMULATOR_HOST=%s: %q, %v", value, got, err)
		}
	}
}

func TestParseHashes(t *testing.T) {
	for header, want := range map[string]bool{
		"crc32c=AAAAAA==": true, "md5=x,crc32c=AAAAAA==": true, "md5=x, crc32c=AAAAAA==": true,
		"md5=x": false, "crc32c=": false, "crc32c=AAAA": false, "crc32c=?": false, "": false,
	} {
		if _, ok := crcOf(http.Header{"X-Goog-Hash": {"md5=y", header}}); ok != want {
			t.Errorf("%q: found %v, want %v", header, ok, want)
		}
	}
}
