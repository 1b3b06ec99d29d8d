package textlayer

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Glance returns a doubt that can be found without a drawing, which costs more to make.
func Glance(chars []Char) Doubt {
	visible := 0
	for _, c := range chars {
		switch {
		case c.Space:
			continue
		case !c.Box.finite() || !c.Advance.finite() || !(c.Size > 0):
			return Hidden
		case plain(c.Rune) == "":
			return Script
		case c.Size < leastSize:
			return Small
		}
		visible++
	}
	if visible == 0 {
		return NoText
	}
	return words(chars)
}

// leastSize is the font size in pixels below which characters are too small to compare.
const leastSize = 13

// ligatures maps a ligature to its letters. Ligatures that Unicode does not have are private characters.
var ligatures = map[rune]string{'ﬀ': "ff", 'ﬁ': "fi", 'ﬂ': "fl", 'ﬃ': "ffi", 'ﬄ': "ffl",
	privateFirst: "Th", privateFirst + 1: "ft", privateFirst + 2: "tt", privateFirst + 3: "ti", privateFirst + 4: "fj",
	privateLast: "tf"}

const privateFirst, privateLast = '\ue000', '\ue005'

// Spelled returns the letters of a ligature, or the character itself.
func Spelled(r rune) string {
	if s, ok := ligatures[r]; ok {
		return s
	}
	return string(r)
}

// joined replaces the letters of a ligature, which have the same position, by the ligature.
func joined(chars []Char) (all []Char) {
	for i := 0; i < len(chars); i++ {
		c := chars[i]
		for r, s := range ligatures {
			n := utf8.RuneCountInString(s)
			if i+n <= len(chars) && spells(chars[i:i+n], s) && (n > utf8.RuneCountInString(Spelled(c.Rune))) {
				c.Rune = r
			}
		}
		i += utf8.RuneCountInString(Spelled(c.Rune)) - 1
		all = append(all, c)
	}
	return all
}

func spells(chars []Char, s string) bool {
	for i, r := range []rune(s) {
		if c := chars[i]; c.Space || c.Rune != r || c.Box != chars[0].Box {
			return false
		}
	}
	return true
}

// bullets begin the items of a list. The private character is Word's, in the font Symbol.
const bullets = "•◦▪‣●○■□–·∙\uf0b7"

// boxes are those bullets that forms have to be ticked, each filled and empty.
var boxes = [...]struct{ filled, empty rune }{{'■', '□'}, {'●', '○'}}

// answers returns the boxes that the page has both filled and empty: which one is filled may be an answer.
func answers(chars []Char) (marks string) {
	seen := map[rune]bool{}
	for _, c := range chars {
		seen[c.Rune] = true
	}
	for _, b := range boxes {
		if seen[b.filled] && seen[b.empty] {
			marks += string(b.filled) + string(b.empty)
		}
	}
	return marks
}

const (
	softHyphen = '\u00ad'
	marks      = ".,:;!?()[]{}/\\-–—‐‑'\"‘’‚“”„‹›«»*+=<>%&@#§$€£¥©®™°^_~|¡¿†‡…`´·•"
)

// plain returns the text of a character, "" if it cannot be compared with its drawing.
func plain(r rune) string {
	switch {
	case r >= privateFirst && r <= privateLast:
		return ""
	case ligatures[r] != "":
		return ligatures[r]
	case r == softHyphen, strings.ContainsRune(bullets, r):
		return string(r)
	case isKnown(r):
		return string(r)
	}
	return ""
}

// isKnown reports whether it is known how a character looks.
func isKnown(r rune) bool {
	_, found := slices.BinarySearch(knownRunes, r)
	return found
}

var knownRunes = known()

// Known returns the known characters, sorted.
func Known() []rune { return slices.Clone(knownRunes) }

func known() []rune {
	var all []rune
	for r := rune('!'); r <= '~'; r++ {
		all = append(all, r)
	}
	for r := rune(0xc0); r <= 0x17f; r++ { // European Latin
		if r != '×' && r != '÷' && r != 'ŉ' && r != 'ſ' {
			all = append(all, r)
		}
	}
	for r := rune(0x410); r <= 0x44f; r++ { // Russian
		all = append(all, r)
	}
	for r := rune(0x3b1); r <= 0x3c9; r++ { // Greek
		all = append(all, r)
	}
	for r := rune(0x391); r <= 0x3a9; r++ {
		if unicode.IsLetter(r) {
			all = append(all, r)
		}
	}
	all = append(all, []rune("ЁёІіЇїЄєҐґ×÷ΆΈΉΊΌΎΏάέήίόύώϊϋΐΰȘșȚț½¼¾²³¹ªº")...)
	for _, r := range marks {
		all = append(all, r)
	}
	for r := range ligatures {
		all = append(all, r)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// single removes characters that are printed twice in the same place to look bold. It returns a doubt if others
// overlap.
func single(chars []Char) ([]Char, Doubt) {
	drop := make([]bool, len(chars))
	var order []int
	for i, c := range chars {
		if !c.Space {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(chars[a].Box.X0, chars[b].Box.X0), a-b) })
	looked := 0
	for n, i := range order {
		a := chars[i]
		for _, j := range order[n+1:] {
			b := chars[j]
			if b.Box.X0 > a.Box.X1 {
				break
			}
			if looked++; looked > 100*len(order)+10_000 {
				return nil, Overlap
			}
			if drop[i] || drop[j] || b.Box.Y0 > a.Box.Y1 || a.Box.Y0 > b.Box.Y1 {
				continue
			}
			common := a.Box.Intersect(b.Box).area() / max(min(a.Box.area(), b.Box.area()), 1)
			apart := (max(a.X-b.X, b.X-a.X) + max(a.Y-b.Y, b.Y-a.Y)) / a.Size
			switch {
			case common < 0.5:
			case a.Rune == b.Rune && apart < 0.15:
				drop[max(i, j)] = true
			case apart < 0.25:
				return nil, Overlap
			}
		}
	}
	kept := make([]Char, 0, len(chars))
	for i, c := range chars {
		if !drop[i] {
			kept = append(kept, c)
		}
	}
	return kept, ""
}

// words returns a doubt if the text does not look like words and numbers, as when it is encoded with the wrong letters.
func words(chars []Char) Doubt {
	var all, odd, single, humped int
	var word []rune
	var before rune
	hump := false
	end := func() {
		if hump {
			humped++
		}
		before, hump = 0, false
		if len(word) == 1 {
			single++
		}
		if len(word) >= 4 {
			all++
			if isOdd(word) {
				odd++
			}
		}
		word = word[:0]
	}
	for _, c := range chars {
		if c.Space || !unicode.IsLetter(c.Rune) {
			end()
			continue
		}
		hump = hump || unicode.IsLower(before) && unicode.IsUpper(c.Rune)
		before = c.Rune
		for _, r := range Spelled(c.Rune) {
			word = append(word, unicode.ToLower(r))
		}
	}
	if end(); odd > 3+all/10 || single > 10+2*all || humped > 3+all/20 {
		return Unwordly
	}
	return ""
}

// vowels holds those of the known alphabets, with common diacritics.
const vowels = "aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýÿāăąēĕėęěĩīĭįıōŏőœũūŭůűųŷаеёиоуыэюяіїєαεηιουωάέήίόύώ"

// isOdd reports whether a word in lower case has too few vowels to be pronounced.
func isOdd(word []rune) bool {
	run, spoken := 0, false
	for _, r := range word {
		if strings.ContainsRune(vowels, r) {
			run, spoken = 0, true
		} else if run++; run > 5 {
			return true
		}
	}
	return !spoken
}
