package page

import (
	"bytes"
	"slices"

	"github.com/bucketocr/bucketocr/internal/page/tiff"
)

// orientation is an Exif orientation: what has to be done to the stored picture so that it is upright.
type orientation int

const upright orientation = 1

const exifMax = 64 << 10 // bytes of Exif that are read; a JPEG segment cannot be longer

// exifOrientation returns the orientation of an Exif block, with or without its prefix; upright if it has none.
func exifOrientation(b []byte) orientation {
	return orientation(tiff.Orientation(bytes.TrimPrefix(b, []byte("Exif\x00\x00"))))
}

// words describes what is done to the picture, "" if it is upright. Turns are clockwise.
func (o orientation) words() string {
	return [...]string{2: "mirrored", 3: "turned 180°", 4: "mirrored and turned 180°", 5: "mirrored and turned 270°",
		6: "turned 90°", 7: "mirrored and turned 90°", 8: "turned 270°"}[o]
}

// quarterTurns lists the orientations that differ by turns only. Each turns the picture by 90 degrees clockwise more
// than the one before it.
var quarterTurns = [...][4]orientation{{1, 6, 3, 8}, {2, 7, 4, 5}}

// turned returns the orientation that turns the upright picture clockwise by a multiple of 90 degrees.
func (o orientation) turned(degrees int) orientation {
	for _, same := range quarterTurns {
		if i := slices.Index(same[:], o); i >= 0 {
			return same[(i+degrees/90)%4]
		}
	}
	return o
}

// swaps reports whether rows of the stored picture become columns.
func (o orientation) swaps() bool { return o >= 5 }

// flipsX and flipsY report whether stored rows and columns are reversed in the upright picture.
func (o orientation) flipsX() bool { return o == 2 || o == 3 || o == 7 || o == 8 }
func (o orientation) flipsY() bool { return o == 3 || o == 4 || o == 6 || o == 7 }

// size returns the upright size of a stored picture of w x h.
func (o orientation) size(w, h int) (int, int) {
	if o.swaps() {
		return h, w
	}
	return w, h
}

// target is where the samples of a channel are written: sample (x, y) of the stored picture to pix[at+x*dx+y*dy].
type target struct {
	pix        []byte
	at, dx, dy int
}

// place returns the target of a stored channel of w x h samples in an upright plane, whose samples are step bytes apart
// and whose rows are stride bytes apart. Writing to it turns the picture without a second copy.
func (o orientation) place(pix []byte, w, h, step, stride int) target {
	t := target{pix: pix, dx: step, dy: stride}
	if o.swaps() {
		t.dx, t.dy = t.dy, t.dx
	}
	if o.flipsX() {
		t.at += (w - 1) * t.dx
		t.dx = -t.dx
	}
	if o.flipsY() {
		t.at += (h - 1) * t.dy
		t.dy = -t.dy
	}
	return t
}
