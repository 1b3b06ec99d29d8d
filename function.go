// Package bucketocr is Cloud Run's entry point: the Go buildpack generates a main program that imports it and serves
// the function that it registers. Everything else is in internal/app.
package bucketocr

import (
	"fmt"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/page"
)

// The generated main program is not ours, so what a program's own main does begins here: serving as decoder where the
// function has started itself again to be one, and configuration and shutdown on Cloud Run. Tests register a handler of
// their own.
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
