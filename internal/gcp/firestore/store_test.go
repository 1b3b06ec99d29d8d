package firestore

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

// Unreadable credentials are the operator's mistake, and found at the first use.
func TestUnreadableCredentialsAreMisconfigured(t *testing.T) {
	gcptest.Credentials(t, "no credentials")
	r := New(Config{Project: "demo-x", Collection: "c"})
	if _, err := r.Get(t.Context(), "id"); !errors.Is(err, document.ErrStoreMisconfigured) {
		t.Errorf("Get = %v, want ErrStoreMisconfigured", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close of what was never opened: %v", err)
	}
}

// If a server does not answer, the error is the context's, whatever gRPC calls it.
func TestErrorIsTheContextsOnceItHasEnded(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, host := range []string{silent.Addr().String(), gone.Addr().String()} {
		r := storeAt(t, host)
		late, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := r.Get(late, page1.ID()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get = %v, want DeadlineExceeded", err)
		}
		stopped, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		from := &document.Stored{Record: &document.Record{}, Version: 1}
		if _, err := document.Update(stopped, r, page1.ID(), document.Seen(from), plus); !errors.Is(err,
			context.Canceled) {
			t.Errorf("Update = %v, want Canceled", err)
		}
		if _, err := r.Due(stopped, time.Time{}, time.Now(), 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Due = %v, want Canceled", err)
		}
	}
}
