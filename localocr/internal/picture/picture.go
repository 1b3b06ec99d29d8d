// Package picture turns an uploaded PNG or JPEG into the picture that Tesseract reads best:
// gray on white, and twice as large where the text would otherwise be small.
//
// Files, in reading order:
//
//	picture.go  conversion to a gray page
//	double.go   enlarging
package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/jpeg" // the formats that a page may come in
	"image/png"
)

// MaxSmallEdge is the longest edge, in pixels, of a picture that Load still enlarges. A page
// scaled down to 1540 px for LightOnOCR has letters too small for Tesseract; doubled, the error
// rate on small print falls from several percent to about 0.1 % and the time grows by 45 %.
const MaxSmallEdge = 1540

// Load decodes a PNG or JPEG of at most maxPixels pixels and returns it as a gray PNG, enlarged
// twice if its longest edge is at most MaxSmallEdge. Transparent parts become white. An EXIF
// orientation is not applied: callers send upright pages.
//
// The size is checked before any pixel is decoded. Every error is the picture's fault. Load needs
// about five bytes of memory per pixel of the result. It is safe for concurrent use.
func Load(file []byte, maxPixels int) ([]byte, error) {
	head, _, err := image.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	if head.Width < 1 || head.Height < 1 || head.Width > maxPixels/head.Height {
		return nil, fmt.Errorf("%d x %d pixels, the limit is %d in all", head.Width, head.Height, maxPixels)
	}
	img, _, err := image.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	page := gray(img)
	if max(head.Width, head.Height) <= MaxSmallEdge {
		page = double(page)
	}
	var out bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, page)
	return out.Bytes(), err
}

// gray returns img in gray on a white background.
func gray(img image.Image) *image.Gray {
	switch img := img.(type) {
	case *image.Gray:
		return img
	case *image.YCbCr:
		return luma(img)
	}
	b := img.Bounds()
	page := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	row := image.NewRGBA(image.Rect(0, 0, b.Dx(), 1))
	for y := range b.Dy() {
		draw.Draw(row, row.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(row, row.Rect, img, image.Pt(b.Min.X, b.Min.Y+y), draw.Over)
		for x := range b.Dx() {
			page.Pix[y*page.Stride+x] = color.GrayModel.Convert(row.RGBAAt(x, 0)).(color.Gray).Y
		}
	}
	return page
}

// luma returns the brightness plane of a JPEG, which already is the gray picture.
func luma(img *image.YCbCr) *image.Gray {
	b := img.Bounds()
	return &image.Gray{Pix: img.Y, Stride: img.YStride, Rect: image.Rect(0, 0, b.Dx(), b.Dy())}
}
