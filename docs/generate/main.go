// Command generate writes the reference tables into the pages of the current folder, docs, as the code has them.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/bucketocr/bucketocr/docs"
)

func main() {
	log.SetFlags(0)
	pages, err := filepath.Glob("*.md")
	if err != nil {
		log.Fatal(err)
	}
	for _, page := range pages {
		if err := write(page); err != nil {
			log.Fatalf("%s: %v", page, err)
		}
	}
}

// write writes a page where its tables are not those of the code.
func write(page string) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, _, err := docs.Render(string(old))
	if err != nil || text == string(old) {
		return err
	}
	return os.WriteFile(page, []byte(text), 0o666)
}
