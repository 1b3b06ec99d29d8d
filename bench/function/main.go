// Command function is the function as deployed: it does what the main program does that the Go buildpack generates.
package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "github.com/bucketocr/bucketocr"
	"github.com/bucketocr/bucketocr/bench/internal/stats"
)

func main() {
	stats.Serve()
	if err := funcframework.Start(os.Getenv("PORT")); err != nil {
		log.Fatal(err)
	}
}
