package ocrtest

import (
	"encoding/json"
	"slices"
	"strings"
)

// Writing is the output of a model for a page: tokens, followed by the end or by an endless loop.
type Writing struct {
	Tokens []string
	Loop   []string
	// PromptTokens is the number of tokens that the request adds to the prompt in addition to the image.
	PromptTokens int
}

// Writes returns a reply that follows the request, which [Text] and others do not: the text ends at max_tokens or when
// repetition_detection finds a loop, and a text to be continued is continued. read may be called concurrently.
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

// begun returns the text to be continued and the number of its tokens in w.
func (r *Request) begun(w Writing) (begun bool, given string, tokens int) {
	var messages []message
	_ = json.Unmarshal(r.Fields["messages"], &messages) // the checks have decoded them
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

// at returns the token at a position, or "" at the end.
func (w Writing) at(i int) string {
	switch {
	case i < len(w.Tokens):
		return w.Tokens[i]
	case len(w.Loop) > 0:
		return w.Loop[(i-len(w.Tokens))%len(w.Loop)]
	}
	return ""
}

// run writes from a token on. It returns the text, the finish reason, and the number of tokens including the one for
// the end.
func (w Writing) run(r *Request, from int) (text, reason string, n int) {
	var d detection
	if !r.server.llama {
		_ = json.Unmarshal(r.Fields["repetition_detection"], &d) // the checks have decoded it
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

// finds reports whether a text ends in Count copies of a pattern of Min to Max tokens.
func (d detection) finds(written []string) bool {
	for size := max(d.Min, 1); size <= d.Max && size*d.Count <= len(written); size++ {
		end := written[len(written)-size*d.Count:]
		if slices.Equal(end[size:], end[:len(end)-size]) {
			return true
		}
	}
	return false
}
