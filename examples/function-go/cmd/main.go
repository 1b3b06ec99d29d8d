// Command cmd serves the function on $PORT, 8080 by default, to try it here.
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
