package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

func bucket(t testing.TB) (*Objects, *gcptest.Bucket) {
	t.Helper()
	b := gcptest.NewBucket(t, "acme-scans")
	return New(Config{Emulator: b.Host()}), b
}

// pattern returns n bytes in which no two neighbourhoods are alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*i>>3 ^ i)
	}
	return b
}

func object(name string, generation int64) document.Object {
	return document.Object{Bucket: "acme-scans", Name: name, Generation: generation}
}

// readAll opens an object and reads it to its end.
func readAll(t *testing.T, s *Objects, o document.Object) ([]byte, int64, error) {
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
	if _, _, err := readAll(t, s, object("page.png", old)); !errors.Is(err, document.ErrObjectGone) {
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
		"a/b", "a//b", "/a", "a/", "../a", "a/../b", "x/.", "a%2Fb", "a b+c?d=e&f#g", "Ü🦜/é.png", "\t\x00\x7f", "o",
		"b/x/o/y",
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
	if _, _, err := readAll(t, s, object("page.png", g)); !errors.Is(err, document.ErrStorageUnavailable) {
		t.Errorf("damaged, with the metadata's sum: %v, want ErrStorageUnavailable", err)
	}
	b.Next(gcptest.Fault{NoHash: true}, gcptest.Fault{NoHash: true})
	if _, _, err := readAll(t, s, object("page.png", g)); !errors.Is(err, document.ErrStorageUnavailable) {
		t.Errorf("without any sum: %v, want ErrStorageUnavailable", err)
	}
	b.Next(gcptest.Fault{NoHash: true}, gcptest.Fault{Status: http.StatusNotFound})
	if _, _, err := readAll(t, s, object("page.png", g)); !errors.Is(err, document.ErrObjectGone) {
		t.Errorf("gone between: %v, want ErrObjectGone", err)
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	s, b := bucket(t)
	b.Put("page.png", []byte("old"), "image/jpeg", nil)
	g := b.Put("page.png", []byte("newer"), "image/png", map[string]string{"uploader": "scanner-3"})
	o, a, err := s.Live(t.Context(), "acme-scans", "page.png")
	want := document.Attributes{ContentType: "image/png", Size: 5, Metadata: map[string]string{"uploader": "scanner-3"}}
	if err != nil || o != object("page.png", g) || !reflect.DeepEqual(a, want) {
		t.Errorf("Live = %v, %v, %v", o, a, err)
	}
	b.Put("page.png", nil, strings.Repeat("x", 1<<20), nil)
	if _, a, err := s.Live(t.Context(), "acme-scans", "page.png"); err != nil || len(a.ContentType) != maxContentType {
		t.Errorf("a content type of 1 MiB: %d bytes, %v; want %d", len(a.ContentType), err, maxContentType)
	}
	b.Delete("page.png")
	for _, bucket := range []string{"acme-scans", "never-was"} {
		if _, _, err := s.Live(t.Context(), bucket, "page.png"); !errors.Is(err, document.ErrObjectGone) {
			t.Errorf("Live in %s = %v, want ErrObjectGone", bucket, err)
		}
	}
	b.Put("page.png", nil, "", nil)
	b.Next(gcptest.Fault{Status: 200, Body: "{}"})
	if _, _, err := s.Live(t.Context(), "acme-scans", "page.png"); !errors.Is(err, document.ErrStorageUnavailable) {
		t.Errorf("Live of an answer without generation = %v, want ErrStorageUnavailable", err)
	}
}

func TestErrorsOfStorage(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]error{
		400: document.ErrStorageMisconfigured, 401: document.ErrStorageMisconfigured,
		403: document.ErrStorageMisconfigured,
		404: document.ErrObjectGone, 410: document.ErrObjectGone, 302: document.ErrStorageUnavailable,
		408: document.ErrStorageUnavailable, 429: document.ErrStorageUnavailable, 500: document.ErrStorageUnavailable,
		502: document.ErrStorageUnavailable, 503: document.ErrStorageUnavailable, 504: document.ErrStorageUnavailable,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s, b := bucket(t)
			g := b.Put("page.png", []byte("page"), "image/png", nil)
			fault := gcptest.Fault{Status: status, Body: "<html>" + strings.Repeat("secret ", 1000)}
			busy := status == 408 || status == 429 || status >= 500
			tries := 1
			if busy {
				tries = maxTries
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

// Refusals because of the bucket or the object are distinguished from a missing permission, in whatever form Cloud
// Storage reports them.
func TestRefusalsAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want error
		also error
	}{
		"customer-supplied key, bare": {"The target object is encrypted by a customer-supplied encryption key.",
			document.ErrObjectLocked, nil},
		"customer-supplied key, JSON": {`{"error":{"code":400,"message":"The target object is encrypted.","errors":[{"reason":"resourceIsEncryptedWithCustomerEncryptionKey"}]}}`,
			document.ErrObjectLocked, nil},
		"requester pays, bare": {"Bucket is a requester pays bucket but no user project provided.",
			document.ErrStorageMisconfigured, document.ErrRequesterPays},
		"requester pays, JSON": {`{"error":{"code":400,"message":"Bucket is requester pays bucket but no user project provided.","errors":[{"reason":"required"}]}}`,
			document.ErrStorageMisconfigured, document.ErrRequesterPays},
		"requester pays, XML": {`<Error><Code>UserProjectMissing</Code></Error>`,
			document.ErrStorageMisconfigured, document.ErrRequesterPays},
		"anything else": {`{"error":{"code":400,"message":"Invalid argument."}}`,
			document.ErrStorageMisconfigured, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b := bucket(t)
			g := b.Put("page.png", []byte("page"), "image/png", nil)
			b.Next(gcptest.Fault{Status: 400, Body: c.body}, gcptest.Fault{Status: 400, Body: c.body})
			_, _, live := s.Live(t.Context(), "acme-scans", "page.png")
			_, open := s.Open(t.Context(), object("page.png", g))
			for call, err := range map[string]error{"Open": open, "Live": live} {
				if !errors.Is(err, c.want) || c.also != nil && !errors.Is(err, c.also) {
					t.Errorf("%s = %v, want %v", call, err, c.want)
				}
				for _, other := range []error{document.ErrObjectLocked, document.ErrRequesterPays} {
					if other != c.want && other != c.also && errors.Is(err, other) {
						t.Errorf("%s = %v, which is not %v", call, err, other)
					}
				}
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

func TestEmulatorByHostOrURL(t *testing.T) {
	t.Parallel()
	b := gcptest.NewBucket(t, "acme-scans")
	g := b.Put("page.png", []byte("page"), "image/png", nil)
	for _, address := range []string{b.Host(), "http://" + b.Host(), "http://" + b.Host() + "/"} {
		s := New(Config{Emulator: address})
		if got, _, err := readAll(t, s, object("page.png", g)); string(got) != "page" || err != nil {
			t.Errorf("emulator %s: %q, %v", address, got, err)
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
