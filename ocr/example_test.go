package ocr_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

func Example() {
	server := ocrtest.New(nil) // stands in for a real one
	defer server.Close()
	server.Default(ocrtest.Text("# Delivery note 4711"))

	client, err := ocr.New(ocr.Config{URL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.ExtractText(context.Background(), ocr.File("testdata/page.png"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text)
	// Output: # Delivery note 4711
}

// In layout mode the text is divided into blocks, each with its position on the page.
func ExampleClient_ExtractText_layout() {
	server := ocrtest.New(nil, ocrtest.Models("lightonai/LightOnOCR-3-1B"))
	defer server.Close()
	server.Default(ocrtest.Text("![title](100,50,900,90) # Invoice\n![text](100,120,900,300) Due in thirty"))

	client, err := ocr.New(ocr.Config{URL: server.URL, Model: "lightonai/LightOnOCR-3-1B", Mode: ocr.ModeLayout})
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.ExtractText(context.Background(), ocr.File("testdata/page.png"))
	if err != nil {
		log.Fatal(err)
	}
	for _, block := range result.Blocks {
		fmt.Println(block.Label, block.Box, block.Text)
	}
	// Output:
	// title [100 50 900 90] # Invoice
	// text [100 120 900 300] Due in thirty
}

// Cloud Run requires an ID token. The caller decides which one, and where it comes from.
func ExampleConfig_token() {
	server := ocrtest.New(nil, ocrtest.RequireToken("https://ocr.example"))
	defer server.Close()
	server.Default(ocrtest.Text("# Delivery note 4711"))

	client, err := ocr.New(ocr.Config{
		URL:      server.URL,
		Audience: "https://ocr.example", // default: the origin of URL
		Token:    ocrtest.FixedToken,    // in the cloud: from the metadata server
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.ExtractText(context.Background(), ocr.File("testdata/page.png"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Text)
	// Output: # Delivery note 4711
}

// An error's kind tells what to do, and its tries what happened.
func ExampleError() {
	server := ocrtest.New(nil)
	defer server.Close()
	server.Default(ocrtest.Platform(403))
	server.Next(ocrtest.Platform(502))

	client, err := ocr.New(ocr.Config{URL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.ExtractText(context.Background(), ocr.File("testdata/page.png"))
	if failed, ok := errors.AsType[*ocr.Error](err); ok {
		switch failed.Kind {
		case ocr.KindOverloaded, ocr.KindUnavailable, ocr.KindAborted:
			fmt.Println("try later")
		case ocr.KindForbidden:
			fmt.Println("grant roles/run.invoker on the service")
		}
		for _, try := range failed.Tries {
			fmt.Println(try.Number, try.Status, try.Kind, try.Phase)
		}
	}
	// Output:
	// grant roles/run.invoker on the service
	// 1 502 unavailable read
	// 2 403 forbidden read
}

// A service that scales to zero takes minutes to start. With many pages to read, wait for it first.
func ExampleClient_WaitHealthy() {
	server := ocrtest.New(nil)
	defer server.Close()

	client, err := ocr.New(ocr.Config{URL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := client.WaitHealthy(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("healthy:", client.Healthy(ctx), "pages as large as", client.Profile().Edge, "pixels")
	// Output: healthy: true pages as large as 1540 pixels
}

func ExampleParseURL() {
	for _, raw := range []string{"https://OCR.example/v1/", "ocr.example", "https://ocr.example/v1/chat/completions"} {
		u, err := ocr.ParseURL(raw)
		if err != nil {
			fmt.Println(raw, err)
			continue
		}
		fmt.Println(u)
	}
	// Output:
	// https://ocr.example
	// ocr.example must begin with https:// or http://
	// https://ocr.example/v1/chat/completions must be the base URL, not an endpoint below it
}
