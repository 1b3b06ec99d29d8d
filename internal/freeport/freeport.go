// Package freeport chooses ports for programs started by tests.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
)

// Choose returns a free loopback port other than those in before. It is below the range of ports that systems assign
// automatically, so that no other program gets it until the intended one listens, which may take a minute.
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
