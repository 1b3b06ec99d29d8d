package gcp

import (
	"os"
	"testing"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// server tells this process who it is. Google's clients look for one once in a process.
var server *ocrtest.Metadata

func TestMain(m *testing.M) {
	server = ocrtest.NewMetadata(nil)
	os.Setenv("GCE_METADATA_HOST", server.Host)
	home, err := os.MkdirTemp("", "gcp")
	if err != nil {
		panic(err)
	}
	// No credentials of whoever runs the tests.
	os.Setenv("HOME", home)
	os.Setenv("APPDATA", home)
	os.Unsetenv("GOOGLE_APPLICATION_CREDENTIALS")
	os.Unsetenv("STORAGE_EMULATOR_HOST")
	code := gcptest.Main(m)
	server.Close()
	os.RemoveAll(home)
	os.Exit(code)
}

// requests is how often an ID token for the audience was asked for, repetitions of Google's client included.
func requests(audience string) int {
	n := 0
	for _, asked := range server.Audiences() {
		if asked == audience {
			n++
		}
	}
	return n
}
