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

// Endpoint is the address at which the process that works in a directory receives events.
type Endpoint struct {
	URL   string // http://127.0.0.1:PORT
	Token string // proves that the sender may read the data directory
}

// maxEndpoint is the maximum size of an endpoint's file in bytes.
const maxEndpoint = 1 << 10

// SetEndpoint publishes the endpoint to other processes of this user.
func (h *Data) SetEndpoint(e Endpoint) error {
	file, err := h.replace(endpointName, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s\n%s\n", e.URL, e.Token)
	return errors.Join(err, file.Close())
}

// RemoveEndpoint withdraws the endpoint. It may be repeated.
func (h *Data) RemoveEndpoint() error { return h.remove(endpointName) }

// Endpoint returns the published endpoint, zero if there is none; a killed process leaves its own. An address other
// than a port of this machine is an error: it could have been written by the maker of the folder.
func (h *Data) Endpoint() (Endpoint, error) {
	file, err := h.root.Open(endpointName) // a regular file: OpenData has checked
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

// parseEndpoint parses an endpoint's file: an http URL of a numeric loopback address and a port, nothing else, then the
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

// isToken reports whether s is a token that can be sent in a header.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
