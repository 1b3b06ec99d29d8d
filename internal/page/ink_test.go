package page

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
)

const a4x, a4y = 1089, 1540 // pixels of a page as it is sent

// sheet returns a page of one value.
func sheet(v byte) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, a4x, a4y))
	for i := range m.Pix {
		m.Pix[i] = v
	}
	return m
}

// changed returns a picture with each value changed, depending on its position.
func changed(m *image.Gray, change func(v float64, x, y int) float64) *image.Gray {
	out := image.NewGray(m.Rect)
	for i, v := range m.Pix {
		out.Pix[i] = pagetest.Clamp(change(float64(v), i%m.Stride, i/m.Stride))
	}
	return out
}

func noisy(m *image.Gray, strength float64) *image.Gray {
	r := rand.New(rand.NewPCG(1, 2))
	return changed(m, func(v float64, _, _ int) float64 { return v + strength*r.NormFloat64() })
}

// pale reduces the contrast to white to a fraction.
func pale(m *image.Gray, part float64) *image.Gray {
	return changed(m, func(v float64, _, _ int) float64 { return 255 - part*(255-v) })
}

func inverted(m *image.Gray) *image.Gray {
	return changed(m, func(v float64, _, _ int) float64 { return 255 - v })
}

// shaded darkens a page gradually to a fifth of the light, on tinted paper.
func shaded(m *image.Gray) *image.Gray {
	return changed(m, func(v float64, x, y int) float64 { return v * 0.8 * (1 - 0.8*float64(x+y)/(a4x+a4y)) })
}

// behind returns a page as it shows through paper: mirrored, blurred and with a fraction of the contrast.
func behind(m *image.Gray, part float64) *image.Gray {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	blurred := changed(m, func(_ float64, x, y int) float64 {
		sum := 0
		for j := max(0, y-1); j <= min(h-1, y+1); j++ {
			for i := max(0, w-2-x); i <= min(w-1, w-x); i++ {
				sum += 255 - int(m.Pix[j*m.Stride+i])
			}
		}
		return 255 - float64(sum)/9
	})
	return pale(blurred, part)
}

// both returns the ink of both pictures, which must have the same size.
func both(a, b *image.Gray) *image.Gray {
	return changed(a, func(v float64, x, y int) float64 { return v * float64(b.GrayAt(x, y).Y) / 255 })
}

// on puts a picture on a white page.
func on(m *image.Gray, x, y int) *image.Gray {
	page := sheet(255)
	for j := range m.Rect.Dy() {
		copy(page.Pix[(y+j)*page.Stride+x:(y+j+1)*page.Stride], m.Pix[j*m.Stride:][:m.Rect.Dx()])
	}
	return page
}

// specks returns a page with squares of up to some pixels.
func specks(count, size int) *image.Gray {
	r := rand.New(rand.NewPCG(5, 6))
	m := sheet(245)
	for range count {
		fill(m, r.IntN(a4x), r.IntN(a4y), 1+r.IntN(size), 1+r.IntN(size), byte(r.IntN(120)))
	}
	return m
}

func fill(m *image.Gray, x, y, w, h int, v byte) {
	r := image.Rect(x, y, x+w, y+h).Intersect(m.Rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			m.Pix[y*m.Stride+x] = v
		}
	}
}

// copied returns a sheet as from an office copier: with four punched holes, and a slanting black edge.
func copied() *image.Gray {
	return changed(sheet(240), func(v float64, x, y int) float64 {
		for i := range 4 {
			if math.Hypot(float64(x-70), float64(y-200-380*i)) <= 15 {
				return 10
			}
		}
		if x < 6+y/90 || x > a4x-40+y/300 || y < 4 {
			return 5
		}
		return v
	})
}

// ruled returns paper with lines in both directions.
func ruled(apart int) *image.Gray {
	m := sheet(250)
	for y := 100; y < a4y-100; y += apart {
		fill(m, 80, y, a4x-160, 2, 60)
	}
	for x := 80; x < a4x-80; x += 4 * apart {
		fill(m, x, 100, 2, a4y-200, 60)
	}
	return m
}

// columns returns a page with two columns of text.
func columns() *image.Gray {
	left, right := pagetest.Paper(480, 1400, 15), pagetest.Paper(480, 1380, 15)
	return both(on(left, 50, 60), on(right, 560, 60))
}

// vertical returns a page of square characters in columns, as in vertical Japanese.
func vertical() *image.Gray {
	r := rand.New(rand.NewPCG(7, 8))
	m := sheet(255)
	for x := 100; x < a4x-100; x += 34 {
		for y := 100; y < a4y-100; y += 21 {
			for range 3 {
				fill(m, x+r.IntN(4), y+r.IntN(18), 12+r.IntN(4), 2, 30)
				fill(m, x+r.IntN(18), y+r.IntN(4), 2, 12+r.IntN(4), 30)
			}
		}
	}
	return m
}

// written returns lines of loops that lean, rise and fall, like handwriting.
func written() *image.Gray {
	r := rand.New(rand.NewPCG(9, 10))
	m := sheet(250)
	for line := range 20 {
		y0, slope, size := float64(120+line*66), 0.05*r.NormFloat64(), 12.0
		for t := 0.0; t < 170; t += 0.02 {
			if int(t)%6 == 0 {
				size = 8 + 14*r.Float64()
			}
			x := 90 + 5.3*t + 0.6*size*math.Sin(2*t) + 0.4*size*math.Sin(t)
			y := y0 + slope*5*t - size*math.Sin(t)*math.Cos(t/3)
			fill(m, int(x), int(y), 2, 2, 70)
		}
	}
	return m
}

// scene returns a photograph without text: soft shapes and fine texture.
func scene() *image.Gray {
	r := rand.New(rand.NewPCG(11, 12))
	type wave struct{ x, y, phase, height float64 }
	var waves []wave
	for i := range 40 {
		f := math.Pow(1.16, float64(i)) / 400
		a := 2 * math.Pi * r.Float64()
		waves = append(waves, wave{f * math.Cos(a), f * math.Sin(a), 7 * r.Float64(), 35 / math.Sqrt(float64(1+i))})
	}
	return changed(sheet(128), func(v float64, x, y int) float64 {
		for _, w := range waves {
			v += w.height * math.Sin(2*math.Pi*(w.x*float64(x)+w.y*float64(y))+w.phase)
		}
		return v + 3*r.NormFloat64()
	})
}

// skewed returns a page that is skewed by a fraction of its width.
func skewed(m *image.Gray, part float64) *image.Gray {
	return changed(m, func(_ float64, x, y int) float64 {
		if from := image.Pt(x-int(part*float64(y)), y+int(part*float64(x))); from.In(m.Rect) {
			return float64(m.GrayAt(from.X, from.Y).Y)
		}
		return 255
	})
}

// samples returns pages of books and papers, in the size in which they are sent.
func samples(t *testing.T) map[string]*image.Gray {
	t.Helper()
	all := map[string]*image.Gray{}
	for _, name := range []string{"lion-1912.png", "lovelace-1864.jpg", "patent-2004.png", "russia-1916.png"} {
		b, err := os.ReadFile("../../examples/samples/" + name)
		if err != nil {
			t.Fatal(err)
		}
		m, _, err := image.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		w, h := fit(m.Bounds().Dx(), m.Bounds().Dy(), 1540)
		all[name] = drawn(image.NewGray, render(m, w, h, upright))
	}
	return all
}

// TestInkTellsPrintFromPaper shows the margins between pages without print and pages with some.
func TestInkTellsPrintFromPaper(t *testing.T) {
	t.Parallel()
	text := pagetest.Paper(a4x, a4y, 18)
	words := func(size int, lines ...string) *image.Gray { return on(pagetest.Sheet(size, lines...), 60, 400) }
	nothing := map[string]image.Image{
		"white": sheet(255), "black": sheet(0), "scanner's noise": noisy(sheet(245), 2),
		"strong noise": noisy(sheet(235), 12),
		"dust":         noisy(specks(100, 4), 2), "much dust": noisy(specks(1000, 3), 2),
		"holes and edges": noisy(copied(), 3),
		"shadow":          noisy(shaded(sheet(255)), 3), "photographed": pagetest.Photo(sheet(255)),
		"ruled": noisy(ruled(40), 2), "squared": noisy(ruled(20), 2), "narrow": noisy(ruled(28), 2),
		"very much dust": noisy(specks(2000, 4), 2), "frame": noisy(ruled(600), 2),
	}
	print := map[string]image.Image{
		"a few words": words(14, "This page intentionally left blank"),
		"tiny words":  words(11, "Printed in Great Britain by Clay"),
		"title":       words(44, "Annual Report"), "large title": words(80, "Annual", "Report"),
		"white on black, a few words": inverted(words(14, "This page intentionally left blank")),
		"full page":                   text, "fine print": pagetest.Paper(a4x, a4y, 10),
		"coarse print": pagetest.Paper(a4x, a4y, 30),
		"noisy":        noisy(text, 12), "faint": noisy(pale(text, 0.25), 3), "white on black": inverted(text),
		"in the shadow":       noisy(shaded(text), 3),
		"photographed":        pagetest.Photo(text),
		"faint words":         pale(words(14, "This page intentionally left blank"), 0.4),
		"with the other side": noisy(both(text, behind(text, 0.25)), 2), "written": written(), "vertical": vertical(),
	}
	for i, part := range []float64{0.05, 0.1, 0.15, 0.2, 0.25} {
		nothing[fmt.Sprintf("other side at %.0f %%", 100*part)] = noisy(behind(text, part), 2)
		if i != 2 {
			continue
		}
		for name, m := range samples(t) {
			nothing[fmt.Sprintf("%s from behind at %.0f %%", name, 100*part)] = noisy(behind(m, part), 2)
		}
	}
	for name, m := range samples(t) {
		print[name] = m
		print[name+", faint and noisy"] = noisy(pale(m, 0.3), 3)
	}
	most, least := 0.0, 1.0
	for name, m := range nothing {
		ink := measure(m).ink
		most = max(most, ink)
		t.Logf("nothing: %-36s %.5f", name, ink)
		if ink > InkOfNothing {
			t.Errorf("nothing: %s: %.5f", name, ink)
		}
	}
	for name, m := range print {
		ink := measure(m).ink
		least = min(least, ink)
		t.Logf("print:   %-36s %.5f", name, ink)
		if ink < InkOfPrint {
			t.Errorf("print: %s: %.5f", name, ink)
		}
	}
	t.Logf("nothing has at most %.5f, print at least %.5f: %.1f times as much", most, least, least/max(most, LeastInk))
}

// TestLinesThatRunDownAreNoticed shows the margins between upright and turned pages: the direction of lines, and the
// order of turns.
func TestLinesThatRunDownAreNoticed(t *testing.T) {
	t.Parallel()
	text := pagetest.Paper(a4x, a4y, 18)
	cases := map[string]struct {
		m     *image.Gray
		lines bool // if not set, any direction is right
	}{
		"full page": {text, true}, "fine print": {pagetest.Paper(a4x, a4y, 10), true},
		"coarse print": {pagetest.Paper(a4x, a4y, 30), true},
		"noisy":        {noisy(text, 12), true}, "faint": {noisy(pale(text, 0.3), 2), true},
		"white on black": {inverted(text), true},
		"askew":          {skewed(text, 0.03), true}, "two columns": {columns(), true},
		"table with rules": {both(text, ruled(50)), true},
		"a few words":      {on(pagetest.Sheet(14, "This page intentionally left blank"), 60, 400), true},
		"in the shadow":    {noisy(shaded(text), 3), true}, "written": {written(), true}, "scene": {scene(), false},
		"ruled": {ruled(40), false},
		"dust":  {noisy(specks(1000, 3), 2), false}, "white": {sheet(255), false},
	}
	for name, m := range samples(t) {
		cases[name] = struct {
			m     *image.Gray
			lines bool
		}{m, true}
	}
	inOrder, all := 0, 0
	for name, c := range cases {
		var directions []float64
		for quarters := range 4 {
			g := look(pagetest.Turned(c.m, quarters))
			d, turns := g.direction(), g.print().turns()
			directions = append(directions, d)
			down := len(turns) == 3
			if down != (quarters%2 == 1 && c.lines) || len(turns) > 0 && turns[len(turns)-1] != 180 {
				t.Errorf("%s, turned by %d: %.2f, %v", name, 90*quarters, d, turns)
			}
			if down {
				all++
				if turns[0] == 360-90*quarters {
					inOrder++
				}
			}
		}
		t.Logf("%-20s turned by 0, 90, 180, 270: %.2f", name, directions)
	}
	t.Logf("the right turn comes first for %d of %d", inOrder, all)
	if inOrder*3 < all*2 {
		t.Errorf("the right turn comes first for %d of %d", inOrder, all)
	}
	if turns := measure(vertical()).turns(); len(turns) != 3 {
		t.Errorf("vertical writing: %v; say so in Page.Turns if it is told apart now", turns)
	}
}

// TestTurnedPageIsTheTurnedPage: a turn is applied to the upright page, in whichever process the page is made.
func TestTurnedPageIsTheTurnedPage(t *testing.T) {
	t.Parallel()
	paper := pagetest.Paper(300, 200, 14)
	photo := pagetest.EncodeJPEG(pagetest.Photo(paper))
	files := map[string][]byte{
		"PNG": pagetest.EncodePNG(paper), "JPEG": photo, "progressive JPEG": testFile(t, "video-001.progressive.jpeg"),
		"WebP": testFile(t, "blue-purple-pink.lossy.webp"),
		"TIFF": pagetest.TIFF(binary.LittleEndian, pagetest.Samples(paper, pagetest.Storage{}),
			pagetest.Samples(paper, pagetest.Storage{})),
		"PDF": pagetest.PDF("", []pagetest.PDFPage{{Width: 600, Height: 800}, pagetest.Text("turn")}),
	}
	for o := orientation(1); o <= 8; o++ {
		files[fmt.Sprint("JPEG, orientation ", o)] = pagetest.WithJPEGSegments(photo, pagetest.ExifSegment(uint16(o)))
	}
	for name, file := range files {
		l := &ledger{}
		ps, err := Split(t.Context(), newObject(file).source(), l.limits(120))
		if err != nil {
			t.Fatal(name, err)
		}
		n := ps.Len()
		pg, _, err := ps.Decoded(t.Context(), n)
		if err != nil {
			t.Fatal(name, err)
		}
		want := drawn(image.NewRGBA, decoded(t, pg))
		for quarters := 1; quarters < 4; quarters++ {
			turned, _, err := ps.Turned(t.Context(), n, 90*quarters)
			if err != nil {
				t.Fatal(name, err)
			}
			got := drawn(image.NewRGBA, decoded(t, turned))
			if turned.Number != n || got.Rect.Size() != image.Pt(turned.Width, turned.Height) || turned.Passed ||
				turned.Ink == 0 {
				t.Errorf("%s, %d: %+v", name, 90*quarters, turned)
			}
			if off := apart(turnedRGBA(want, quarters), got); off > 6 {
				t.Errorf("%s, %d: %.1f apart", name, 90*quarters, off)
			}
		}
		for _, degrees := range []int{0, 45, -90, 360} {
			if _, _, err := ps.Turned(t.Context(), n, degrees); err == nil || kindOf(err) != "" {
				t.Errorf("%s, %d: %v", name, degrees, err)
			}
		}
		if err := ps.Close(); err != nil || l.held != 0 {
			t.Errorf("%s: %v, %d bytes held", name, err, l.held)
		}
	}
}

func decoded(t *testing.T, pg *Page) image.Image {
	t.Helper()
	b, err := content(pg)
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func turnedRGBA(m *image.RGBA, quarters int) *image.RGBA {
	for range quarters {
		w, h := m.Rect.Dx(), m.Rect.Dy()
		out := image.NewRGBA(image.Rect(0, 0, h, w))
		for y := range h {
			for x := range w {
				out.SetRGBA(h-1-y, x, m.RGBAAt(x, y))
			}
		}
		m = out
	}
	return m
}

// apart returns the average difference of two pictures, in values of a channel.
func apart(a, b *image.RGBA) float64 {
	if a.Rect != b.Rect {
		return 255
	}
	sum := 0
	for i := range a.Pix {
		sum += max(int(a.Pix[i])-int(b.Pix[i]), int(b.Pix[i])-int(a.Pix[i]))
	}
	return float64(sum) / float64(len(a.Pix))
}

// TestInkIsTheSameWhereverAPageIsDecoded: both processes measure the same. A page that passes through has 0, one
// without print LeastInk.
func TestInkIsTheSameWhereverAPageIsDecoded(t *testing.T) {
	t.Parallel()
	text := pagetest.Turned(pagetest.Paper(700, 500, 16), 1)
	want := measure(text)
	if want.ink < 0.1 || want.turn == 0 {
		t.Fatal(want)
	}
	for name, file := range map[string][]byte{"PNG": pagetest.EncodePNG(text),
		"BMP":  pagetest.BMP{Header: 40, Depth: 24}.Write(indexed(text)),
		"TIFF": pagetest.TIFF(binary.LittleEndian, pagetest.Samples(text, pagetest.Storage{}))} {
		ps, err := Split(t.Context(), newObject(file).source(), wide(1540))
		if err != nil {
			t.Fatal(name, err)
		}
		pg, _, err := ps.Page(t.Context(), 1)
		if err == nil && pg.Passed {
			if pg.Ink != 0 || pg.Turns != nil {
				t.Errorf("%s, as it is: %+v", name, pg)
			}
			pg, _, err = ps.Decoded(t.Context(), 1)
		}
		if err != nil || math.Abs(pg.Ink-want.ink) > 1e-5 || !slices.Equal(pg.Turns, want.turns()) {
			t.Errorf("%s: %+v, %v; want %+v", name, pg, err, want)
		}
		_ = ps.Close()
	}
	if pg, _ := converted(t, pagetest.EncodePNG(noisy(sheet(250), 3)), 900); pg.Blank || pg.Ink != LeastInk ||
		pg.Turns != nil {
		t.Errorf("%+v", pg)
	}
}

// indexed returns a gray picture with a palette of all grays.
func indexed(m *image.Gray) *image.Paletted {
	grays := make(color.Palette, 256)
	for i := range grays {
		grays[i] = color.Gray{byte(i)}
	}
	return &image.Paletted{Pix: m.Pix, Stride: m.Stride, Rect: m.Rect, Palette: grays}
}

// TestLookingAtAPageTakesLittleMemory measures allocations, so it is not parallel.
func TestLookingAtAPageTakesLittleMemory(t *testing.T) {
	for _, m := range []image.Image{image.NewGray(image.Rect(0, 0, 1540, 1540)),
		image.NewRGBA(image.Rect(0, 0, 1540, 1540))} {
		if n := allocated(func() { measure(m) }); n > 256<<10 {
			t.Errorf("%T: %d KiB", m, n>>10)
		}
	}
}

// FuzzLook measures pictures of any bytes and shape. The results must be possible, and the same for gray stored as
// colour.
func FuzzLook(f *testing.F) {
	text := pagetest.Paper(90, 60, 10)
	f.Add(text.Pix, 90)
	f.Add(pagetest.Turned(text, 1).Pix, 60)
	f.Add([]byte{0, 255, 0}, 1)
	f.Add(make([]byte, 70), 70)
	f.Fuzz(func(t *testing.T, pix []byte, width int) {
		if width < 1 || width > len(pix) || len(pix) > 1<<16 {
			t.Skip()
		}
		m := &image.Gray{Pix: pix, Stride: width, Rect: image.Rect(0, 0, width, len(pix)/width)}
		p := measure(m)
		if p.ink < 0 || p.ink > 1 || (p.ink > 0) != (p.turn > 0) || p.turn%90 != 0 || p.turn > 270 {
			t.Errorf("%+v", p)
		}
		colour := drawn(image.NewRGBA, m)
		if q := measure(colour); q != p {
			t.Errorf("gray %+v, in colour %+v", p, q)
		}
	})
}
