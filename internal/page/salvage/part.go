// Package salvage decodes JPEG and PNG files that the standard library's decoders refuse: truncated, damaged, or
// irregular in ways that other programs accept. It is as tolerant as libjpeg and libpng, but slower than the standard
// library.
//
// Files, in reading order: jpeg.go a JPEG, png.go a PNG, part.go what is returned.
package salvage

import (
	"errors"
	"image"
)

// Part is a possibly incomplete picture. Missing parts are white, or less sharp in interlaced and progressive pictures.
type Part struct {
	Image      image.Image
	There, All int  // rows or blocks decoded and in all
	Wrong      bool // some decoded rows or blocks may be wrong
}

// ErrNothing reports a file without a single decodable row or block.
var ErrNothing = errors.New("salvage: no part of the picture can be decoded")
