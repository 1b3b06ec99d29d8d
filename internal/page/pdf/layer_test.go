package pdf_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/textlayer"
)

// sheet is a page of A4 with such content; F2 is Times, F3 Helvetica in bold, F4 Courier, F5 Helvetica with a map.
func sheet(content string, more ...string) pagetest.PDFPage {
	first := pagetest.FirstFree(1)
	return pagetest.PDFPage{Width: 595, Height: 842, Content: content, Dict: strings.Join(more, " "),
		Fonts: fmt.Sprintf("/F2 %d 0 R /F3 %d 0 R /F4 %d 0 R /F5 %d 0 R", first, first+1, first+2, first+3)}
}

// lines sets lines of type, each as far below the one before.
func lines(font string, size, x, y, leading float64, text ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "BT /%s %g Tf %g TL %g %g Td\n", font, size, leading, x, y)
	for _, line := range text {
		fmt.Fprintf(&b, "(%s) Tj T*\n", strings.NewReplacer("\\", "\\\\", "(", "\\(", ")", "\\)").Replace(line))
	}
	return b.String() + "ET\n"
}

// filed is a file of a page, whose map says of each character of from that it is that of to.
func filed(p pagetest.PDFPage, from, to string, more ...string) []byte {
	first := pagetest.FirstFree(1)
	font := "<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>"
	says := map[rune]rune{}
	for i, r := range []rune(from) {
		says[r] = []rune(to)[i]
	}
	var maps strings.Builder
	for r := rune(' '); r <= '~'; r++ {
		t, ok := says[r]
		if !ok {
			t = r
		}
		fmt.Fprintf(&maps, "<%02X> <%04X>\n", r, t)
	}
	cmap := "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def 1 begincodespacerange <00> <FF> endcodespacerange " +
		fmt.Sprintf("%d beginbfchar\n%sendbfchar endcmap end end", '~'-' '+1, maps.String())
	objects := []string{
		fmt.Sprintf(font, "Times-Roman"), fmt.Sprintf(font, "Helvetica-Bold"), fmt.Sprintf(font, "Courier"),
		fmt.Sprintf("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding /ToUnicode %d 0 R >>",
			first+4),
		pagetest.Stream("", []byte(cmap))}
	return pagetest.PDF("", []pagetest.PDFPage{p}, append(objects, more...)...)
}

// prose is lines that fill a column of some 480 points in Times of 11 points.
var prose = []string{
	"The committee met on 14 March 2025 and took note of the report, which says that 1,234,567",
	"letters were sent in the year before, 89 of them twice. No member had a question, and so the",
	"chair went on to the next item: the budget of 30,618.45 euros for the years to come.",
}

// narrow is lines of a column of some 220 points in Times of 11 points.
func narrow(of string) (all []string) {
	for _, line := range []string{"of the text goes on for quite some lines,",
		"so that it cannot be taken for the cells of a", "table, whose lines are short and of few words.",
		"It says nothing of interest, and says it at", "length, until the end of the column is met",
		"and the next one begins at the top of it."} {
		all = append(all, of+" "+line)
	}
	return all
}

// TestTextThatThePageShowsIsTaken: as Markdown, in the order in which it is read, each character as it is.
func TestTextThatThePageShowsIsTaken(t *testing.T) {
	paragraph := strings.Join(prose, " ")
	body := lines("F2", 11, 60, 700, 13, prose...)
	columns := lines("F2", 11, 60, 700, 13, narrow("Left")...) + lines("F2", 11, 330, 700, 13, narrow("Right")...)
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"a paragraph": {filed(sheet(body), "", ""), paragraph},
		"headings, and where a line ends early": {
			filed(sheet(lines("F3", 20, 60, 770, 0, "Minutes")+lines("F3", 14, 60, 730, 0, "1. Opening")+body+
				lines("F2", 11, 60, 640, 13, "Hill Street 5", "12345 Springfield")), "", ""),
			"# Minutes\n\n## 1. Opening\n\n" + paragraph + "\n\nHill Street 5\n12345 Springfield"},
		"two columns": {filed(sheet(columns), "", ""),
			strings.Join(append(narrow("Left"), narrow("Right")...), " ")},
		"printed twice": {filed(sheet(body+lines("F2", 11, 60.3, 700, 13, prose...)), "", ""), paragraph},
		"turned by 90": {filed(sheet("0 1 -1 0 595 0 cm\n"+lines("F2", 11, 60, 500, 13, prose...), "/Rotate 90"),
			"", ""), paragraph},
		"turned by 180": {filed(sheet("-1 0 0 -1 595 842 cm\n"+body, "/Rotate 180"), "", ""), paragraph},
		"cut to a box": {
			filed(sheet(body+lines("F2", 11, 60, 100, 13, "Outside of the box."), "/CropBox [0 421 595 842]"), "", ""),
			paragraph},
		"lines drawn":    {filed(sheet(body+"0.5 w 60 655 m 540 655 l S 50 600 500 150 re S"), "", ""), paragraph},
		"colours":        {filed(sheet("0.9 0.9 0.6 rg 40 600 520 150 re f 0.6 0 0 rg\n"+body), "", ""), paragraph},
		"white on black": {filed(sheet("0 0 0 rg 40 600 520 150 re f 1 1 1 rg\n"+body), "", ""), paragraph},
		"a true map":     {filed(sheet(lines("F5", 11, 60, 700, 13, prose[0])), "", ""), prose[0]},
		"a list": {
			filed(sheet(body+lines("F2", 11, 60, 640, 13, "\x95  The first item", "\x95  The second item")), "", ""),
			paragraph + "\n\n- The first item\n- The second item"},
		"a divided word": {
			filed(sheet(lines("F2", 11, 60, 700, 13,
				"The information that was asked for is here, and it cannot be said to be no infor-",
				"mation at all, nor that it is ill-", "formed.")), "", ""),
			"The information that was asked for is here, and it cannot be said to be no information at all, nor that it is ill-\nformed."},
		"a footnote": {
			filed(sheet("BT /F2 11 Tf 60 700 Td (As was said before) Tj /F2 6 Tf 4 Ts (12) Tj 0 Ts /F2 11 Tf ( by others.) Tj ET"),
				"", ""), "As was said before<sup>12</sup> by others."},
		"signs of Markdown": {filed(sheet(lines("F2", 11, 60, 700, 13, "# 5 of *these* and <those> are [here]")), "",
			""), "\\# 5 of \\*these\\* and \\<those> are \\[here]"},
	} {
		t.Run(name, func(t *testing.T) {
			got, doubt, err := engine.Text(c.file, 1, room)
			if name == "two columns" { // whose lines end where they do
				got = strings.Join(strings.Fields(got), " ")
			}
			if err != nil || doubt != "" || got != c.want {
				t.Errorf("%v, %q\n%s\nwant\n%s", err, doubt, got, c.want)
			}
		})
	}
}

// TestTextThatThePageDoesNotShowIsDoubted: whenever the text differs from the drawing, or may.
func TestTextThatThePageDoesNotShowIsDoubted(t *testing.T) {
	body := lines("F2", 11, 60, 700, 13, prose...)
	first := pagetest.FirstFree(1) + 5
	picture := pagetest.Stream(
		"/Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray /BitsPerComponent 8",
		[]byte{0, 255, 255, 0})
	withPicture := func(content, do string) pagetest.PDFPage {
		p := sheet(content + do)
		p.Resources = fmt.Sprintf("/XObject << /Im %d 0 R >> /Properties << /O %d 0 R >>", first, first)
		return p
	}
	garbled := func(from, to string) []byte {
		return filed(sheet(lines("F5", 11, 60, 700, 13, prose...)), from, to)
	}
	note := "<< /Type /Annot /Subtype /FreeText /Contents (Noted) /F 4 /Rect [10 10 190 60] /DA (/F1 24 Tf 0 g) >>"
	off := filed(withPicture(body, "/OC /O BDC\n"+lines("F2", 11, 60, 500, 13, "This is hidden.")+"EMC"), "", "",
		"<< /Type /OCG /Name (off) >>")
	off = []byte(strings.Replace(string(off), "/Pages 2 0 R",
		fmt.Sprintf("/Pages 2 0 R /OCProperties << /OCGs [%d 0 R] /D << /OFF [%d 0 R] >> >>", first, first), 1))
	cells := func(rows int, top float64) (table string) {
		for i := range rows {
			for j := range 3 {
				table += lines("F2", 11, 60+float64(100*j), top-float64(20*i), 0, fmt.Sprint(100*i+7*j))
			}
		}
		return table
	}
	apart := func(rows ...string) (list string) {
		for i, row := range rows {
			for j, part := range strings.Split(row, "|") {
				list += lines("F2", 11, 60+float64(30*j), 640-float64(13*i), 0, part)
			}
		}
		return list
	}
	for name, c := range map[string]struct {
		file  []byte
		doubt textlayer.Doubt
	}{
		"nothing": {filed(sheet(""), "", ""), textlayer.NoText},
		"a picture": {filed(withPicture(body, "q 200 0 0 200 60 300 cm /Im Do Q"), "", "",
			picture), textlayer.Picture},
		"a scan with hidden text": {
			filed(withPicture("BT 3 Tr ET\n"+strings.Replace(body, "BT", "BT 3 Tr", 1), "q 1 0 0 1 0 0 cm Q"), "", "",
				picture), textlayer.Hidden},
		"white text": {
			filed(sheet(body+"1 1 1 rg\n"+lines("F2", 11, 60, 500, 13, "This is hidden.")), "", ""), textlayer.Hidden},
		"covered text": {
			filed(sheet(body+lines("F2", 11, 60, 500, 13, "This is hidden.")+"0 0 0 rg 50 490 200 30 re f"), "", ""),
			textlayer.Hidden},
		"text that is cut off": {
			filed(sheet(body+"q 50 490 60 30 re W n\n"+lines("F2", 11, 60, 500, 13, "This is hidden, all but some.")+
				"Q"), "", ""), textlayer.Hidden},
		"text that is switched off": {off, textlayer.Hidden},
		"a note": {filed(sheet(body, fmt.Sprintf("/Annots [%d 0 R]", first)), "", "", note),
			textlayer.Notes},
		"text beside the lines": {
			filed(sheet(body+"q 0 1 -1 0 40 300 cm\n"+lines("F2", 11, 0, 0, 13, "Up the margin")+"Q"), "", ""),
			textlayer.Turned},
		"a drawing": {filed(sheet(body+"1 w 100 300 m 150 380 l 200 300 l 250 380 l S"), "", ""),
			textlayer.Unsaid},
		"two texts in one place": {
			filed(sheet(body+lines("F2", 11, 60, 700, 13,
				"And something else is printed in the place of the first line, so that none can be read.")), "", ""),
			textlayer.Overlap},
		"a table":             {filed(sheet(body+cells(6, 600)), "", ""), textlayer.Table},
		"a table at the foot": {filed(sheet(body+cells(3, 60)), "", ""), textlayer.Table},
		"numbers behind bullets": {
			filed(sheet(body+apart("\x95|A. Einstein", "\x95|B. Russell", "\x95|Euclid", "\x95|3. This")), "", ""),
			textlayer.Table},
		"two numbers":         {filed(sheet(body+apart("1.|(i) The seller")), "", ""), textlayer.Table},
		"two numbers apart":   {filed(sheet(body+apart("1.|(i)|The seller")), "", ""), textlayer.Table},
		"a bullet and number": {filed(sheet(body+apart("\x95 A.|Einstein")), "", ""), textlayer.Table},
		"a page number that is not level": {
			filed(sheet(body+lines("F2", 11, 280, 40, 13, "\x96")+lines("F2", 11, 292, 43, 13, "1")+
				lines("F2", 11, 304, 40, 13, "\x96")), "", ""), textlayer.Unordered},
		"a program": {
			filed(sheet(body+lines("F4", 11, 60, 500, 13, "for i in range(10):", "    print(i)")), "", ""),
			textlayer.Code},
		"a formula": {
			filed(sheet("BT /F2 11 Tf 60 700 Td (The value of x) Tj /F2 6 Tf -3 Ts (i) Tj ET"), "", ""),
			textlayer.Formula},
		"tiny print": {filed(sheet(lines("F2", 4, 60, 700, 5, prose...)), "", ""),
			textlayer.Small},
		"letters of another map": {garbled("abcdefghijklmnopqrstuvwxyz", "bcdefghijklmnopqrstuvwxyza"),
			textlayer.Unwordly},
		"digits of another map":  {garbled("0123456789", "5948372610"), textlayer.Unlike},
		"3 and 8 exchanged":      {garbled("38", "83"), textlayer.Unlike},
		"6 and 9 exchanged":      {garbled("69", "96"), textlayer.Unlike},
		"1 and 7 exchanged":      {garbled("17", "71"), textlayer.Unlike},
		"3 for 8":                {garbled("8", "3"), textlayer.Unlike},
		"a and e exchanged":      {garbled("ae", "ea"), textlayer.Unlike},
		"n and u exchanged":      {garbled("nu", "un"), textlayer.Unlike},
		"c for o":                {garbled("o", "c"), textlayer.Unlike},
		"private characters":     {garbled("e", "\ue123"), textlayer.Script},
		"replacement characters": {garbled("e", "\ufffd"), textlayer.Script},
		"Hebrew":                 {garbled("e", "\u05d0"), textlayer.Script},
	} {
		t.Run(name, func(t *testing.T) {
			got, doubt, err := engine.Text(c.file, 1, room)
			if err != nil || doubt != c.doubt || got != "" {
				t.Errorf("%v, %q, want %q\n%s", err, doubt, c.doubt, got)
			}
		})
	}
}
