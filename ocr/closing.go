package ocr

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// closable matches constructs that would swallow the rest of a document if left open: tags of tables and lists,
	// fences, and display formulas. Fences begin a line, perhaps after the mark of a block or of a list.
	closable = regexp.MustCompile("(?m)^(?:!\\[[^][(<$\n]{1,24}\\]\\([0-9., ]{1,48}\\)|[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*)[ \t]*" +
		"(?:```|~~~|\\$\\$)" +
		"|\\\\[\\\\$]|\\$\\$|</?(?:table|thead|tbody|tfoot|tr|td|th|caption|ul|ol|li)\\b[^<>]*>")

	// halfTag matches an incomplete tag at the end of a text.
	halfTag = regexp.MustCompile(`</?[a-z]{0,8}$|<(?:table|thead|tbody|tfoot|tr|td|th|caption|ul|ol|li)[ \t][^<>]*$`)
)

// halfTagMost is the maximum length of an incomplete tag, in bytes.
const halfTagMost = 208

// deepest limits the nesting of tables and lists that are closed; deeper ones are left open.
const deepest = 64

// closeOpen closes the tables, lists, fences and display formulas that a cut-off text leaves open. An incomplete tag at
// its end is dropped.
func closeOpen(text string) string {
	var open []string // closing marks of what is open
	for _, at := range closable.FindAllStringIndex(text, -1) {
		m := text[at[0]:at[1]]
		fence := strings.Trim(m, " \t>") // an end has nothing else before it
		mark := fence[max(0, len(fence)-3):]
		if strings.HasSuffix(mark, "$$") {
			mark = "$$"
		}
		last := ""
		if len(open) > 0 {
			last = open[len(open)-1]
		}
		switch {
		case last == "```" || last == "~~~": // where nothing else counts
			if fence == last {
				open = open[:len(open)-1]
			}
		case last == "$$":
			if mark == "$$" {
				open = open[:len(open)-1]
			}
		case mark == "```", mark == "~~~", mark == "$$" && beginsFormula(text, at[0], at[1]):
			open = append(open, mark)
		case m[0] != '<': // dollars within a line
		case strings.HasPrefix(m, "</"):
			if i := slices.Index(open, m); i >= 0 { // it also closes what is open inside
				for i = len(open) - 1; open[i] != m; i-- {
				}
				open = open[:i]
			}
		case len(open) == deepest:
		default:
			// else it implicitly ends the previous one
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

// beginsFormula reports whether dollars at these bytes begin a display formula: they begin a line, or end one and its
// next lines, up to other dollars or to the end of the text, are one paragraph.
func beginsFormula(text string, from, to int) bool {
	if from == 0 || text[from-1] == '\n' {
		return true
	}
	formula, _, _ := strings.Cut(text[to:], "$$")
	rest, _, more := strings.Cut(formula, "\n")
	if !more || strings.TrimSpace(rest) != "" || blankLine.MatchString(formula) {
		return false
	}
	line := text[strings.LastIndexByte(text[:from], '\n')+1 : from]
	return strings.Count(line, "$$")%2 == 0 // otherwise they end a formula within the line
}
