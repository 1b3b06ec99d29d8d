package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestTarget: with a folder FUNCTION_URL is not meant, since the function in the cloud has no such bucket, and the address of
// an up that was killed is none.
func TestTarget(t *testing.T) {
	function := httptest.NewServer(http.NotFoundHandler())
	defer function.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + l.Addr().String()
	l.Close()
	cloud := system{lookup: func(name string) (string, bool) { return "https://f.run.app", name == "FUNCTION_URL" }}
	for name, c := range map[string]struct {
		to   string
		p    place
		want string // empty: refused
	}{
		"cloud":                {"", place{}, "https://f.run.app"},
		"cloud, by flag":       {"https://g.run.app", place{}, "https://g.run.app"},
		"folder":               {"", place{bucket: "scans", endpoint: function.URL}, function.URL},
		"folder, by flag":      {"https://g.run.app", place{bucket: "scans", endpoint: function.URL}, "https://g.run.app"},
		"folder without up":    {"", place{bucket: "scans"}, ""},
		"folder, up was ended": {"", place{bucket: "scans", endpoint: dead}, ""},
	} {
		got, err := (&target{to: c.to}).address(cloud, &c.p)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestIDTokenStaysOffThisMachine: what listens at a port here is not known to be ours, and up asks for no token.
func TestIDTokenStaysOffThisMachine(t *testing.T) {
	sys := system{lookup: func(name string) (string, bool) { return "secret", name == "ID_TOKEN" }}
	for address, want := range map[string]bool{
		"http://127.0.0.1:8080": false, "http://localhost:1": false, "http://[::1]:1/": false, "https://f.run.app": true, "http://f.run.app": true,
	} {
		if got := idToken(sys, address) != nil; got != want {
			t.Errorf("%s: a token: %v", address, got)
		}
	}
}
