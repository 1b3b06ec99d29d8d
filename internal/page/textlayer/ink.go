package textlayer

import (
	"image"
	"math"
)

const (
	edgeContrast = 40 // of 255, between two pixels, that makes an edge
	leastRule    = 25 // pixels of a straight line
	// edge pixels that are neither text nor straight lines nor dots: fewer than those of a full stop of 9 points
	mostUnsaid = 24
	mostEdges  = 6000 // the same, including dots
)

// unsaid returns a doubt if more than characters is drawn, except for horizontal and vertical lines. It returns the
// dots that may begin the items of a list.
func unsaid(chars []Char, m *image.Gray) (dots []Rect, doubt Doubt) {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	e := &edges{w: w, h: h, drawing: m, said: make([]bool, w*h), left: map[int]bool{}}
	for _, c := range chars {
		if !c.Space {
			e.say(&c)
		}
	}
	e.across()
	e.down()
	if len(e.left) > mostEdges {
		return nil, Unsaid
	}
	others := 0
	for len(e.left) > 0 {
		for i := range e.left {
			box, n := e.part(i)
			if e.isDot(box) {
				dots = append(dots, box)
			} else {
				others += n
			}
			break
		}
	}
	if others > mostUnsaid {
		return nil, Unsaid
	}
	return dots, ""
}

// edges finds the pixels of a drawing that differ from the next one.
type edges struct {
	w, h    int
	drawing *image.Gray
	said    []bool       // a character covers the pixel
	left    map[int]bool // edge pixels that are neither text nor lines
}

func (e *edges) say(c *Char) {
	grow := 2 + 0.06*c.Size
	x0, y0 := max(0, int(math.Floor(c.Box.X0-grow))), max(0, int(math.Floor(c.Box.Y0-grow)))
	x1, y1 := min(e.w, int(math.Ceil(c.Box.X1+grow))), min(e.h, int(math.Ceil(c.Box.Y1+grow)))
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			e.said[y*e.w+x] = true
		}
	}
}

// differs reports whether there is an edge between two pixels that no character covers.
func (e *edges) differs(i, j int) bool {
	a, b := int(e.drawing.Pix[i]), int(e.drawing.Pix[j])
	return max(a-b, b-a) > edgeContrast && !e.said[i] && !e.said[j]
}

// across collects the edges between rows, down those between columns, without straight lines.
func (e *edges) across() {
	for y := range e.h - 1 {
		n := 0
		for x := range e.w + 1 {
			if x < e.w && e.differs(y*e.w+x, (y+1)*e.w+x) {
				n++
				continue
			}
			if n < leastRule {
				for k := x - n; k < x; k++ {
					e.leave(y*e.w + k)
				}
			}
			n = 0
		}
	}
}

func (e *edges) down() {
	for x := range e.w - 1 {
		n := 0
		for y := range e.h + 1 {
			if y < e.h && e.differs(y*e.w+x, y*e.w+x+1) {
				n++
				continue
			}
			if n < leastRule {
				for k := y - n; k < y; k++ {
					e.leave(k*e.w + x)
				}
			}
			n = 0
		}
	}
}

func (e *edges) leave(i int) {
	if len(e.left) <= mostEdges {
		e.left[i] = true
	}
}

// part removes all edge pixels connected with pixel i, and returns their box and number.
func (e *edges) part(i int) (box Rect, n int) {
	box = Rect{float64(i % e.w), float64(i / e.w), float64(i % e.w), float64(i / e.w)}
	queue := []int{i}
	delete(e.left, i)
	for ; len(queue) > 0; n++ {
		i := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		x, y := i%e.w, i/e.w
		box = box.union(Rect{float64(x), float64(y), float64(x + 1), float64(y + 1)})
		const near = 2
		for dy := -near; dy <= near; dy++ {
			for dx := -near; dx <= near; dx++ {
				if k := (y+dy)*e.w + x + dx; x+dx >= 0 && x+dx < e.w && e.left[k] {
					delete(e.left, k)
					queue = append(queue, k)
				}
			}
		}
	}
	return box, n
}

// isDot reports whether a box contains a filled dot.
func (e *edges) isDot(b Rect) bool {
	const least, most = 4, 20 // pixels
	if min(b.width(), b.height()) < least || max(b.width(), b.height()) > most ||
		max(b.width(), b.height()) > 1.35*min(b.width(), b.height()) {
		return false
	}
	d := darknessIn(e.drawing, Rect{b.X0 - 2, b.Y0 - 2, b.X1 + 3, b.Y1 + 3})
	if d == nil {
		return false
	}
	inner := d.mean((b.X0+b.X1)/2-b.width()/4, (b.Y0+b.Y1)/2-b.width()/4, b.width()/2)
	return inner > 0.9
}

// marked makes dots the marks of the pieces that they precede, and reports whether each dot precedes one.
func marked(pieces []*piece, dots []Rect) bool {
	for _, d := range dots {
		var found *piece
		y := (d.Y0 + d.Y1) / 2
		for _, p := range pieces {
			const far = 3 // in font sizes
			if p.mark == "" && p.X0 > d.X1 && p.X0-d.X1 < far*p.size && y < p.base && y > p.base-0.6*p.size &&
				(found == nil || p.X0 < found.X0) {
				found = p
			}
			if p.X1 > d.X0-far*p.size && p.X1 < d.X0 && y < p.base && y > p.base-p.size {
				return false // it is in the middle of a line
			}
		}
		if found == nil {
			return false
		}
		found.mark, found.markAt = "•", d.X0
	}
	return true
}
