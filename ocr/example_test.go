package ocr_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// A page from a file, read by a server that stands in for the real one here.
func Example() {
	server := ocrtest.New(nil)
	defer server.Close()
	server.Default(ocrtest.Text("# Delivery note 4711"))

	client, err := ocr.New(ocr.Config{
		URL:      server.URL,
		Audience: "https://ocr.example", // the origin of URL, if empty
		Token:    ocrtest.FixedToken,    // in the cloud: from the metadata server
	})
	if err != nil {
		fmt.Println(err) // all problems of the configuration
		return
	}

	file := "testdata/page.png"
	info, err := os.Stat(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := client.ExtractText(context.Background(), ocr.Image{
		Size: info.Size(),
		Open: func() (io.ReadCloser, error) { return os.Open(file) },
	})
	var failure *ocr.Error
	switch {
	case errors.As(err, &failure):
		fmt.Println("failed:", failure.Kind)
	case result.Blank:
		fmt.Println("a blank page")
	default:
		fmt.Println(result.Text, result.Warnings)
	}
	// Output: # Delivery note 4711 []
}

// Layout: what is where on the page.
func Example_layout() {
	server := ocrtest.New(nil, ocrtest.Models("lightonai/LightOnOCR-3-1B"))
	defer server.Close()
	server.Default(ocrtest.Text("![title](100,50,900,90) # Invoice\n![text](100,120,900,300) Due in thirty"))

	client, err := ocr.New(ocr.Config{URL: server.URL, Model: "lightonai/LightOnOCR-3-1B", Mode: ocr.ModeLayout})
	if err != nil {
		fmt.Println(err)
		return
	}
	page, err := os.ReadFile("testdata/page.png")
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := client.ExtractText(context.Background(), ocr.Bytes(page))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, block := range result.Blocks {
		fmt.Println(block.Label, block.Box, block.Text)
	}
	// Output:
	// title [100 50 900 90] # Invoice
	// text [100 120 900 300] Due in thirty
}
