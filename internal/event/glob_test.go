package event

import (
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

func TestGlob(t *testing.T) {
	for _, tt := range []struct{ glob, yes, no string }{ // names apart by a space
		{"a.png", "a.png", "A.png aXpng xa.png a.pngx /a.png b/a.png"},
		{"*", "a a.png \n", "a/b / a/"},
		{"*.png", ".png a.png a\n.png *.png", "a/b.png a.PNG a.pngx"},
		{"a*b*c", "abc aXbYc abbc", "ab ac a/bc"},
		{"in/*", "in/a in/", "in in/a/b In/a"},
		{"in/*/x", "in/a/x in//x", "in/x in/a/b/x"},
		{"?", "a é 📄 \n", "/ ab"},
		{"a?c", "abc a?c aéc", "ac a/c abbc"},
		{"**", "a a/b // /a a\n/b", ""},
		{"a/**", "a/ a/b a/b/c a//", "a b/a aa/b"},
		{"**/a", "a b/a b/c/a /a //a", "ba b/ba a/b"},
		{"a/**/b", "a/b a/x/b a/x/y/b a//b a///b", "ab a/xb ax/b"},
		{"**/a/**", "a/ a/b x/a/b x/y/a/b/c", "a x/a xa/b"},
		{"a/**/**/b", "a/b a/x/b a/x/y/b", "ab"},
		{"**.png", "a.png a/b.png .png", "a.png/ a.jpg"},
		{"a**b", "ab a/b aXb a/x/b", "a b"},
		{"x**/y", "x/y xa/y x/a/y xa/b/y", "xy y"},
		{"***", "a a/b", ""},
		{"a/***/b", "a/b a/x/b", "ab"},
		{"//", "//", "/ ///"},
		{"/a", "/a", "a"},
		{"a//b", "a//b", "a/b"},
		{"[abc]", "a b c", "d ab A / -"},
		{"[a-c]x", "ax bx cx", "dx -x"},
		{"[!a-c]", "d é - \n", "a b /"},
		{"[^a]", "b ^", "a /"},
		{"[a^]", "a ^", "b"},
		{"[]]", "]", "[ a"},
		{"[!]]", "[ a", "]"},
		{"[[]", "[", "]"},
		{"[*]", "*", "a"},
		{"[?]", "?", "a"},
		{"[a-]", "a -", "b"},
		{"[-a]", "a -", "b"},
		{"[!-a]", "b", "a - /"},
		{"[!--9]", "a", "- 0 /"},
		{"[!+-9]", "a", "/ 5 +"},
		{"[а-я]", "б", "b"},
		{"[📄-📆]", "📅", "p"},
		{`[\]x`, `\x`, "x"},
		{`a\*`, `a\b a\`, "a*"},
		{`a\b`, `a\b`, "ab a/b"},
		{"a.b+(c)|^$", "a.b+(c)|^$", "aXb+(c)|^$ a.bb(c)"},
		{"[{]a[}]", "{a}", "a"},
		{"]", "]", "["},
		{"é", "é", "e\u0301"},
		{"a-b", "a-b", "ab"},
	} {
		re, err := compileGlob(tt.glob)
		if err != nil {
			t.Errorf("%q: %v", tt.glob, err)
			continue
		}
		for _, name := range spaced(tt.yes) {
			if !re.MatchString(name) {
				t.Errorf("%q does not take %q", tt.glob, name)
			}
		}
		for _, name := range spaced(tt.no) {
			if re.MatchString(name) {
				t.Errorf("%q takes %q", tt.glob, name)
			}
		}
	}
}

func spaced(names string) []string {
	if names == "" {
		return nil
	}
	return strings.Split(names, " ")
}

func TestGlobInvalid(t *testing.T) {
	for glob, want := range map[string]string{
		"": "empty", "caf\xe9": "UTF-8", "a[": "not closed", "[": "not closed", "[]": "not closed", "[!]": "not closed",
		"[^": "not closed", "[a-": "not closed", "[a-]": "", "x[a": "not closed", "[z-a]": "[z-a] runs backward",
		"[/]": "not closed", "[ab/]": "not closed", "[!/]": "not closed", "[+-9]": "slash", "[.-0]": "slash",
		"*.{a,b}": "braces", "}": "braces", "[b-aé": "not closed", "[xb-aé]": "[xb-aé] runs backward",
	} {
		_, err := compileGlob(glob)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", glob, err, want)
		}
	}
}

// TestGlobIsLinear ends, although a backtracking matcher would be busy with its pattern for years.
func TestGlobIsLinear(t *testing.T) {
	t.Parallel()
	re, err := compileGlob(strings.Repeat("**a*", 50) + "b")
	if err != nil {
		t.Fatal(err)
	}
	if re.MatchString(strings.Repeat("a", document.MaxName)) {
		t.Error("takes it")
	}
}

// slowGlob implements NewFilter's comment literally, without regard to speed. It accepts only globs that compileGlob
// accepts.
func slowGlob(glob, name []rune, start bool) bool {
	if len(glob) == 0 {
		return len(name) == 0
	}
	stars := len(glob) - len([]rune(strings.TrimLeft(string(glob), "*")))
	if stars > 0 {
		rest := glob[stars:]
		if stars > 1 && start && len(rest) > 0 && rest[0] == '/' && slowGlob(rest[1:], name, true) {
			return true
		}
		for n := 0; n <= len(name); n++ {
			if slowGlob(rest, name[n:], false) {
				return true
			}
			if stars == 1 && n < len(name) && name[n] == '/' {
				return false
			}
		}
		return false
	}
	if len(name) == 0 {
		return false
	}
	switch c := name[0]; glob[0] {
	case '?':
		return c != '/' && slowGlob(glob[1:], name[1:], false)
	case '[':
		end := 2
		if glob[1] == '!' || glob[1] == '^' {
			end++
		}
		for glob[end] != ']' {
			end++
		}
		return c != '/' && slowClass(glob[1:end], c) && slowGlob(glob[end+1:], name[1:], false)
	default:
		return c == glob[0] && slowGlob(glob[1:], name[1:], c == '/')
	}
}

func slowClass(members []rune, c rune) bool {
	negated := members[0] == '!' || members[0] == '^'
	if negated {
		members = members[1:]
	}
	taken := false
	for i := 0; i < len(members); i++ {
		if i+2 < len(members) && members[i+1] == '-' {
			taken = taken || members[i] <= c && c <= members[i+2]
			i += 2
		} else {
			taken = taken || members[i] == c
		}
	}
	return taken != negated
}
