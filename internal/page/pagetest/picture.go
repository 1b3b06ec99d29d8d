// Package pagetest generates pictures and files for tests: PNG, JPEG, TIFF, PDF and HEIC, of any size and number of
// pages, valid or with faults. The results are reproducible, and need no licence. Functions panic on errors.
//
// Files, in reading order: corpus.go files of every kind, irregular.go irregular files, hostile.go expensive files,
// locked.go and pdf.go PDFs, picture.go pictures of text, fax.go and samples.go kinds of TIFF pages, gif.go, bmp.go,
// tiff.go, heic.go, file.go PNG, JPEG and Exif; capped_linux.go and capped_other.go bound the memory of a test.
package pagetest

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// face returns the font of all pictures, with letters of size pixels.
func face(size float64) font.Face {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		panic(err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		panic(err)
	}
	return face
}

// Sheet draws lines of text with letters of size pixels, black on white. The picture is as large as they need.
func Sheet(size int, lines ...string) *image.Gray {
	face := face(float64(size))
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
	return img
}

// Paper draws a page of text with letters of size pixels, black on white and anti-aliased.
func Paper(w, h int, size float64) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	draw.Draw(img, img.Rect, image.White, image.Point{}, draw.Src)
	d := font.Drawer{Dst: img, Src: image.Black, Face: face(size)}
	margin := int(2 * size)
	for y, n := margin, 0; y < h-margin/2; y += int(size * 1.4) {
		d.Dot = fixed.P(margin, y)
		for ; d.Dot.X.Ceil() < w-margin*2; n++ {
			d.DrawString(fmt.Sprintf("%s %d ", words[n*7%len(words)], n*n%997))
		}
	}
	return img
}

var words = []string{"the", "invoice", "Quantity", "of", "paper", "délivré", "page", "total", "sum", "and", "KILOGRAM"}

// Scanned returns a page as a scanner sees it, with noise of the given strength.
func Scanned(img *image.Gray, noise float64) *image.Gray {
	r := rand.New(rand.NewPCG(1, 2))
	out := image.NewGray(img.Rect)
	for i, v := range img.Pix {
		out.Pix[i] = Clamp(float64(v)*0.9 + 10 + r.NormFloat64()*noise)
	}
	return out
}

// Photo returns a page as a phone sees it: on a table, shaded, tinted and noisy.
func Photo(img *image.Gray) *image.RGBA {
	r := rand.New(rand.NewPCG(3, 4))
	b := img.Bounds()
	out := image.NewRGBA(b)
	for y := range b.Dy() {
		for x := range b.Dx() {
			shade := 0.55 + 0.45*math.Sin(2*float64(x)/float64(b.Dx())+float64(y)/float64(b.Dy()))
			v := float64(img.Pix[y*img.Stride+x]) * shade
			if x < b.Dx()/12 || y > b.Dy()*11/12 {
				v = 90 + 40*math.Sin(float64(x+3*y)/17)
			}
			n := r.NormFloat64() * 4
			out.SetRGBA(x, y, color.RGBA{Clamp(v + n), Clamp(v*0.95 + n), Clamp(v*0.8 + n), 255})
		}
	}
	return out
}

// Screen returns a page as a window on a screen, with coloured bars.
func Screen(img *image.Gray) *image.RGBA {
	b := img.Bounds()
	out := image.NewRGBA(b)
	draw.Draw(out, b, img, image.Point{}, draw.Src)
	for i, c := range []color.RGBA{{30, 90, 200, 255}, {240, 200, 40, 255}, {200, 30, 60, 255}} {
		bar := image.Rect(b.Dx()*i/4, b.Dy()*i/5, b.Dx()*(i+1)/4, b.Dy()*i/5+b.Dy()/10)
		draw.DrawMask(out, bar, image.NewUniform(c), image.Point{}, image.NewUniform(color.Alpha{180}), image.Point{},
			draw.Over)
	}
	return out
}

// Clamp rounds v to the nearest byte.
func Clamp(v float64) byte { return byte(math.Round(max(0, min(255, v)))) }

// Turned returns a picture turned clockwise by quarter turns.
func Turned(m *image.Gray, quarters int) *image.Gray {
	for range quarters % 4 {
		w, h := m.Rect.Dx(), m.Rect.Dy()
		out := image.NewGray(image.Rect(0, 0, h, w))
		for y := range h {
			for x := range w {
				out.Pix[x*out.Stride+h-1-y] = m.Pix[y*m.Stride+x]
			}
		}
		m = out
	}
	return m
}
