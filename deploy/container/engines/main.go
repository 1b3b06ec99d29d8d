// Command engines compiles all decoders in WebAssembly into a folder, where bucketocr, built of the same sources by the
// same Go and started on a processor like this one, loads them. The build of the container's image runs it.
package main

import (
	"fmt"
	"os"

	"github.com/bucketocr/bucketocr/internal/page"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "Usage: engines FOLDER")
		os.Exit(2)
	}
	if err := page.CompileEngines(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "engines:", err)
		os.Exit(1)
	}
}
