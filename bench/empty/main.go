// Command empty is a function of the functions framework that does nothing: what no start can undercut.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/bucketocr/bucketocr/bench/internal/stats"
)

func init() { functions.HTTP("ExtractText", func(http.ResponseWriter, *http.Request) {}) }

func main() {
	stats.Serve()
	if err := funcframework.Start(os.Getenv("PORT")); err != nil {
		log.Fatal(err)
	}
}
