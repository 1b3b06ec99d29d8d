// Command controlpage draws the control page, which every OCR service can read: one word in clear, large type.
package main

//go:generate go run . ../control.png

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

const (
	word          = "HARBOUR"
	width, height = 400, 120
	size          = 64 // of the type, in pixels
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: controlpage FILE")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "controlpage:", err)
		os.Exit(1)
	}
}

func write(name string) error {
	page, err := draw()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, page); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// draw sets the word in black on white, in the middle. There are no shades of gray, so the file stays small.
func draw() (*image.Gray, error) {
	parsed, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		return nil, err
	}
	page := image.NewGray(image.Rect(0, 0, width, height))
	for i := range page.Pix {
		page.Pix[i] = 255
	}
	pen := font.Drawer{Dst: page, Src: image.Black, Face: face}
	ink, advance := pen.BoundString(word)
	pen.Dot = fixed.Point26_6{X: (fixed.I(width) - advance) / 2, Y: (fixed.I(height) - ink.Min.Y - ink.Max.Y) / 2}
	pen.DrawString(word)
	for i, v := range page.Pix {
		page.Pix[i] = 0
		if v >= 128 {
			page.Pix[i] = 255
		}
	}
	return page, nil
}
