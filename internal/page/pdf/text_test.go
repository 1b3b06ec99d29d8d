package pdf_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/page/pdf"
)

// bytesOf returns the bytes of hexadecimal digits.
func bytesOf(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// codes are the bytes from first on, n of them, each after a byte 0 if wide.
func codes(first, n int, wide bool) (b []byte) {
	for i := range n {
		if wide {
			b = append(b, 0)
		}
		b = append(b, byte(first+i))
	}
	return b
}

// row is a PDF of a row of characters in a font that is not in it.
func row(n int, codes []byte, font []string) []byte {
	return pagetest.PDF("", []pagetest.PDFPage{pagetest.Row(pagetest.FirstFree(1), n, codes)}, font...)
}

// simple is such a row in a font of one byte a character.
func simple(name string, glyphs ...string) []byte {
	return row(len(glyphs), codes(128, len(glyphs), false), pagetest.SimpleFont(name, glyphs...))
}

// cid is such a row in a font of East Asia.
func cid(t *testing.T, collection, encoding, digits string, n int) []byte {
	t.Helper()
	return row(n, bytesOf(t, digits), pagetest.CIDFont(pagetest.FirstFree(1), collection, encoding))
}

// mapped is such a row in a font of which all that is known is which character each code is.
func mapped(characters string) []byte {
	n := len([]rune(characters))
	return row(n, codes(1, n, true),
		pagetest.CIDFont(pagetest.FirstFree(1), "Identity", "Identity-H", pagetest.ToUnicode(characters)))
}

// TestTextInFontsThatAreNotInTheFileIsDrawn: every character of any script, without a report of missing glyphs.
func TestTextInFontsThatAreNotInTheFileIsDrawn(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		n    int
	}{
		"Polish, Times": {simple("Times-Roman", "Aogonek", "aogonek", "Lslash", "lslash", "eogonek", "zacute",
			"sacute", "cacute"), 8},
		"Polish, bold": {simple("TimesNewRoman,Bold", "Aogonek", "aogonek", "Lslash", "lslash", "eogonek",
			"zacute"), 6},
		"Czech, Arial": {simple("Arial", "Ccaron", "ccaron", "ecaron", "rcaron", "uring", "dcaron",
			"ncaron"), 7},
		"Hungarian, Courier": {simple("Courier-BoldOblique", "ohungarumlaut", "uhungarumlaut", "Ohungarumlaut"),
			3},
		"Romanian, unknown name": {simple("Unheard-of", "abreve", "acircumflex", "scommaaccent", "tcommaaccent"), 4},
		"Russian": {simple("TimesNewRomanPSMT", "afii10017", "afii10065", "afii10066", "afii10097",
			"afii10023"), 5},
		"Greek": {simple("Arial-BoldMT", "Omega", "alpha", "beta", "alphatonos", "Sigma", "sigma1"),
			6},
		"Vietnamese":         {simple("Verdana", "uni1EBF", "uni1EA1", "uni01B0", "uni1ED9", "dcroat"), 5},
		"Hebrew":             {simple("Arial", "afii57664", "afii57665", "uni05E9"), 3},
		"Arabic":             {simple("Arial", "afii57415", "uni0645", "uniFEFB"), 3},
		"Thai":               {simple("Arial", "uni0E01", "uni0E44", "uni0E22"), 3},
		"Devanagari":         {simple("Arial", "uni0915", "uni0928", "uni0939"), 3},
		"Armenian, Georgian": {simple("Arial", "uni0531", "uni0561", "uni10D0"), 3},
		"signs": {simple("Arial", "arrowright", "lessequal", "uni2611", "uni2500", "uni2022", "Euro"),
			6},
		"Japanese":                {cid(t, "Japan1", "90ms-RKSJ-H", "93fa 967b 8cea 82cc 905c 90bf b1 b2", 8), 8},
		"Japanese, downwards":     {cid(t, "Japan1", "Identity-H", "0b7e 1052 0a7f 034e", 4), 4},
		"Japanese, EUC":           {cid(t, "Japan1", "EUC-H", "c6fc cbdc b8ec", 3), 3},
		"Chinese, simplified":     {cid(t, "GB1", "GBK-EUC-H", "d6d0 cec4 bcf2 cce5 b7a2 c6b1", 6), 6},
		"Chinese, by Unicode":     {cid(t, "GB1", "UniGB-UCS2-H", "4e2d 6587 7b80 53d1", 4), 4},
		"Chinese, traditional":    {cid(t, "CNS1", "ETen-B5-H", "c163 c5e9 a4a4 a4e5 b56f b2bc", 6), 6},
		"Korean":                  {cid(t, "Korea1", "KSCms-UHC-H", "c7d1 b1b9 beee bfb5 bcf6 c1f5", 6), 6},
		"Korean, by Unicode":      {cid(t, "Korea1", "UniKS-UTF16-H", "d55c ad6d c5b4 9928", 4), 4},
		"all, known by their map": {mapped("日本語简体發한국ąęΩПשمกह→ế"), 18},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := engine.Draw(c.file, 1, 20*c.n, room)
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.n {
				if ink(d.NRGBA, 100*i/c.n, 0, 100*(i+1)/c.n, 100) == 0 {
					t.Errorf("character %d is not drawn", i+1)
				}
			}
			if d.LacksGlyphs {
				t.Error("characters are said to be missing")
			}
		})
	}
}

// TestMissingGlyphsAreNoticed: reported if, and only if, a character cannot be drawn.
func TestMissingGlyphsAreNoticed(t *testing.T) {
	text := pagetest.Text("What every font has: 1234567890 .,;:!?", "And a hyphen at the end of a soft-", "ware line.",
		"A tab\there.")
	for name, c := range map[string]struct {
		file  []byte
		lacks bool
	}{
		"text in Helvetica":           {pagetest.PDF("", []pagetest.PDFPage{text}), false},
		"ligatures":                   {simple("Times-Roman", "fi", "uniFEFB", "a"), false},
		"text beside undefined codes": {row(3, []byte{0x41, 0x01, 0x42}, pagetest.SimpleFont("Arial", "a")), false},
		"no text": {pagetest.PDF("",
			[]pagetest.PDFPage{{Width: 100, Height: 100, Content: "0 0 50 50 re f"}}), false},
		"signs of Egypt":            {simple("Arial", "u13000", "u13001"), true},
		"one of them among letters": {simple("Times-Roman", "aogonek", "u13000", "eogonek"), true},
		"known by its map":          {mapped("日本\u1400"), true},
		"nothing is known but the glyphs": {row(3, codes(36, 3, true),
			pagetest.CIDFont(pagetest.FirstFree(1), "Identity", "Identity-H")), true},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := engine.Draw(c.file, 1, 400, room)
			if err != nil {
				t.Fatal(err)
			}
			if d.LacksGlyphs != c.lacks {
				t.Errorf("lacks glyphs: %v", d.LacksGlyphs)
			}
		})
	}
}

// TestTextIsFoundWhetherItIsSeenOrNot: a page has text if there is a character on it other than a space.
func TestTextIsFoundWhetherItIsSeenOrNot(t *testing.T) {
	of := func(content string) []byte {
		return pagetest.PDF("", []pagetest.PDFPage{{Width: 100, Height: 100, Content: content}})
	}
	for name, c := range map[string]struct {
		file []byte
		has  bool
	}{
		"none":      {of("0 0 50 50 re f"), false},
		"spaces":    {of("BT /F1 12 Tf 10 10 Td (   ) Tj ET"), false},
		"a letter":  {of("BT /F1 12 Tf 10 10 Td (a) Tj ET"), true},
		"invisible": {of("BT /F1 12 Tf 3 Tr 10 10 Td (text) Tj ET"), true},
		"no glyphs": {simple("Arial", "u13000", "u13001"), true},
	} {
		if u, err := engine.Unseen(c.file, 1, 400, room); u != (pdf.Unseen{Text: c.has}) || err != nil {
			t.Errorf("%s: %+v, %v", name, u, err)
		}
	}
}

// TestFontsAreLeftAloneWhereNoneIsNeeded: a file whose pages need no substitute does not pay for any.
func TestFontsAreLeftAloneWhereNoneIsNeeded(t *testing.T) {
	if err := engine.Start(nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		page pagetest.PDFPage
		n    int
	}{{pagetest.PDFPage{Width: 100, Height: 100, Content: "0 0 50 50 re f"}, 0}, {pagetest.Text("text"), 12}} {
		engine.ForgetFonts()
		if _, err := engine.Draw(pagetest.PDF("", []pagetest.PDFPage{c.page}), 1, 100, room); err != nil {
			t.Fatal(err)
		}
		if n := engine.UnpackedFonts(); n != c.n {
			t.Errorf("%d fonts are unpacked for %q", n, c.page.Content)
		}
	}
}
