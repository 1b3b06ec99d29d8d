// Package bucketocr is Cloud Run's entry point: the Go buildpack generates a main program that imports it and serves the
// function that it registers. Everything else is in internal/app.
package bucketocr

import (
	"fmt"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/bucketocr/bucketocr/internal/app"
)

// The generated main program knows nothing of the function's configuration and shutdown, so both begin here, on Cloud Run
// alone: tests register a handler of their own.
func init() {
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
