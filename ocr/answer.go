package ocr

import (
	"encoding/json"
	"fmt"
)

// maxAnswer is how much of an answer is read, in bytes: a full context of text is some 100 KB.
const maxAnswer = 8 << 20

// answer is one complete answer, judged.
type answer struct {
	text     string
	model    string // "" if the server does not say
	ending   ending
	usage    Usage
	asked    sampling
	loopFrom int // where the loop begins, if ending is looped
}

// ending is how the text ended, from best to worst.
type ending int

const (
	complete  ending = iota // the model says that this is all
	truncated               // a limit cut it off
	looped                  // it ends in a loop
)

// completion is the part of an answer that matters. Every server adds fields, older ones leave some out, any may be null.
type completion struct {
	Model   lenientString `json:"model"`
	Choices []struct {
		Message *struct {
			Content *string `json:"content"`
		} `json:"message"`
		FinishReason *string `json:"finish_reason"`
	} `json:"choices"`
	Usage struct {
		PromptTokens     lenientInt `json:"prompt_tokens"`
		CompletionTokens lenientInt `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// lenientString and lenientInt are worth nothing to the text, so that whatever stands there must not spoil the answer.
type (
	lenientString string
	lenientInt    int
)

func (s *lenientString) UnmarshalJSON(raw []byte) error {
	var v string
	if json.Unmarshal(raw, &v) == nil {
		*s = lenientString(v)
	}
	return nil
}

func (n *lenientInt) UnmarshalJSON(raw []byte) error {
	var v float64
	if json.Unmarshal(raw, &v) == nil && v >= 0 && v < 1<<31 {
		*n = lenientInt(v)
	}
	return nil
}

// decodeAnswer reads the body of a 200, which is not yet success.
func decodeAnswer(raw []byte, auth credentials) (answer, *Error) {
	if len(raw) > maxAnswer {
		return answer{}, badResponse("the answer is longer than %d bytes", maxAnswer)
	}
	var c completion
	if err := json.Unmarshal(raw, &c); err != nil {
		return answer{}, badResponse("no answer in JSON (%s): %s", cleanText(err.Error()), cleanText(auth.hide(string(raw[:min(len(raw), maxRefusal)]))))
	}
	if len(c.Choices) == 0 || c.Choices[0].Message == nil {
		if len(c.Error) > 0 {
			return answer{}, badResponse("an error inside a 200: %s", cleanText(auth.hide(decodeRefusal(raw).message)))
		}
		return answer{}, badResponse("the answer holds no choice with a message")
	}
	choice := c.Choices[0]
	a := answer{model: string(c.Model), usage: Usage{int(c.Usage.PromptTokens), int(c.Usage.CompletionTokens)}}
	if choice.Message.Content != nil {
		a.text = *choice.Message.Content
	}
	return judge(a, choice.FinishReason)
}

// judge reads the finish reason, and the text itself: a loop can end in any way.
func judge(a answer, reason *string) (answer, *Error) {
	if reason == nil {
		return a.unusable(), badResponse("the answer does not say how it ended")
	}
	switch *reason {
	case "stop":
		a.ending = complete
	case "length":
		a.ending = truncated
	case "repetition":
		a.ending, a.loopFrom = looped, len(a.text)
	case "abort":
		return a.unusable(), &Error{Kind: KindAborted, Phase: PhaseRead, Message: "the server stopped writing: it is paused or shuts down"}
	default:
		return a.unusable(), badResponse("the answer ended in an unknown way, %q", cleanText(*reason))
	}
	if from, found := findLoop(a.text, a.ending != complete); found {
		a.ending, a.loopFrom = looped, from
	}
	return a, nil
}

// unusable is what remains of an answer that is an error: what it cost.
func (a answer) unusable() answer { return answer{usage: a.usage} }

func badResponse(format string, args ...any) *Error {
	return &Error{Kind: KindBadResponse, Phase: PhaseRead, Message: fmt.Sprintf(format, args...)}
}
