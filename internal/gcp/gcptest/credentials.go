package gcptest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// Metadata starts a metadata server for all tests of this process and hides the developer's own credentials. It is for
// a TestMain, since Google's clients look for the server once per process. done closes the server.
func Metadata() (server *ocrtest.Metadata, done func()) {
	server = ocrtest.NewMetadata(nil)
	home, err := os.MkdirTemp("", "gcptest")
	if err != nil {
		panic(err)
	}
	os.Setenv("GCE_METADATA_HOST", server.Host)
	os.Setenv("HOME", home)
	os.Setenv("APPDATA", home)
	os.Unsetenv("GOOGLE_APPLICATION_CREDENTIALS")
	return server, func() {
		server.Close()
		os.RemoveAll(home)
	}
}

// Credentials makes Google's clients find content, as JSON, as their credentials during the test.
func Credentials(t *testing.T, content any) {
	t.Helper()
	b, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
}

// ServiceAccount makes Google's clients find the key of a service account during the test. exchange is the token
// service that receives its assertions: [Grant] or [InvalidGrant].
func ServiceAccount(t *testing.T, exchange http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(exchange)
	t.Cleanup(server.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	Credentials(t, map[string]string{
		"type": "service_account", "client_email": "ocr@demo-x.iam.gserviceaccount.com", "token_uri": server.URL,
		"private_key": string(
			pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
	})
}

// AccessToken is the access token that [Grant] answers with.
const AccessToken = "access"

// Grant exchanges any assertion for tokens that last an hour.
func Grant(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id_token":     ocrtest.Token("https://ocr-abc.run.app", time.Now().Add(time.Hour)),
		"access_token": AccessToken, "expires_in": 3600, "token_type": "Bearer",
	})
}

// InvalidGrant refuses an assertion and repeats it, after the word "hush", in an answer that must not be passed on.
func InvalidGrant(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"hush ` + r.FormValue("assertion") + `"}`))
}
