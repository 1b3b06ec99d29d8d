// Command empty is a functions-framework function that does nothing. Its start is a lower bound.
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
