package storage

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/httptransport"
	"google.golang.org/api/option"
	api "google.golang.org/api/storage/v1"

	"github.com/bucketocr/bucketocr/internal/gcp"
	"github.com/bucketocr/bucketocr/internal/wait"
)

// dial makes Google's client, with credentials unless it is for an emulator. The credentials are those of
// cloud.google.com/go/auth, which stop waiting for a hanging metadata server when the request's context ends.
func dial(ctx context.Context, emulator string, p patience) (*api.Service, error) {
	base := asStored{transport()}
	if emulator != "" {
		client := option.WithHTTPClient(&http.Client{Transport: patient{base, p}})
		return api.NewService(ctx, client, option.WithEndpoint(emulatorURL(emulator)))
	}
	client, err := httptransport.NewClient(&httptransport.Options{
		BaseRoundTripper: base,
		DetectOpts:       &credentials.DetectOptions{Scopes: []string{api.DevstorageReadOnlyScope}},
	})
	if err != nil {
		return nil, &gcp.CredentialsError{Err: err}
	}
	client.Transport = patient{client.Transport, p}
	// never send the token elsewhere
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return api.NewService(ctx, option.WithHTTPClient(client))
}

// readAhead is how many bytes of one object may be received before they are read. Over HTTP/2, which Cloud Storage
// uses, Go buffers up to 4 MiB per object, and many objects at once would fill that memory: they arrive faster than
// they are sent on.
const readAhead = 512 << 10

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: readAhead, SendPingTimeout: pingAfter,
		PingTimeout: pingLimit}
	return t
}

// emulatorURL returns the base URL of the API at an emulator's address, host:port or a URL.
func emulatorURL(host string) string {
	if !strings.Contains(host, "://") {
		host = "http://" + host
	}
	return strings.TrimRight(host, "/") + "/storage/v1/"
}

// asStored requests an object's bytes as stored. Without its header Cloud Storage decompresses objects stored with
// Content-Encoding gzip, and so would Go; then neither size nor checksum match. Google's client does not accept the
// header from its callers, hence this layer below it. For answers other than an object's bytes, Go's own handling
// remains.
type asStored struct{ base http.RoundTripper }

func (t asStored) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Query().Get("alt") == "media" {
		req = req.Clone(req.Context())
		req.Header.Set("Accept-Encoding", "gzip")
	}
	return t.base.RoundTrip(req)
}

const (
	// maxTries is how often a call is made before its error counts.
	maxTries = 4
	// repeatLimit is how long after the first try another one may begin, so that an unresponsive Cloud Storage costs a
	// delivery a minute at most.
	repeatLimit = 30 * time.Second
)

// retry repeats call while Cloud Storage is busy: unlike Google's other clients, the generated one does not.
func retry(ctx context.Context, call func() error) error {
	begin := time.Now()
	for try := 1; ; try++ {
		err := call()
		if err == nil || try == maxTries || !busy(err) || time.Since(begin) >= repeatLimit {
			return err
		}
		if wait.Sleep(ctx, rand.N(100*time.Millisecond<<try)) != nil {
			return err
		}
	}
}
