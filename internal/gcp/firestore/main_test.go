package firestore

import (
	"os"
	"testing"

	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

func TestMain(m *testing.M) {
	_, done := gcptest.Metadata()
	code := gcptest.Main(m)
	done()
	os.Exit(code)
}
