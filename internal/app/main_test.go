//go:build !integration

package app_test

import (
	"os"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page"
)

func TestMain(m *testing.M) {
	page.ServeIfDecoder()
	os.Exit(m.Run())
}
