package ocr

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// closable matches the tags of tables and lists, which hold the rest of a document where they are left open, and
	// fences and display formulas, in which it is shown as code.
	closable = regexp.MustCompile("(?m)^[ \t]*(?:```|~~~|\\$\\$)|\\\\[\\\\$]|\\$\\$|</?(?:table|thead|tbody|tfoot|tr|td|th|caption|ul|ol|li)\\b[^<>]*>")

	// halfTag matches a tag that a text breaks off in.
	halfTag = regexp.MustCompile(`</?[a-z]{0,8}$|<(?:table|thead|tbody|tfoot|tr|td|th|caption|ul|ol|li)[ \t][^<>]*$`)
)

// halfTagMost is how much of a tag there may be, in bytes: after more of it a text does not break off in a tag.
const halfTagMost = 208

// deepest is how deep tables and lists may be in each other; what is deeper is left as it is.
const deepest = 64

// closeOpen ends what a text that was cut off leaves open: tables, lists, fences and display formulas. A tag that it
// breaks off in is dropped.
func closeOpen(text string) string {
	var open []string // what closes it, the last first
	for _, at := range closable.FindAllStringIndex(text, -1) {
		m := text[at[0]:at[1]]
		fence := strings.TrimSpace(m)
		last := ""
		if len(open) > 0 {
			last = open[len(open)-1]
		}
		switch {
		case last == "```" || last == "~~~": // in which nothing else counts
			if fence == last {
				open = open[:len(open)-1]
			}
		case last == "$$":
			if fence == "$$" {
				open = open[:len(open)-1]
			}
		case fence == "```", fence == "~~~", fence == "$$" && (at[0] == 0 || text[at[0]-1] == '\n'):
			open = append(open, fence)
		case m[0] != '<': // dollars in a line
		case strings.HasPrefix(m, "</"):
			if i := slices.Index(open, m); i >= 0 { // what is open inside is closed by it
				for i = len(open) - 1; open[i] != m; i-- {
				}
				open = open[:i]
			}
		case len(open) == deepest:
		default:
			// else it ends the one before
			if end := "</" + strings.TrimRight(strings.Fields(m[1:])[0], "/>") + ">"; end != last {
				open = append(open, end)
			}
		}
	}
	if len(open) == 0 {
		return text
	}
	whole := max(0, len(text)-halfTagMost)
	if at := halfTag.FindStringIndex(text[whole:]); at != nil && open[len(open)-1][0] == '<' {
		text = text[:whole+at[0]]
	}
	var out strings.Builder
	out.WriteString(text)
	for _, end := range slices.Backward(open) {
		if end[0] != '<' {
			out.WriteByte('\n')
		}
		out.WriteString(end)
	}
	return out.String()
}
