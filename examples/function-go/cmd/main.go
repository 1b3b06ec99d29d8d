// Command cmd serves the function locally, on $PORT (default 8080).
package main

import (
	"cmp"
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "github.com/bucketocr/bucketocr/examples/function-go"
)

func main() {
	log.Fatal(funcframework.Start(cmp.Or(os.Getenv("PORT"), "8080")))
}
