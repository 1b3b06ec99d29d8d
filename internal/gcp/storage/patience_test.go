package storage

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/api/option"
	api "google.golang.org/api/storage/v1"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

// remote returns a driver that speaks HTTP/2, like Cloud Storage, to the handler on connections in memory, so that
// tests can use fake time. Without a handler its connections are never accepted. It must be called inside a bubble.
func remote(t *testing.T, h http.HandlerFunc) (*Objects, *gcptest.Pipes) {
	t.Helper()
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	return remoteOver(t, protocols, h)
}

func remoteOver(t *testing.T, protocols http.Protocols, h http.HandlerFunc) (*Objects, *gcptest.Pipes) {
	t.Helper()
	pipes := gcptest.NewPipes()
	server := &http.Server{Handler: h, Protocols: &protocols}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if h != nil {
			_ = server.Serve(pipes) // until it is closed
		}
	}()
	transport := transport()
	transport.Protocols = &protocols
	transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return pipes.Dial(ctx) }
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		_ = pipes.Close()
		<-served
	})
	client := &http.Client{Transport: patient{asStored{transport}, patience{answerLimit, stallLimit}}}
	return &Objects{service: gcp.Lazy[*api.Service]{Make: func(ctx context.Context) (*api.Service, error) {
		return api.NewService(ctx, option.WithHTTPClient(client), option.WithEndpoint("http://memory/storage/v1/"))
	}}}, pipes
}

// calls are all calls of a driver, to the end of the answer.
var calls = map[string]func(context.Context, *Objects) error{
	"Open": func(ctx context.Context, s *Objects) error {
		c, err := s.Open(ctx, object("page.png", 7))
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = io.ReadAll(c)
		return err
	},
	"Live": func(ctx context.Context, s *Objects) error {
		_, _, err := s.Live(ctx, "acme-scans", "page.png")
		return err
	},
	"ListObjects": func(ctx context.Context, s *Objects) error {
		return s.ListObjects(ctx, document.Listing{Bucket: "acme-scans"}, func(document.Listed) error { return nil })
	},
}

// stalls are the places at which an answer may stop.
var stalls = map[string]http.HandlerFunc{
	"no headers": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	"no body": func(w http.ResponseWriter, r *http.Request) {
		describe(w, []byte(`{"generation":"7"}`))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	},
	"half of the body": func(w http.ResponseWriter, r *http.Request) {
		describe(w, []byte(`{"generation":"7"}`))
		_, _ = io.WriteString(w, `{"gener`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	},
	"a checksum that does not come": func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("alt") == "media" {
			w.Header().Set("X-Goog-Stored-Content-Length", "18")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	},
}

// describe sends the headers of an object's bytes.
func describe(w http.ResponseWriter, body []byte) {
	sum := newSum()
	sum.Write(body)
	w.Header().Set("X-Goog-Hash", "crc32c="+base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	w.Header().Set("X-Goog-Stored-Content-Length", fmt.Sprint(len(body)))
}

// Wherever Cloud Storage stops answering, the call ends by itself with the right error.
func TestHangingStorageIsUnavailable(t *testing.T) {
	t.Parallel()
	for where, handler := range stalls {
		for name, call := range calls {
			t.Run(name+", "+where, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var protocols http.Protocols
					protocols.SetHTTP1(true) // as an emulator does
					s, _ := remoteOver(t, protocols, handler)
					if err := call(t.Context(), s); !errors.Is(err, document.ErrStorageUnavailable) {
						t.Errorf("over HTTP/1: %v, want ErrStorageUnavailable", err)
					}
				})
				synctest.Test(t, func(t *testing.T) {
					s, _ := remote(t, handler)
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					begin := time.Now()
					err := call(ctx, s)
					if !errors.Is(err, document.ErrStorageUnavailable) || errors.Is(err, context.DeadlineExceeded) ||
						errors.Is(err, context.Canceled) {
						t.Errorf("%v, want ErrStorageUnavailable and no error of a context", err)
					}
					if took := time.Since(begin); took > answerLimit+repeatLimit {
						t.Errorf("it took %v", took)
					}
				})
				synctest.Test(t, func(t *testing.T) {
					s, _ := remote(t, handler)
					ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
					defer cancel()
					if err := call(ctx, s); !errors.Is(err, context.DeadlineExceeded) ||
						errors.Is(err, document.ErrStorageUnavailable) {
						t.Errorf("at the caller's own end: %v, want DeadlineExceeded", err)
					}
				})
			})
		}
	}
}

// A bucket that accepts no connections.
func TestStorageThatTakesNoConnectionIsUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := remote(t, nil)
		if err := calls["Open"](t.Context(), s); !errors.Is(err, document.ErrStorageUnavailable) {
			t.Errorf("Open = %v, want ErrStorageUnavailable", err)
		}
	})
}

// Only the time in which a Read waits counts: a reader that is slow, because it sends the bytes on slowly, is not cut
// off, nor is a bucket that sends slowly.
func TestSlowReadingIsNoStall(t *testing.T) {
	t.Parallel()
	want := pattern(3 * readAhead)
	synctest.Test(t, func(t *testing.T) {
		s, _ := remote(t, func(w http.ResponseWriter, _ *http.Request) {
			describe(w, want)
			for i, part := range [][]byte{want[:10], want[10:20], want[20:]} {
				if i > 0 {
					time.Sleep(stallLimit - time.Second)
				}
				_, _ = w.Write(part)
				_ = http.NewResponseController(w).Flush()
			}
		})
		c, err := s.Open(t.Context(), object("page.png", 7))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var got []byte
		for part := make([]byte, readAhead/2); ; {
			n, err := io.ReadFull(c, part)
			got = append(got, part[:n]...)
			if err != nil {
				break
			}
			time.Sleep(10 * stallLimit)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes of %d", len(got), len(want))
		}
	})
}

// Pings detect a connection that died while idle, and the call is answered over another one.
func TestDeadConnectionIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		s, pipes := remote(t, func(w http.ResponseWriter, _ *http.Request) {
			requests++
			_, _ = io.WriteString(w, `{"generation":"7"}`)
		})
		for range 2 {
			if o, _, err := s.Live(t.Context(), "acme-scans", "page.png"); o.Generation != 7 || err != nil {
				t.Fatalf("Live = %v, %v", o, err)
			}
			pipes.Sever()
		}
		if requests != 2 {
			t.Errorf("%d requests arrived, want 2", requests)
		}
	})
}
