package textlayer

import (
	"encoding/binary"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"
)

// typed returns a row of characters that are bars, and their drawing.
func typed(text string, m *image.Gray, x, y float64) (chars []Char) {
	const size, wide = 20, 12
	for _, r := range text {
		c := Char{Rune: r, X: x, Y: y, Size: size, Font: "f", Advance: Rect{x, y - 16, x + wide, y + 4},
			Box: Rect{x + 2, y - 14, x + wide - 2, y}}
		if r == ' ' {
			c = Char{Rune: r, Space: true}
		} else if m != nil {
			for py := int(c.Box.Y0); py < int(c.Box.Y1); py++ {
				for px := int(c.Box.X0); px < int(c.Box.X1); px++ {
					m.SetGray(px, py, color.Gray{})
				}
			}
		}
		chars = append(chars, c)
		x += wide
	}
	return chars
}

func white(w, h int) *image.Gray {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	return m
}

// TestWordsDivideWhereThereAreGaps: gaps divide words even without spaces in the file; unclear gaps are a doubt.
func TestWordsDivideWhereThereAreGaps(t *testing.T) {
	t.Parallel()
	at := func(gaps ...float64) (chars []Char) {
		x := 100.0
		for i, gap := range gaps {
			x += gap * 20
			chars = append(chars, typed(string(rune('a'+i)), nil, x, 100)...)
			x += 12
		}
		return chars
	}
	for name, c := range map[string]struct {
		chars []Char
		want  string
		doubt Doubt
	}{
		"none":      {at(0, 0, 0.05, -0.05), "abcd", ""},
		"one":       {at(0, 0, 0.3), "ab c", ""},
		"two lines": {append(at(0, 0), typed("xy", nil, 100, 140)...), "ab|xy", ""},
		"apart":     {at(0, 3), "a|b", ""},
		"unclear":   {at(0, 0.2, 0.2, 0.2), "", Spacing},
	} {
		pieces, doubt := piecesOf(c.chars)
		var got []string
		for _, p := range pieces {
			got = append(got, p.text.String())
		}
		if doubt != c.doubt || doubt == "" && strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, %q", name, got, doubt)
		}
	}
}

// TestWhatIsDrawnBesideTheTextIsFound: all drawing but straight lines is a doubt; dots are returned.
func TestWhatIsDrawnBesideTheTextIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		draw  func(m *image.Gray)
		dots  int
		doubt Doubt
	}{
		"nothing": {func(*image.Gray) {}, 0, ""},
		"a line":  {func(m *image.Gray) { fill(m, 10, 150, 190, 152) }, 0, ""},
		"a box":   {func(m *image.Gray) { fill(m, 10, 120, 190, 180) }, 0, ""},
		"a letter": {func(m *image.Gray) {
			fill(m, 20, 150, 23, 165)
			fill(m, 20, 150, 30, 153)
			fill(m, 20, 157, 28, 160)
		}, 0, Unsaid},
		"a dot": {func(m *image.Gray) { fill(m, 80, 92, 88, 93); fill(m, 79, 93, 89, 99); fill(m, 80, 99, 88, 100) },
			1, ""},
		"a slope": {func(m *image.Gray) {
			for i := range 60 {
				fill(m, 20+i, 120+i, 22+i, 121+i)
			}
		}, 0, Unsaid},
	} {
		m := white(200, 200)
		chars := typed("abc", m, 100, 105)
		c.draw(m)
		if dots, doubt := unsaid(chars, m); len(dots) != c.dots || doubt != c.doubt {
			t.Errorf("%s: %v, %q", name, dots, doubt)
		}
	}
}

func fill(m *image.Gray, x0, y0, x1, y1 int) {
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			m.SetGray(x, y, color.Gray{})
		}
	}
}

// TestComparingIsBounded: characters that cover the page many times are not compared one by one.
func TestComparingIsBounded(t *testing.T) {
	t.Parallel()
	m := white(400, 400)
	huge := make([]Char, 2000)
	for i := range huge {
		huge[i] = Char{Rune: 'a', X: float64(10 * i), Size: 400, Box: Rect{0, 0, 400, 400},
			Advance: Rect{0, 0, 400, 400}}
	}
	if fits(huge, m.Rect) {
		t.Error("characters that cover the page 2000 times fit it")
	}
}

// FuzzRead: any characters at any position on any drawing lead to text or a doubt.
func FuzzRead(f *testing.F) {
	f.Add([]byte("abcdefgh12345678abcdefgh12345678"), []byte{0, 255, 7})
	f.Add([]byte{}, []byte{})
	known := NewGlyphs()
	known.Learn(white(SheetSide(len(Known())), SheetSide(len(Known()))), Known())
	known.Settle()
	f.Fuzz(func(t *testing.T, places, drawing []byte) {
		m := white(120, 90)
		copy(m.Pix, drawing)
		var chars []Char
		for ; len(places) >= 8 && len(chars) < 400; places = places[8:] {
			x, y := float64(int8(places[0])), float64(int8(places[1]))
			c := Char{Rune: rune(binary.BigEndian.Uint16(places[2:])), X: x, Y: y, Size: float64(places[4]),
				Font: string(places[5:6])}
			if places[6]&1 == 1 {
				c.Rune = rune(places[3])
			}
			c.Space, c.Guessed, c.Fixed = places[6]&2 == 2, places[6]&4 == 4, places[6]&8 == 8
			c.Box = Rect{x, y - float64(places[7]%32), x + float64(places[7]/8), y}
			c.Advance = c.Box
			if places[6]&16 == 16 {
				c.Box.X1, c.Size = math.Inf(1), math.NaN()
			}
			chars = append(chars, c)
		}
		if Glance(chars) != "" {
			return
		}
		if text, doubt := Read(Page{Chars: chars, Drawing: m}, known); (text == "") == (doubt == "") {
			t.Fatalf("%q, %q", text, doubt)
		}
		pieces, doubt := piecesOf(chars) // with most drawings Read returns before this
		if doubt != "" {
			return
		}
		if blocks, doubt := ordered(pieces, 90); doubt == "" {
			write(blocks, "")
		}
	})
}

// TestAnswersAreKept: a bullet is only a bullet, unless another one like it is empty or filled.
func TestAnswersAreKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lines []string
		want  string
	}{
		"a list":            {[]string{"■ Yes", "■ No"}, "- Yes\n- No"},
		"an empty form":     {[]string{"□ Yes", "□ No"}, "- Yes\n- No"},
		"boxes":             {[]string{"■ Yes", "□ No"}, "- ■ Yes\n- □ No"},
		"circles":           {[]string{"○ Yes", "● No"}, "- ○ Yes\n- ● No"},
		"within a line":     {[]string{"■ Yes □ No"}, "- ■ Yes □ No"},
		"a list beside":     {[]string{"• One", "■ Yes", "□ No"}, "- One\n- ■ Yes\n- □ No"},
		"bullets of levels": {[]string{"• One", "◦ Two", "▪ Three"}, "- One\n- Two\n- Three"},
		"different shapes":  {[]string{"● One", "□ Two"}, "- One\n- Two"},
	} {
		var chars []Char
		for i, line := range c.lines {
			chars = append(chars, typed(line, nil, 100, 100+30*float64(i))...)
		}
		pieces, doubt := piecesOf(chars)
		if doubt != "" {
			t.Fatal(name, doubt)
		}
		blocks, doubt := ordered(pieces, 1000)
		if got := write(blocks, answers(chars)); doubt != "" || got != c.want {
			t.Errorf("%s: %q, want %q, %q", name, got, c.want, doubt)
		}
	}
}
