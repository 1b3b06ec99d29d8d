package page

import (
	"fmt"
	"image"
	"image/draw"
	"slices"

	"github.com/bucketocr/bucketocr/internal/page/sandbox"
)

// finishing describes how a decoded picture becomes a page. This happens in the process that decoded it, so that only
// the small finished page passes between processes.
type finishing struct {
	edge        int
	shape       image.Point // its stored size if its pixels were square; 0, 0: they are
	orientation orientation
	lossy       bool // it comes from a lossy format
}

// fit returns the size to which a picture of the stored size is scaled.
func (f finishing) fit(stored image.Point) (w, h int) {
	if f.shape != (image.Point{}) {
		stored = f.shape
	}
	return fit(stored.X, stored.Y, f.edge)
}

// finished is a page that was made by decoding.
type finished struct {
	stored, size image.Point // before and after finishing
	kind         string      // its media type
	blank        bool
	byOpacity    bool // drawn black on white as opacity, since all of it is white where it is not transparent
	print        print
	lacksGlyphs  bool // some characters could not be drawn
	damaged      bool // part of the picture was missing
	bytes        []byte
}

// incomplete is a decoded picture with missing or wrong parts. Missing parts are white.
type incomplete struct{ image.Image }

// scaled is a picture that was scaled and turned while it was decoded. stored is its size in the file.
type scaled struct {
	image.Image
	stored image.Point
}

// laid is a picture that was laid on white while it was decoded. alpha says how opaque it was.
type laid struct {
	*image.YCbCr
	alpha *image.Alpha
}

func (l laid) Opaque() bool { return l.alpha.Opaque() }

// errNothingLeft reports a picture with too much missing: all white, it would pass for a blank page.
var errNothingLeft = corrupt("the file is cut off or damaged, and no part of its picture can be read", nil)

// leastLeft is the fraction of a picture that must be present, as a divisor.
const leastLeft = 64

// partly returns a picture with there of all its rows or blocks decoded, as incomplete if some are missing or may be
// wrong.
func partly(img image.Image, there, all int, wrong bool) (image.Image, error) {
	switch {
	case there >= all && !wrong:
		return img, nil
	case there < max(1, all/leastLeft):
		return nil, errNothingLeft
	}
	return incomplete{img}, nil
}

// finish makes a page of a decoded picture: it scales, turns, pads and encodes it.
func (f finishing) finish(img image.Image) (p finished, err error) {
	if part, ok := img.(incomplete); ok {
		img, p.damaged = part.Image, true
	}
	if small, ok := img.(scaled); ok {
		img, p.stored = small.Image, small.stored
	} else {
		p.stored = img.Bounds().Size()
		w, h := f.fit(p.stored)
		page := render(img, w, h, f.orientation)
		if isBlank(page) && !p.damaged && !isOpaque(img) {
			ink := render(opacity{img}, w, h, f.orientation)
			if p.byOpacity = !isBlank(ink); p.byOpacity {
				page = ink
			}
		}
		img = page
	}
	if p.blank = isBlank(img); p.damaged && p.blank {
		return p, errNothingLeft
	}
	p.print = measure(img)
	img = widened(img, f.edge)
	p.size = img.Bounds().Size()
	p.bytes, p.kind, err = encode(img, f.lossy)
	return p, err
}

// isOpaque reports whether no pixel of a picture is transparent.
func isOpaque(img image.Image) bool {
	m, ok := img.(interface{ Opaque() bool })
	return ok && m.Opaque()
}

// leastSide is the least length of a page's side in pixels: the model's patch size. Some servers silently read a
// thinner page as blank, others reject it.
const leastSide = 28

// isThin reports whether a scaled picture of this size has too short a side.
func isThin(w, h, edge int) bool { return min(w, h) < min(leastSide, edge) }

// widened centres a thin picture, as returned by render, on a white page.
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

// kinds lists the media types of finished pages; messages contain their indexes.
var kinds = [...]string{"image/png", "image/jpeg"}

func number(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// args returns the first arguments of a call that decodes and finishes a picture; the call's own follow.
func (f finishing) args(room int64) []int64 {
	return []int64{room, int64(f.edge), int64(f.orientation), number(f.lossy), int64(f.shape.X), int64(f.shape.Y)}
}

// finishingOf parses the arguments of a call.
func finishingOf(args []int64) (room int64, f finishing, own []int64, err error) {
	if len(args) < 6 || args[1] < 1 || args[1] > maxEdge || args[2] < 1 || args[2] > 8 || args[4] < 0 || args[5] < 0 ||
		max(args[4], args[5]) > 1<<34 {
		return 0, f, nil, fmt.Errorf("page: invalid decoder arguments %v", args)
	}
	return args[0], finishing{edge: int(args[1]), orientation: orientation(args[2]), lossy: args[3] == 1,
		shape: image.Pt(int(args[4]), int(args[5]))}, args[6:], nil
}

// inkUnit is a page full of ink in the units of a message.
const inkUnit = 1 << 20

// message returns the answer with a finished page.
func (p finished) message() sandbox.Message {
	return sandbox.Message{Data: p.bytes,
		Args: []int64{int64(p.stored.X), int64(p.stored.Y), int64(p.size.X), int64(p.size.Y),
			int64(slices.Index(kinds[:], p.kind)), number(p.blank), number(p.lacksGlyphs), number(p.damaged),
			int64(p.print.ink * inkUnit), int64(p.print.turn), number(p.byOpacity)}}
}

// finishedOf parses an answer. It checks every number, since the process that answers decodes untrusted bytes.
func finishedOf(m sandbox.Message, edge int) (finished, error) {
	a := m.Args
	if len(a) != 11 || slices.Min(a[:4]) < 1 || max(a[0], a[1]) > 1<<31 || max(a[2], a[3]) > int64(edge) ||
		a[4] < 0 || a[4] >= int64(len(kinds)) || a[8] < 0 || a[8] > inkUnit ||
		!slices.Contains([]int64{0, 90, 180, 270}, a[9]) || len(m.Data) == 0 {
		return finished{}, fmt.Errorf("page: invalid decoder answer %v with %d bytes", a, len(m.Data))
	}
	return finished{stored: image.Pt(int(a[0]), int(a[1])), size: image.Pt(int(a[2]), int(a[3])), kind: kinds[a[4]],
			blank:       a[5] == 1,
			lacksGlyphs: a[6] == 1, damaged: a[7] == 1, print: print{float64(a[8]) / inkUnit, int(a[9])},
			byOpacity: a[10] == 1, bytes: m.Data},
		nil
}
