package main

import (
	"strings"
	"testing"
)

// TestControlPageIsRead: the function asks for this page to find out whether a failure was the service's or another
// page's. A service that cannot read it looks broken.
func TestControlPageIsRead(t *testing.T) {
	s := serviceWith(t, "wasm")
	if got := s.read(t, readFile(t, "../internal/worker/control.png")); !strings.Contains(strings.ToLower(got),
		"harbour") {
		t.Errorf("read %q, want HARBOUR", got)
	}
}
