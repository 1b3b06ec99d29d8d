//go:build nightly

package worker_test

import "testing"

// TestSlowServersFailNoImageInALongQueue: a thousand images, each kind of slow server.
func TestSlowServersFailNoImageInALongQueue(t *testing.T) {
	for _, c := range slowServers {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) { overload(t, w, c.make(), 1000) })
		})
	}
}
