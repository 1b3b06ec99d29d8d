package api

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// null is a field that the answer carries for its shape and never fills.
type null = *struct{}

// completionBody is vLLM's answer, with every field that it sends.
type completionBody struct {
	ID                string   `json:"id"`
	Object            string   `json:"object"`
	Created           int64    `json:"created"` // seconds
	Model             string   `json:"model"`
	Choices           []choice `json:"choices"`
	ServiceTier       null     `json:"service_tier"`
	SystemFingerprint string   `json:"system_fingerprint"`
	Usage             usage    `json:"usage"`
	PromptLogprobs    null     `json:"prompt_logprobs"`
	PromptTokenIDs    null     `json:"prompt_token_ids"`
	PromptText        null     `json:"prompt_text"`
	KVTransferParams  null     `json:"kv_transfer_params"`
	ECTransferParams  null     `json:"ec_transfer_params"`
	Metrics           null     `json:"metrics"`
}

type choice struct {
	Index         int    `json:"index"`
	Message       answer `json:"message"`
	Logprobs      null   `json:"logprobs"`
	FinishReason  string `json:"finish_reason"`
	StopReason    null   `json:"stop_reason"`
	TokenIDs      null   `json:"token_ids"`
	RoutedExperts null   `json:"routed_experts"`
}

type answer struct {
	Role         string `json:"role"`
	Content      string `json:"content"`
	Refusal      null   `json:"refusal"`
	Annotations  null   `json:"annotations"`
	Audio        null   `json:"audio"`
	FunctionCall null   `json:"function_call"`
	Reasoning    null   `json:"reasoning"`
}

// usage counts words where the model counts tokens. The prompt is the picture alone and counts as 1.
// The completion is the words, runs of anything but white space, and 1 for the end of the page
// unless the text was cut before it: a blank page is 1, as it is for the model.
type usage struct {
	PromptTokens            int  `json:"prompt_tokens"`
	TotalTokens             int  `json:"total_tokens"`
	CompletionTokens        int  `json:"completion_tokens"`
	PromptTokensDetails     null `json:"prompt_tokens_details"`
	CompletionTokensDetails null `json:"completion_tokens_details"`
}

// completion returns the answer with text, cut to limit words (see usage) if limit is not 0.
func (s *Service) completion(id, text string, limit int) completionBody {
	content, count, cut := cutWords(text, limit)
	finish := "stop"
	if cut {
		finish = "length"
	}
	return completionBody{
		ID: "chatcmpl-" + id, Object: "chat.completion", Created: time.Now().Unix(), Model: s.Model,
		Choices:           []choice{{Message: answer{Role: "assistant", Content: content}, FinishReason: finish}},
		SystemFingerprint: s.Engine,
		Usage:             usage{PromptTokens: 1, CompletionTokens: count, TotalTokens: 1 + count},
	}
}

// cutWords returns text, its count by the rules of usage, and whether it had to be cut.
func cutWords(text string, limit int) (kept string, count int, cut bool) {
	inWord := false
	for i, r := range text {
		space := unicode.IsSpace(r)
		if space && inWord && count == limit {
			return text[:i], count, true
		}
		if !space && !inWord {
			count++
		}
		inWord = !space
	}
	if count == limit && limit > 0 {
		return text, count, true
	}
	return text, count + 1, false
}

// requestID returns the ID that the caller wants for the answer, or a random one.
func requestID(r *http.Request, req *request) string {
	for _, id := range []string{r.Header.Get("X-Request-Id"), req.RequestID} {
		if id != "" {
			return id
		}
	}
	return strings.ToLower(rand.Text())
}

type modelsBody struct {
	Object string  `json:"object"`
	Data   []model `json:"data"`
}

type model struct {
	ID          string       `json:"id"`
	Object      string       `json:"object"`
	Created     int64        `json:"created"`
	OwnedBy     string       `json:"owned_by"`
	Root        string       `json:"root"`
	Parent      null         `json:"parent"`
	MaxModelLen int          `json:"max_model_len"`
	Permission  []permission `json:"permission"`
}

type permission struct {
	ID                 string `json:"id"`
	Object             string `json:"object"`
	Created            int64  `json:"created"`
	AllowCreateEngine  bool   `json:"allow_create_engine"`
	AllowSampling      bool   `json:"allow_sampling"`
	AllowLogprobs      bool   `json:"allow_logprobs"`
	AllowSearchIndices bool   `json:"allow_search_indices"`
	AllowView          bool   `json:"allow_view"`
	AllowFineTuning    bool   `json:"allow_fine_tuning"`
	Organization       string `json:"organization"`
	Group              null   `json:"group"`
	IsBlocking         bool   `json:"is_blocking"`
}

// contextLength is the value of max_model_len: that of LightOnOCR, since Tesseract has no such limit.
const contextLength = 16384

func modelList(name string, now time.Time) modelsBody {
	return modelsBody{Object: "list", Data: []model{{
		ID: name, Object: "model", Created: now.Unix(), OwnedBy: "localocr", Root: name, MaxModelLen: contextLength,
		Permission: []permission{{ID: "modelperm-localocr", Object: "model_permission", Created: now.Unix(),
			AllowSampling: true, AllowView: true, Organization: "*"}},
	}}}
}
