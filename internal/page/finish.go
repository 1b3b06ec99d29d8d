package page

import (
	"fmt"
	"image"
	"image/draw"
	"slices"

	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// finishing is what is done to a decoded picture, in whichever process it was decoded: only the finished page, which is
// small, goes from one to the other.
type finishing struct {
	edge        int
	orientation orientation
	lossy       bool // it comes from a lossy format
}

// finished is a page that was made by decoding.
type finished struct {
	stored, size image.Point // as it was decoded, and as it is
	kind         string      // its media type
	blank        bool
	print        print
	lacksGlyphs  bool // it has characters that could not be drawn
	damaged      bool // something of it was missing
	bytes        []byte
}

// incomplete is a decoded picture of which something is missing or wrong. What is missing is white.
type incomplete struct{ image.Image }

// errNothingLeft is for a picture of which too much is missing: white without ink would pass for a blank page.
var errNothingLeft = corrupt("the file is cut off or damaged, and nothing of its picture is left", nil)

// leastLeft is the part of a picture that has to be there, as a divisor.
const leastLeft = 64

// partly returns a picture of which so many of all rows or blocks are there, and these may be wrong.
func partly(img image.Image, there, all int, wrong bool) (image.Image, error) {
	switch {
	case there >= all && !wrong:
		return img, nil
	case there < max(1, all/leastLeft):
		return nil, errNothingLeft
	}
	return incomplete{img}, nil
}

// finish makes a page of a decoded picture: scaled, upright, wide and high enough, encoded.
func (f finishing) finish(img image.Image) (p finished, err error) {
	if part, ok := img.(incomplete); ok {
		img, p.damaged = part.Image, true
	}
	p.stored = img.Bounds().Size()
	w, h := fit(p.stored.X, p.stored.Y, f.edge)
	img = render(img, w, h, f.orientation)
	if p.blank = isBlank(img); p.damaged && p.blank {
		return p, errNothingLeft
	}
	p.print = measure(img)
	img = widened(img, f.edge)
	p.size = img.Bounds().Size()
	p.bytes, p.kind, err = encode(img, f.lossy)
	return p, err
}

// leastSide is how many pixels a side of a page has at least: what the model takes for one piece of a picture. Some
// servers read a thinner page as blank without a word, others refuse it.
const leastSide = 28

// isThin reports whether a picture of this size, once it is scaled, has too short a side.
func isThin(w, h, edge int) bool { return min(w, h) < min(leastSide, edge) }

// widened returns a picture, as render returns it, in the middle of white where it is thin.
func widened(img image.Image, edge int) image.Image {
	size := img.Bounds().Size()
	if !isThin(size.X, size.Y, edge) {
		return img
	}
	least := min(leastSide, edge)
	paper := image.Rect(0, 0, max(size.X, least), max(size.Y, least))
	var out draw.Image = image.NewRGBA(paper)
	if _, ok := img.(*image.Gray); ok {
		out = image.NewGray(paper)
	}
	draw.Draw(out, paper, image.White, image.Point{}, draw.Src)
	at := paper.Max.Sub(size).Div(2)
	draw.Draw(out, img.Bounds().Add(at), img, image.Point{}, draw.Src)
	return out
}

// kinds are the media types of finished pages, by the number that stands for each in a message.
var kinds = [...]string{"image/png", "image/jpeg"}

func number(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// args are the numbers of a call that decodes and finishes a picture, before the call's own.
func (f finishing) args(room int64) []int64 {
	return []int64{room, int64(f.edge), int64(f.orientation), number(f.lossy)}
}

// finishingOf returns what the numbers of a call say.
func finishingOf(args []int64) (room int64, f finishing, own []int64, err error) {
	if len(args) < 4 || args[1] < 1 || args[1] > maxEdge || args[2] < 1 || args[2] > 8 {
		return 0, f, nil, fmt.Errorf("page: a decoder was called with %v", args)
	}
	return args[0], finishing{edge: int(args[1]), orientation: orientation(args[2]), lossy: args[3] == 1}, args[4:], nil
}

// inkUnit is a page full of print, as a message says it.
const inkUnit = 1 << 20

// message returns a finished page as an answer.
func (p finished) message() sandbox.Message {
	return sandbox.Message{Data: p.bytes,
		Args: []int64{int64(p.stored.X), int64(p.stored.Y), int64(p.size.X), int64(p.size.Y),
			int64(slices.Index(kinds[:], p.kind)), number(p.blank), number(p.lacksGlyphs), number(p.damaged),
			int64(p.print.ink * inkUnit), int64(p.print.turn)}}
}

// finishedOf returns the page of an answer. A process that decodes foreign bytes is not believed blindly.
func finishedOf(m sandbox.Message, edge int) (finished, error) {
	a := m.Args
	if len(a) != 10 || slices.Min(a[:4]) < 1 || max(a[0], a[1]) > 1<<31 || max(a[2], a[3]) > int64(edge) ||
		a[4] < 0 || a[4] >= int64(len(kinds)) || a[8] < 0 || a[8] > inkUnit ||
		!slices.Contains([]int64{0, 90, 180, 270}, a[9]) || len(m.Data) == 0 {
		return finished{}, fmt.Errorf("page: a decoder answered %v with %d bytes", a, len(m.Data))
	}
	return finished{stored: image.Pt(int(a[0]), int(a[1])), size: image.Pt(int(a[2]), int(a[3])), kind: kinds[a[4]],
			blank:       a[5] == 1,
			lacksGlyphs: a[6] == 1, damaged: a[7] == 1, print: print{float64(a[8]) / inkUnit, int(a[9])},
			bytes: m.Data},
		nil
}
