package ocr

import "encoding/json"

// sampling is what can differ between the tries of one call.
type sampling struct {
	temperature float64
	maxTokens   int
}

// repetition makes vLLM stop by itself when the end of the text is minCount equal copies of at most maxPattern tokens. Servers that do
// not know the field ignore it.
//
// It only saves GPU time, since the text is looked at here anyway, so it must never cut an honest page: a page holds at
// most some 66 lines of type, a legible line of spaced dots at most some 65 dots, and nothing printed repeats itself a
// hundred times in a row. The longest pattern follows from that: beyond 4096/100 tokens max_tokens ends the loop first.
const (
	repetitionMinPattern = 1
	repetitionMaxPattern = 40
	repetitionMinCount   = 100
)

// groundingPrompt asks LightOnOCR-3 for layout. No model of the family was trained on other words.
const groundingPrompt = `,{"type":"text","text":"grounding"}`

// parameters is the request behind the messages.
type parameters struct {
	Temperature         float64             `json:"temperature"`
	TopP                float64             `json:"top_p"`
	MaxTokens           int                 `json:"max_tokens"`
	Stream              bool                `json:"stream"`
	RepetitionDetection repetitionDetection `json:"repetition_detection"`
	ChatTemplateKwargs  *templateArguments  `json:"chat_template_kwargs,omitempty"`
}

type repetitionDetection struct {
	MaxPatternSize int `json:"max_pattern_size"`
	MinPatternSize int `json:"min_pattern_size"`
	MinCount       int `json:"min_count"`
}

type templateArguments struct {
	EnableThinking bool `json:"enable_thinking"`
}

// envelope is the JSON before and behind the base64 of the image: one user message with one image and, in layout mode only, one word.
func envelope(model, mediaType string, p Profile, mode string, s sampling) (prefix, suffix []byte) {
	prefix = append(prefix, `{"model":`...)
	prefix = append(prefix, mustMarshal(model)...)
	prefix = append(prefix, `,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:`...)
	prefix = append(prefix, mediaType...)
	prefix = append(prefix, `;base64,`...)

	suffix = append(suffix, `"}}`...)
	if mode == ModeLayout {
		suffix = append(suffix, groundingPrompt...)
	}
	suffix = append(suffix, `]}],`...)
	suffix = append(suffix, mustMarshal(newParameters(p, s))[1:]...)
	return prefix, suffix
}

func newParameters(p Profile, s sampling) parameters {
	out := parameters{
		Temperature: s.temperature, TopP: p.TopP, MaxTokens: s.maxTokens,
		RepetitionDetection: repetitionDetection{repetitionMaxPattern, repetitionMinPattern, repetitionMinCount},
	}
	if p.NoThinking {
		out.ChatTemplateKwargs = &templateArguments{EnableThinking: false}
	}
	return out
}

// mustMarshal encodes what always can be encoded: strings and the structs above.
func mustMarshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
