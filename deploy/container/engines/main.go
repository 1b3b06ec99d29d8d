// Command engines compiles all WebAssembly decoders into a folder. bucketocr loads them from there if it was built from
// the same sources with the same Go and runs on a similar processor. The container image's build runs this command.
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
