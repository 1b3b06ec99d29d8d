package ui

import (
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/bucketocr/bucketocr/internal/document"
)

// summary is a record as the list shows it. Times are in Unix milliseconds, 0 for none.
type summary struct {
	ID         string          `json:"id"`
	Bucket     string          `json:"bucket"`
	Name       string          `json:"name"`
	Generation string          `json:"generation"` // a string: too large for JavaScript's numbers
	Size       int64           `json:"size"`
	Status     document.Status `json:"status"`
	Pages      int             `json:"pages"`
	PagesDone  int             `json:"pagesDone"`
	Blank      bool            `json:"blank,omitempty"`
	Warnings   []string        `json:"warnings,omitempty"`
	Attempt    int             `json:"attempt"`
	Code       string          `json:"code,omitempty"`
	Message    string          `json:"message,omitempty"`
	Created    int64           `json:"created"` // in microseconds, by which the newest documents are found
	Arrived    int64           `json:"arrived"` // the first claim of this generation, or the last retry
	Started    int64           `json:"started"`
	Updated    int64           `json:"updated"`
	Finished   int64           `json:"finished"`
	Due        int64           `json:"due"`
	Version    string          `json:"version"` // of the record, not of the object
	// of a done document: waiting, now, or failed (with Code and Message)
	Rereading string `json:"rereading,omitempty"`
	// first line of the text; empty if the text is in the pages
	Line string `json:"line,omitempty"`
}

func summarise(id string, r *document.Record) summary {
	s := summary{
		ID: id, Bucket: r.Bucket, Name: r.Name, Generation: strconv.FormatInt(r.Generation, 10), Size: r.Size,
		Status: r.Status, Pages: r.Pages, PagesDone: r.PagesDone, Blank: r.Blank, Warnings: r.Warnings,
		Attempt: r.Attempt, Created: r.Created.UnixMicro(),
		Arrived: millis(r.WindowStart), Started: millis(r.Started), Updated: millis(r.Updated),
		Finished: millis(r.Finished),
		Due:      millis(r.Due), Version: r.Write, Line: firstLine(r.Text),
	}
	if s.Arrived == 0 {
		s.Arrived = millis(r.Updated)
	}
	if r.Error != nil {
		s.Code, s.Message = r.Error.Code, r.Error.Message
	}
	switch again := r.Rereading; {
	case again == nil:
	case again.Error != nil:
		s.Rereading, s.Code, s.Message = "failed", again.Error.Code, again.Error.Message
	case r.Lease != nil:
		s.Rereading = "now"
	default:
		s.Rereading = "waiting"
	}
	return s
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

const (
	lineRunes = 120     // kept of a first line, to keep a list of 50,000 documents small
	lineLook  = 4 << 10 // bytes of a text searched for its first line
)

// firstLine returns the first line of a Markdown text that has a letter or a digit, as plain text without control
// characters.
func firstLine(text string) string {
	for line := range strings.Lines(text[:min(len(text), lineLook)]) {
		if line = plainLine(line); strings.ContainsFunc(line, isWordRune) {
			return line
		}
	}
	return ""
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

var (
	lineImage  = regexp.MustCompile(`!\[[^\]]*\]\([^)]*\)`)
	lineLink   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	lineInline = regexp.MustCompile(`(?i)</?(?:b|i|u|s|em|strong|code|span|sub|sup|mark|small)>`)
	lineTag    = regexp.MustCompile(`</?[A-Za-z][^<>]*>|\|`)
	lineMarks  = regexp.MustCompile("\\*\\*|__|`+")
	lineEscape = regexp.MustCompile(`\\([[:punct:]])`)
	lineLead   = regexp.MustCompile(`^\s*(?:#{1,6}\s|>|[-*+]\s)\s*`)
)

// plainLine removes Markdown and HTML markup, unprintable characters and bidirectional controls from a line, and cuts
// it to lineRunes.
func plainLine(line string) string {
	line = lineImage.ReplaceAllString(strings.ToValidUTF8(line, ""), " ")
	line = lineLink.ReplaceAllString(line, "$1")
	line = lineTag.ReplaceAllString(lineInline.ReplaceAllString(line, ""), " ")
	line = lineMarks.ReplaceAllString(lineLead.ReplaceAllString(html.UnescapeString(line), ""), "")
	line = lineEscape.ReplaceAllString(line, "$1")
	line = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, line)
	runes := []rune(strings.Join(strings.Fields(line), " "))
	if len(runes) > lineRunes {
		runes = append(runes[:lineRunes-1], '…')
	}
	return string(runes)
}
