package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local/folder"
)

// TestTarget: with a folder FUNCTION_URL is not meant, since the function in the cloud has no such bucket, and the
// address of an up that was killed is none. An ID token is for an address that the user has named: a folder's gets that
// folder's token.
func TestTarget(t *testing.T) {
	function := httptest.NewServer(http.NotFoundHandler())
	defer function.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + l.Addr().String()
	l.Close()
	folderAt := func(url string) place {
		return place{bucket: "scans", endpoint: func() (folder.Endpoint, error) {
			return folder.Endpoint{URL: url, Token: "folder's"}, nil
		}}
	}
	env := map[string]string{"FUNCTION_URL": "https://f.run.app", "ID_TOKEN": "user's"}
	cloud := system{lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	for name, c := range map[string]struct {
		to    string
		p     place
		want  string // empty: refused
		token string // empty: none
	}{
		"cloud":                {"", place{}, "https://f.run.app", "user's"},
		"cloud, by flag":       {"https://g.run.app", place{}, "https://g.run.app", "user's"},
		"folder":               {"", folderAt(function.URL), function.URL, "folder's"},
		"folder, by flag":      {"https://g.run.app", folderAt(function.URL), "https://g.run.app", "user's"},
		"folder, flag on here": {function.URL, folderAt(dead), function.URL, ""},
		"folder without up":    {"", folderAt(""), "", ""},
		"folder, up was ended": {"", folderAt(dead), "", ""},
	} {
		got, source, err := (&target{to: c.to}).find(cloud, &c.p)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		token := ""
		if source != nil {
			token, _ = source(t.Context())
		}
		if token != c.token {
			t.Errorf("%s: the token is %q", name, token)
		}
	}
}

// TestForeignEndpointGetsNothing: an address that came with the folder is neither asked nor sent a token, wherever it
// leads.
func TestForeignEndpointGetsNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // what takes connections there
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			t.Errorf("asked by %s", conn.RemoteAddr())
			conn.Close()
		}
	}()
	o := folderOffice(t)
	o.write(o.record("bad.png", document.StatusFailed))
	dir := o.args[1]
	for _, address := range []string{"https://" + l.Addr().String(), "http://evil.example",
		"http://x@" + l.Addr().String(), "nonsense"} {
		if err := os.WriteFile(filepath.Join(dir, ".bucketocr", "endpoint"), []byte(address+"\ntoken\n"),
			0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"backfill"}, {"retry", "--now"}} {
			o.want(exitUsage, []string{"does not hold an address on this machine", "delete the file"}, args...)
		}
	}
	if r := o.now("bad.png"); r.Status != document.StatusFailed {
		t.Errorf("a refused retry left %s", r.Status)
	}
}

// TestOwnLoginIsToldOfIDToken: a person's own login, with which no ID token can be made, need not be given up.
func TestOwnLoginIsToldOfIDToken(t *testing.T) {
	login := filepath.Join(t.TempDir(), "login.json")
	if err := os.WriteFile(login, []byte(`{"type": "authorized_user", "client_id": "c", "client_secret": "s", `+
		`"refresh_token": "r"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", login)
	sys := system{lookup: func(string) (string, bool) { return "", false }}
	_, err := idToken(sys, "https://f.run.app")(t.Context())
	if err == nil || !strings.Contains(err.Error(), "own login") ||
		!strings.Contains(err.Error(), "set ID_TOKEN to the output of `gcloud auth print-identity-token`") {
		t.Errorf("the advice is %v", err)
	}
}

// TestIDTokenStaysOffThisMachine: what listens at a port here is not known to be ours, and up asks for no token.
func TestIDTokenStaysOffThisMachine(t *testing.T) {
	sys := system{lookup: func(name string) (string, bool) { return "secret", name == "ID_TOKEN" }}
	for address, want := range map[string]bool{
		"http://127.0.0.1:8080": false, "http://localhost:1": false, "http://[::1]:1/": false,
		"https://f.run.app": true, "http://f.run.app": true,
	} {
		if got := idToken(sys, address) != nil; got != want {
			t.Errorf("%s: a token: %v", address, got)
		}
	}
}
