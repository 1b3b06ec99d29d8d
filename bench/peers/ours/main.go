// Command ours reads a page with bucketocr's client.
package main

import (
	"context"

	"github.com/bucketocr/bucketocr/bench/peers/peer"
	"github.com/bucketocr/bucketocr/ocr"
)

func main() {
	peer.Run(func(p peer.Program) (func() (string, error), error) {
		client, err := ocr.New(ocr.Config{URL: p.URL, APIKey: "peer"})
		return func() (string, error) {
			res, err := client.ExtractText(context.Background(), ocr.File(p.File))
			return res.Text, err
		}, err
	})
}
