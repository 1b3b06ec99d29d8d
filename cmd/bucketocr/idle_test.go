package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/local/folder"
)

// TestIdle: waiting documents in a folder are reported as idle if bucketocr up is not running there, even if a killed
// one left its address; for Google Cloud the state is unknown.
func TestIdle(t *testing.T) {
	t.Parallel()
	up := httptest.NewServer(nil)
	defer up.Close()
	killed := httptest.NewServer(nil)
	killed.Close()
	at := func(url string) *place {
		return &place{endpoint: func() (folder.Endpoint, error) { return folder.Endpoint{URL: url}, nil }}
	}
	for _, c := range []struct {
		name string
		p    *place
		idle bool
	}{{"up runs", at(up.URL), false}, {"it was killed", at(killed.URL), true}, {"it has ended", at(""), true},
		{"Google Cloud", &place{}, false}} {
		if got := c.p.idle(); strings.Contains(got, "is not running") != c.idle || !c.idle && got != "" {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
