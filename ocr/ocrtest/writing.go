package ocrtest

import (
	"encoding/json"
	"slices"
	"strings"
)

// Writing is what a model writes on a page: tokens, then either its end or a loop without an end.
type Writing struct {
	Tokens []string
	Loop   []string
	// PromptTokens are those that the request adds to the prompt besides its image.
	PromptTokens int
}

// Writes is a model that obeys the request, which [Text] and the like do not: what it writes ends at max_tokens, or
// where repetition_detection finds a loop, and a text that the request asks to continue is continued. It is called from
// many goroutines.
func Writes(read func(*Request) Writing) Reply {
	return modelReply(func(r *Request) string {
		w := read(r)
		begun, given, from := r.begun(w)
		r.PromptTokens += w.PromptTokens
		if begun {
			r.PromptTokens += from
		}
		text, reason, n := w.run(r, from)
		if begun && (string(r.Fields["echo"]) == "true" || r.server.llama) {
			text = given + text
		}
		return answerBody(r, content(text), reason, n)
	})
}

// begun returns the text that the request asks to continue and how many of the tokens it has.
func (r *Request) begun(w Writing) (begun bool, given string, tokens int) {
	var messages []message
	_ = json.Unmarshal(r.Fields["messages"], &messages) // the checks have read them
	if len(messages) == 0 || string(r.Fields["continue_final_message"]) != "true" {
		return false, "", 0
	}
	if json.Unmarshal(messages[len(messages)-1].Content, &given) != nil {
		return false, "", 0
	}
	for rest := given; rest != ""; tokens++ {
		var found bool
		if rest, found = strings.CutPrefix(rest, w.at(tokens)); !found || w.at(tokens) == "" {
			break
		}
	}
	return true, given, tokens
}

// at is the token at a place, "" at the end.
func (w Writing) at(i int) string {
	switch {
	case i < len(w.Tokens):
		return w.Tokens[i]
	case len(w.Loop) > 0:
		return w.Loop[(i-len(w.Tokens))%len(w.Loop)]
	}
	return ""
}

// run writes from a token on, and returns the text, how it ended, and the number of tokens with that of the end.
func (w Writing) run(r *Request, from int) (text, reason string, n int) {
	var d detection
	if !r.server.llama {
		_ = json.Unmarshal(r.Fields["repetition_detection"], &d) // the checks have read it
	}
	var written []string
	for limit := r.limit(); n < limit; n++ {
		token := w.at(from + n)
		if token == "" {
			return strings.Join(written, ""), "stop", n + 1
		}
		if written = append(written, token); d.finds(written) {
			return strings.Join(written, ""), "repetition", n + 1
		}
	}
	return strings.Join(written, ""), "length", n
}

// finds reports whether the end of a text is Count copies of a pattern of Min to Max tokens.
func (d detection) finds(written []string) bool {
	for size := max(d.Min, 1); size <= d.Max && size*d.Count <= len(written); size++ {
		end := written[len(written)-size*d.Count:]
		if slices.Equal(end[size:], end[:len(end)-size]) {
			return true
		}
	}
	return false
}
