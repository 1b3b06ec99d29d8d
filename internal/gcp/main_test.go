package gcp

import (
	"os"
	"testing"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

// server tells this process who it is. Google's clients look for one once in a process.
var server *gcptest.Metadata

func TestMain(m *testing.M) {
	server = gcptest.NewMetadata()
	os.Setenv(gcptest.MetadataEnv, server.Host())
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
