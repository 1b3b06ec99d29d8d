package main

import (
	"strings"
	"testing"
)

// TestControlPageIsRead: the function sends this page to find out whether the service or another page caused a failure.
// A service that cannot read it is considered broken.
func TestControlPageIsRead(t *testing.T) {
	s := serviceWith(t, "wasm")
	if got := s.read(t, readFile(t, "../internal/worker/control.png")); !strings.Contains(strings.ToLower(got),
		"harbour") {
		t.Errorf("read %q, want HARBOUR", got)
	}
}
