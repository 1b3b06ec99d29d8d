// Package salvage decodes JPEG and PNG files that the decoders of the standard library refuse: cut off, broken in the
// middle, or of a form that other programs read. It is as liberal as libjpeg and libpng, and slower than those
// decoders.
//
// Files, in reading order: jpeg.go a JPEG, png.go a PNG, part.go what is returned.
package salvage

import (
	"errors"
	"image"
)

// Part is a picture of which something may be missing. What is missing is white, of an interlaced or progressive
// picture less sharp.
type Part struct {
	Image      image.Image
	There, All int  // rows or blocks
	Wrong      bool // some of those that are there may be wrong
}

// ErrNothing says that a file shows nothing.
var ErrNothing = errors.New("salvage: no part of the picture can be decoded")
