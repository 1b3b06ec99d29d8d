package gcp

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/storage/v1"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// authorized is a driver that takes its access tokens from the metadata server, and a bucket that it asks.
func authorized(t *testing.T) (*Objects, *gcptest.Bucket) {
	t.Helper()
	b := gcptest.NewBucket(t, "acme-scans")
	return &Objects{service: lazy[*storage.Service]{make: func(ctx context.Context) (*storage.Service, error) {
		service, err := dialStorage(ctx, "")
		if err == nil {
			service.BasePath = emulatorURL(b.Host())
		}
		return service, err
	}}}, b
}

func TestStorageSendsItsAccessToken(t *testing.T) {
	s, b := authorized(t)
	g := b.Put("page.png", []byte("page"), "image/png", nil)
	if got, _, err := readAll(t, s, object("page.png", g)); string(got) != "page" || err != nil {
		t.Fatalf("Open = %q, %v", got, err)
	}
	h := b.Requests()[0].Header
	if !strings.HasPrefix(h.Get("Authorization"), "Bearer test-access") || h.Get("Accept-Encoding") != "gzip" {
		t.Errorf("headers %v", h)
	}
}

func TestStorageWithoutAnAccessToken(t *testing.T) {
	t.Cleanup(func() { server.Fail(0); server.Hang(nil) })
	s, b := authorized(t)
	g := b.Put("page.png", []byte("page"), "image/png", nil)
	server.Fail(404) // no service account
	if _, _, err := readAll(t, s, object("page.png", g)); !errors.Is(err, document.ErrStorageMisconfigured) {
		t.Errorf("Open = %v, want ErrStorageMisconfigured", err)
	}
	server.Fail(0)
	server.Hang(ocrtest.NewGate())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Open(ctx, object("page.png", g)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open = %v, want DeadlineExceeded", err)
	}
	if n := len(b.Requests()); n != 0 {
		t.Errorf("%d requests without a token", n)
	}
	server.Hang(nil)
	if _, _, err := readAll(t, s, object("page.png", g)); err != nil {
		t.Errorf("and then: %v", err)
	}
}

// A key that was withdrawn. What the token service says of it stays out of the error.
func TestStorageWithARefusedKey(t *testing.T) {
	keyFile(t, invalidGrant)
	s, b := authorized(t)
	_, _, err := readAll(t, s, object("page.png", b.Put("page.png", nil, "", nil)))
	if !errors.Is(err, document.ErrStorageMisconfigured) || strings.Contains(err.Error(), "hush") {
		t.Errorf("Open = %v, want ErrStorageMisconfigured and no answer", err)
	}
}

func TestStorageWithAKey(t *testing.T) {
	keyFile(t, grant)
	s, b := authorized(t)
	g := b.Put("page.png", []byte("page"), "", nil)
	if got, _, err := readAll(t, s, object("page.png", g)); string(got) != "page" || err != nil {
		t.Errorf("Open = %q, %v", got, err)
	}
	if h := b.Requests()[0].Header.Get("Authorization"); h != "Bearer access" {
		t.Errorf("Authorization: %s", h)
	}
}

func TestCause(t *testing.T) {
	for text, want := range map[string]string{
		"one line": "one line", "  first\nsecond": "first", "bad \xff": "bad \ufffd",
		strings.Repeat("x", 199) + "ü": strings.Repeat("x", 199),
	} {
		if got := cause(errors.New(text)); got != want {
			t.Errorf("cause(%q) = %q, want %q", text, got, want)
		}
	}
	long := &url.Error{Op: "Get", URL: "http://host/o/name", Err: errors.New("refused")}
	if got := cause(fmt.Errorf("call: %w", long)); got != "refused" {
		t.Errorf("cause = %q, want it without the URL", got)
	}
}

// Credentials that cannot be read are somebody's mistake, and found at the first use.
func TestBadCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(file, []byte("no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	t.Setenv("FIRESTORE_EMULATOR_HOST", "")
	if _, err := NewObjects(ObjectsConfig{}).Open(t.Context(), object("a", 1)); !errors.Is(err, document.ErrStorageMisconfigured) {
		t.Errorf("Open = %v, want ErrStorageMisconfigured", err)
	}
	r := NewRecords(RecordsConfig{Project: "demo-x", Collection: "c"})
	if _, err := r.Get(t.Context(), "id"); !errors.Is(err, document.ErrStoreMisconfigured) {
		t.Errorf("Get = %v, want ErrStoreMisconfigured", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close of what was never opened: %v", err)
	}
}
