package folder

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"net/url"
	"strings"
)

// Endpoint is where the process that works in a directory takes events.
type Endpoint struct {
	URL   string // http://127.0.0.1:PORT
	Token string // proves that the sender may read the data directory
}

// maxEndpoint bounds what is read of an endpoint's file, in bytes.
const maxEndpoint = 1 << 10

// SetEndpoint tells other processes of this user where events are taken.
func (h *Data) SetEndpoint(e Endpoint) error {
	file, err := h.replace(endpointName, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s\n%s\n", e.URL, e.Token)
	return errors.Join(err, file.Close())
}

// RemoveEndpoint says that events are taken no longer. It may be called twice.
func (h *Data) RemoveEndpoint() error { return h.remove(endpointName) }

// Endpoint returns where events are taken, zero where no process says so; one that was killed leaves what it said. An
// address that is not a port of this machine is an error: whoever made the folder could have written it.
func (h *Data) Endpoint() (Endpoint, error) {
	file, err := h.root.Open(endpointName) // a regular file: OpenData has looked
	if errors.Is(err, fs.ErrNotExist) {
		return Endpoint{}, nil
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("folder %s cannot be used: %w", h.dir.data(), err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxEndpoint))
	if err != nil {
		return Endpoint{}, fmt.Errorf("folder %s cannot be used: %w", h.dir.data(), err)
	}
	e, ok := parseEndpoint(string(text))
	if !ok {
		return Endpoint{}, fmt.Errorf("%s does not hold an address on this machine as bucketocr up writes it: delete the file and start bucketocr up again",
			h.path(endpointName))
	}
	return e, nil
}

// parseEndpoint reads an endpoint's file: http, a loopback address in numbers and a port, and nothing else, then the
// token.
func parseEndpoint(text string) (Endpoint, bool) {
	address, token, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "\n")
	u, err := url.Parse(address)
	if err != nil {
		return Endpoint{}, false
	}
	at, err := netip.ParseAddrPort(u.Host)
	if err != nil || !at.Addr().IsLoopback() || at.Addr().Zone() != "" || address != "http://"+u.Host ||
		!isToken(token) {
		return Endpoint{}, false
	}
	return Endpoint{address, token}, true
}

// isToken reports whether a token can stand in a header.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
