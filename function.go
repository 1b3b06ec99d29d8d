// Package bucketocr is the entry point on Cloud Run: the Go buildpack generates a main program that imports it and
// serves the function that it registers. Everything else is in internal/app.
package bucketocr

import (
	"fmt"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/page"
)

// The main program is generated, so the work of a main function begins here: acting as decoder if the function has
// started itself again as one, and configuration and shutdown on Cloud Run. Tests register their own handler.
func init() {
	page.ServeIfDecoder()
	if os.Getenv("K_SERVICE") == "" {
		return
	}
	handler, err := app.Start(os.LookupEnv, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	register(handler)
}

// register makes handler the function ExtractText.
func register(handler http.Handler) { functions.HTTP(app.Target, handler.ServeHTTP) }
