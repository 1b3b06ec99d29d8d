package pagetest

import (
	"image"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Sheet is lines of text, size pixels to the letter, black on white, on paper as large as they need.
func Sheet(size int, lines ...string) (*image.Gray, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: float64(size), DPI: 72})
	if err != nil {
		return nil, err
	}
	width, pitch := 0, size*3/2
	for _, line := range lines {
		width = max(width, font.MeasureString(face, line).Ceil())
	}
	img := image.NewGray(image.Rect(0, 0, width+4*size, pitch*(len(lines)+2)))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	d := font.Drawer{Dst: img, Src: image.Black, Face: face}
	for i, line := range lines {
		d.Dot = fixed.P(2*size, pitch*(i+2))
		d.DrawString(line)
	}
	return img, nil
}
