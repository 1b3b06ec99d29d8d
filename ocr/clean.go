package ocr

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMessage is how much of a server's words an error repeats, in characters.
const maxMessage = 300

var (
	// hiddenMarkup is what no reader of an HTML page sees.
	hiddenMarkup = regexp.MustCompile(`(?is)<(script|style|title)\b.*?(?:</(?:script|style|title)\s*>|$)|<!--.*?(?:-->|$)`)
	markup       = regexp.MustCompile(`<[/!a-zA-Z][^<>]*>`)
	// echo is a piece of an image or a token that came back: words and paths are shorter.
	echo = regexp.MustCompile(`(?:data:[a-zA-Z0-9.+/-]*;base64,)?[A-Za-z0-9+/_=-]{64,}`)
)

// cleanText makes one short line of whatever a server, a network or a reader said, free of echoed images.
func cleanText(text string) string {
	text = strings.ToValidUTF8(text, "�")
	text = echo.ReplaceAllString(text, "[…]")
	if strings.HasPrefix(strings.TrimSpace(text), "<") {
		text = markup.ReplaceAllString(hiddenMarkup.ReplaceAllString(text, " "), " ")
	}
	text = strings.Join(strings.FieldsFunc(text, notShown), " ")
	if utf8.RuneCountInString(text) <= maxMessage {
		return text
	}
	return string([]rune(text)[:maxMessage-1]) + "…"
}

// notShown is what separates words: blanks, and what would move a terminal's cursor or turn the reading direction.
func notShown(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}
