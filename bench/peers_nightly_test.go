//go:build nightly

package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestPeers: every peer that is installed does the work that is compared; those in Go always are. No figure is looked
// at.
func TestPeers(t *testing.T) {
	r := &run{ctx: t.Context(), out: io.Discard, rounds: 1, events: 1}
	done, err := r.prepare()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if err := peers(r); err != nil {
		t.Error(err)
	}
}

// TestMissingPeersAreNamed: with what has to be done, and nothing is installed.
func TestMissingPeersAreNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	n := 0
	for _, p := range (&run{}).allPeers() {
		if why := p.missing(); p.install != "" && why == "" {
			t.Errorf("%s is said to be here", p.name)
		} else if why != "" {
			n++
		}
	}
	if left, _ := filepath.Glob("*"); n < 3 || len(left) > 0 {
		t.Errorf("%d peers are missing; made %v", n, left)
	}
	if _, err := os.Stat(peerFolder); err == nil {
		t.Error("something was installed")
	}
}
