package main

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
)

// noise returns a picture that hardly compresses. It is always the same.
func noise(w, h int, amount int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	dice := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(m.Pix); i += 4 {
		v := dice.Uint32()
		m.Pix[i] = uint8(int(v&255) * amount / 255)
		m.Pix[i+1] = uint8(int(v>>8&255) * amount / 255)
		m.Pix[i+2] = uint8(int(v>>16&255) * amount / 255)
		m.Pix[i+3] = 255
	}
	return m
}

// pngPage returns a PNG of about size bytes that passes through: no side is longer than 1540 pixels.
func pngPage(size int) []byte {
	h := size / (3 * 1500)
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := e.Encode(&b, noise(1500, h, 255)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// photo returns a JPEG that has to be scaled down.
func photo(w, h int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, noise(w, h, 40), &jpeg.Options{Quality: 75}); err != nil {
		panic(err)
	}
	return b.Bytes()
}
