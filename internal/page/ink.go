package page

import (
	"image"
	"math"
	"slices"
)

// print describes the print on a page.
type print struct {
	ink  float64 // see Page.Ink
	turn int     // the first of Page.Turns; 0: none
}

// turns returns Page.Turns.
func (p print) turns() []int {
	switch p.turn {
	case 90:
		return []int{90, 270, 180}
	case 270:
		return []int{270, 90, 180}
	case 180:
		return []int{180}
	}
	return nil
}

// Print consists of narrow strokes, some horizontal and some vertical, many of them close together. Specks are too few,
// a punched hole or the black edge of a scan is too wide, ruled lines are too far apart, and show-through differs too
// little from the paper. The paper is the median of the values around, so shadows, tints and white on black make no
// difference. On a page of 1540 pixels, letters larger than some 100 pixels may not be found.
//
// Only every fourth row and column is sampled. That takes 3 ms for a page of 1089 x 1540 full of text and 5 ms in
// colour, 2 to 5 % of the time that it takes to make a page from a scan or photo.
const (
	patchSide = 64  // pixels; the paper has one value in each patch
	blockSide = 16  // pixels; a block is print or not
	tileSide  = 192 // pixels; the direction of lines is measured in tiles
	sampling  = 4   // one row and column in so many is sampled; the sides are multiples of it
	profile   = tileSide / sampling

	leastContrast = 0.2 // between ink and paper, as a fraction of the contrast from the paper to black or white
	leastLevels   = 12  // in levels of brightness
	noiseContrast = 4   // as a multiple of the standard deviation of the paper

	// leastStrokes is the least number of strokes, both horizontal and vertical, in a block of print and the eight
	// around it: one more than at a crossing of ruled lines.
	leastStrokes = 3*blockSide/sampling + 1
	leastWidth   = 12 // the widest stroke on a small page, in pixels
	widthPart    = 80 // or, if that is more, the longest side divided by this

	leastTile = 75  // pixels of ink that a tile needs to have a direction
	sideways  = 0.6 // the value of direction below which lines run down the page
)

// gauge measures the print on a page, one row of patches at a time.
type gauge struct {
	w, h  int
	width int // of the widest stroke

	blocksX, blocksY int
	across, down     []uint8 // strokes in each block that cross a sampled row, and a sampled column

	tilesX, tilesY int
	rows, columns  []uint32 // of each tile: pixels of ink in each row and column, without strokes that run along them

	class []value // of the last pixel in each column
	since []int32 // the row where that value begins
}

// value classifies the brightness of a pixel.
type value uint8

const (
	paper value = iota
	darker
	lighter
)

// measure returns the print on a page that render returned.
func measure(img image.Image) print { return look(img).print() }

func look(img image.Image) *gauge {
	b := img.Bounds()
	g := &gauge{w: b.Dx(), h: b.Dy()}
	g.width = max(leastWidth, max(g.w, g.h)/widthPart)
	g.blocksX, g.blocksY = ceilDiv(g.w, blockSide), ceilDiv(g.h, blockSide)
	g.across, g.down = make([]uint8, g.blocksX*g.blocksY), make([]uint8, g.blocksX*g.blocksY)
	g.tilesX, g.tilesY = ceilDiv(g.w, tileSide), ceilDiv(g.h, tileSide)
	g.rows, g.columns = make([]uint32, g.tilesX*g.tilesY*profile), make([]uint32, g.tilesX*g.tilesY*profile)
	g.class, g.since = make([]value, g.w), make([]int32, g.w)
	var brightness []byte
	for top := 0; top < g.h; top += patchSide {
		var pix []byte
		var stride int
		height := min(patchSide, g.h-top)
		switch m := img.(type) {
		case *image.Gray:
			pix, stride = m.Pix[top*m.Stride:], m.Stride
		case *image.YCbCr:
			pix, stride = m.Y[top*m.YStride:], m.YStride
		case *image.RGBA:
			if brightness == nil {
				brightness = make([]byte, g.w*patchSide)
			}
			grayRows(brightness, m, top, height)
			pix, stride = brightness, g.w
		}
		g.band(top, height, pix, stride)
	}
	return g
}

// grayRows writes the brightness of rows to gray.
func grayRows(gray []byte, m *image.RGBA, top, height int) {
	w := m.Rect.Dx()
	for y := range height {
		to, from := gray[y*w:][:w], m.Pix[(top+y)*m.Stride:]
		for x := range to {
			p := (*[4]byte)(from[4*x:])
			to[x] = byte((uint32(p[0])*77 + uint32(p[1])*151 + uint32(p[2])*28) >> 8)
		}
	}
}

// patch holds the range of values that are paper: from low to low+span.
type patch struct{ low, span byte }

// patchOf returns the range of paper in w x h pixels.
func patchOf(pix []byte, stride, w, h int) patch {
	var counts [256]int
	all := 0
	for y := 0; y < h; y += sampling {
		for _, v := range pix[y*stride:][:w] {
			counts[v]++
		}
		all += w
	}
	below := func(percent int) int {
		sum, v := 0, 0
		for ; sum+counts[v] <= all*percent/100; v++ {
			sum += counts[v]
		}
		return v
	}
	middle := below(50)
	noise := min(middle-below(16), below(84)-middle) // two estimates of the standard deviation; ink affects one
	least := max(leastLevels, noiseContrast*noise)
	low := max(0, middle-max(least, int(leastContrast*float64(middle))))
	high := min(255, middle+max(least, int(leastContrast*float64(255-middle))))
	return patch{byte(low), byte(high - low)}
}

func (p patch) value(v byte) value {
	switch {
	case v-p.low <= p.span:
		return paper
	case v < p.low:
		return darker
	}
	return lighter
}

// band counts the strokes of a row of patches.
func (g *gauge) band(top, height int, pix []byte, stride int) {
	patches := make([]patch, ceilDiv(g.w, patchSide))
	for i := range patches {
		patches[i] = patchOf(pix[i*patchSide:], stride, min(patchSide, g.w-i*patchSide), height)
	}
	for y := 0; y < height; y += sampling {
		last, from := paper, 0
		for i, p := range patches {
			at := i * patchSide
			for x, v := range pix[y*stride+at:][:min(patchSide, g.w-at)] {
				if c := p.value(v); c != last {
					if last != paper {
						g.crossed(top+y, from, at+x)
					}
					last, from = c, at+x
				}
			}
		}
	}
	for y := range height {
		for i, p := range patches {
			at := i * patchSide
			row := pix[y*stride+at:][:min(patchSide, g.w-at)]
			class := g.class[at:][:len(row)]
			for x := 0; x < len(row); x += sampling {
				if c := p.value(row[x]); c != class[x] {
					if class[x] != paper {
						g.passed(at+x, int(g.since[at+x]), top+y)
					}
					class[x], g.since[at+x] = c, int32(top+y)
				}
			}
		}
	}
}

// crossed counts a stroke that covers [from, to) of row y.
func (g *gauge) crossed(y, from, to int) {
	if from == 0 || to-from > g.width {
		return
	}
	x := (from + to) / 2
	g.across[y/blockSide*g.blocksX+x/blockSide]++
	g.rows[(y/tileSide*g.tilesX+x/tileSide)*profile+y%tileSide/sampling] += uint32(to - from)
}

// passed counts a stroke that covers [from, to) of column x.
func (g *gauge) passed(x, from, to int) {
	if from == 0 || to-from > g.width {
		return
	}
	y := (from + to) / 2
	g.down[y/blockSide*g.blocksX+x/blockSide]++
	g.columns[(y/tileSide*g.tilesX+x/tileSide)*profile+x%tileSide/sampling] += uint32(to - from)
}

func (g *gauge) print() print {
	blocks := g.blocks()
	count := 0
	for _, isPrint := range blocks {
		if isPrint {
			count++
		}
	}
	p := print{ink: float64(count) / float64(len(blocks))}
	switch {
	case count == 0:
	case g.direction() >= sideways:
		p.turn = 180
	case g.beginsAtTop(blocks):
		p.turn = 270
	default:
		p.turn = 90
	}
	return p
}

// blocks reports which blocks are print: those that have strokes, with enough of them around.
func (g *gauge) blocks() []bool {
	isPrint := make([]bool, len(g.across))
	for i := range isPrint {
		x, y := i%g.blocksX, i/g.blocksX
		across, down := 0, 0
		for j := max(0, y-1); j <= min(g.blocksY-1, y+1); j++ {
			for k := max(0, x-1); k <= min(g.blocksX-1, x+1); k++ {
				across += int(g.across[j*g.blocksX+k])
				down += int(g.down[j*g.blocksX+k])
			}
		}
		isPrint[i] = g.across[i]+g.down[i] >= 2 && min(across, down) >= leastStrokes
	}
	return isPrint
}

// direction compares how unevenly ink is spread over the rows and over the columns of a tile, and returns the median
// ratio of all tiles: some 2 to 10 if lines run across, 0.1 to 0.5 if they run down, and nearly 1 if there are no
// lines.
func (g *gauge) direction() float64 {
	const even = 0.01 // makes the ratio of two even profiles 1
	var factors []float64
	for tile := range g.tilesX * g.tilesY {
		w := min(profile, ceilDiv(g.w-tile%g.tilesX*tileSide, sampling))
		h := min(profile, ceilDiv(g.h-tile/g.tilesX*tileSide, sampling))
		r, inRows := variation(g.rows[tile*profile:][:h])
		c, inColumns := variation(g.columns[tile*profile:][:w])
		if min(w, h) >= profile/2 && inRows+inColumns >= leastTile {
			factors = append(factors, (r+even)/(c+even))
		}
	}
	if len(factors) == 0 {
		return 1
	}
	slices.Sort(factors)
	return factors[len(factors)/2]
}

// variation returns the variance of a profile as a multiple of its squared mean, and its sum.
func variation(p []uint32) (v float64, sum uint32) {
	for _, n := range p {
		sum += n
	}
	if sum == 0 {
		return 0, 0
	}
	mean := float64(sum) / float64(len(p))
	for _, n := range p {
		v += math.Pow(float64(n)/mean-1, 2)
	}
	return v / float64(len(p)), sum
}

// beginsAtTop reports whether lines that run down the page begin at its top rather than at its bottom: the beginnings
// of lines are aligned.
func (g *gauge) beginsAtTop(blocks []bool) bool {
	var tops, bottoms []int
	for x := range g.blocksX {
		top, bottom := -1, -1
		for y := range g.blocksY {
			if blocks[y*g.blocksX+x] {
				if bottom = y; top < 0 {
					top = y
				}
			}
		}
		if top >= 0 {
			tops, bottoms = append(tops, top), append(bottoms, bottom)
		}
	}
	return ragged(tops) < ragged(bottoms)
}

// ragged returns the sum of the numbers' distances from their median. Each distance is capped, so that a heading or a
// short last line counts little.
func ragged(numbers []int) (sum int) {
	const limit = 10
	middle := slices.Sorted(slices.Values(numbers))[len(numbers)/2]
	for _, n := range numbers {
		sum += min(limit, max(n-middle, middle-n))
	}
	return sum
}
