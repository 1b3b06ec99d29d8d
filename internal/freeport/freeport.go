// Package freeport chooses ports for programs that tests start.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
)

// Choose returns a port of loopback where nothing listens, and none that was chosen before. It is below those that
// systems give to whoever asks for any port, so that no other program happens to get it until the one that it is for
// listens, which may take a minute.
func Choose(before ...string) (string, error) {
	var err error
	for range 100 {
		port := strconv.Itoa(12000 + rand.IntN(20000))
		if slices.Contains(before, port) {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", port)); err == nil {
			return port, l.Close()
		}
	}
	return "", errors.Join(errors.New("no port is free between 12000 and 32000"), err)
}
