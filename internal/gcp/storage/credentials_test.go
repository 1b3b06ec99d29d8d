package storage

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	api "google.golang.org/api/storage/v1"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// authorized returns a driver with access tokens from the metadata server, and its bucket.
func authorized(t *testing.T) (*Objects, *gcptest.Bucket) {
	t.Helper()
	return authorizedWithin(t, patience{answerLimit, stallLimit})
}

func authorizedWithin(t *testing.T, p patience) (*Objects, *gcptest.Bucket) {
	t.Helper()
	b := gcptest.NewBucket(t, "acme-scans")
	return &Objects{service: gcp.Lazy[*api.Service]{Make: func(ctx context.Context) (*api.Service, error) {
		service, err := dial(ctx, "", p)
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

// The wait for a hanging metadata server is no longer than for Cloud Storage itself.
func TestTokenThatDoesNotComeIsUnavailable(t *testing.T) {
	t.Cleanup(func() { server.Hang(nil) })
	server.Hang(ocrtest.NewGate())
	s, b := authorizedWithin(t, patience{20 * time.Millisecond, stallLimit})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // ends a test of a driver that waits for ever
	defer cancel()
	if _, err := s.Open(ctx, object("page.png", 1)); !errors.Is(err, document.ErrStorageUnavailable) ||
		errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open = %v, want ErrStorageUnavailable", err)
	}
	if _, _, err := s.Live(ctx, "acme-scans", "page.png"); !errors.Is(err, document.ErrStorageUnavailable) {
		t.Errorf("Live = %v, want ErrStorageUnavailable", err)
	}
	if n := len(b.Requests()); n != 0 {
		t.Errorf("%d requests without a token", n)
	}
}

// With a revoked key, the token service's answer stays out of the error.
func TestStorageWithARefusedKey(t *testing.T) {
	gcptest.ServiceAccount(t, gcptest.InvalidGrant)
	s, b := authorized(t)
	_, _, err := readAll(t, s, object("page.png", b.Put("page.png", nil, "", nil)))
	if !errors.Is(err, document.ErrStorageMisconfigured) || strings.Contains(err.Error(), "hush") {
		t.Errorf("Open = %v, want ErrStorageMisconfigured and no answer", err)
	}
}

func TestStorageWithAKey(t *testing.T) {
	gcptest.ServiceAccount(t, gcptest.Grant)
	s, b := authorized(t)
	g := b.Put("page.png", []byte("page"), "", nil)
	if got, _, err := readAll(t, s, object("page.png", g)); string(got) != "page" || err != nil {
		t.Errorf("Open = %q, %v", got, err)
	}
	if h := b.Requests()[0].Header.Get("Authorization"); h != "Bearer "+gcptest.AccessToken {
		t.Errorf("Authorization: %s", h)
	}
}

// Unreadable credentials are the operator's mistake, and found at the first use.
func TestUnreadableCredentialsAreMisconfigured(t *testing.T) {
	gcptest.Credentials(t, "no credentials")
	if _, err := New(Config{}).Open(t.Context(), object("a", 1)); !errors.Is(err, document.ErrStorageMisconfigured) {
		t.Errorf("Open = %v, want ErrStorageMisconfigured", err)
	}
}
