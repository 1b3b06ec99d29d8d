package idtoken

import (
	"os"
	"testing"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// server is the metadata server of this process.
var server *ocrtest.Metadata

func TestMain(m *testing.M) {
	var done func()
	server, done = gcptest.Metadata()
	code := m.Run()
	done()
	os.Exit(code)
}
