package servers

import (
	"slices"
	"testing"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
	"golang.org/x/sync/errgroup"
)

// vllmDifferences are the stand-in's differences from vLLM 0.30.0.
var vllmDifferences = []known{
	{questions: "stream", path: "*", reason: "the client never asks for a stream, and the stand-in writes none"},
	{questions: "logprobs", path: "body.choices*", reason: "the client never asks for them"},
	{questions: "token-ids", path: "body.*", reason: "the client never asks for them"},
	{questions: "continue-echo", path: "body.prompt_logprobs", reason: "the client never asks for an echo"},
	{questions: "max-tokens-no-room", path: "body.error.message", reason: "it counts the characters of the template"},
	{questions: "layout", path: "body.usage.*tokens",
		reason: "the stand-in counts the tokens of images, not those of a prompt in words"},
}

// TestStandInAnswersAsVLLM: the stand-in gives vLLM's recorded answers.
func TestStandInAnswersAsVLLM(t *testing.T) {
	t.Parallel()
	server := ocrtest.New(t)
	server.Default(writer(t))
	judge(t, readAnswers(t, "vllm-0.30.0.jsonl"), askAll(t, server.URL, "", questions(t)), vllmDifferences)
}

// gatewayDifferences are the differences of the stand-in with a gateway from LiteLLM 1.108.7.
var gatewayDifferences = []known{
	{questions: "stream", path: "*", reason: "the client never asks for a stream, and the stand-in writes none"},
	{questions: "logprobs", path: "body.choices*", reason: "the client never asks for them"},
	{questions: "token-ids", path: "body.*", reason: "the client never asks for them"},
	{questions: "layout", path: "body.usage.*tokens",
		reason: "the stand-in counts the tokens of images, not those of a prompt in words"},
	{questions: "max-tokens-no-room", path: "body.error.message", reason: "it counts the characters of the template"},
	{questions: "repetition-wrong-type", path: "body.error.message",
		reason: "LiteLLM takes two letters and a line break for a secret, and hides them"},
	{questions: "continue-echo", path: "body.prompt_logprobs", reason: "the client never asks for an echo"},
	{questions: "image-url-string", path: "*", reason: "LiteLLM writes it as it should be; the client writes it so"},
	{questions: "get-health", path: "*",
		reason: "it names the address of the server behind it; the client reads the status"},
}

// passing are differences between LiteLLM's own answers.
var passing = []known{
	{questions: "get-v1-models", path: "body.data*max_*put_tokens",
		reason: "LiteLLM tells them once it has asked the server", sometimes: true},
}

// TestStandInAnswersAsLiteLLM: the same for LiteLLM in front of vLLM.
func TestStandInAnswersAsLiteLLM(t *testing.T) {
	t.Parallel()
	server := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Key(gatewayKey))
	server.Default(writer(t))
	judge(t, readAnswers(t, "litellm-1.108.7.jsonl"), askAll(t, server.URL, gatewayKey, questions(t)),
		append(passing, gatewayDifferences...))
}

// TestStandInAnswersAsLiteLLMAlone: and for LiteLLM while vLLM is down.
func TestStandInAnswersAsLiteLLMAlone(t *testing.T) {
	t.Parallel()
	server := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Key(gatewayKey))
	server.Down()
	judge(t, readAnswers(t, "litellm-1.108.7-alone.jsonl"), askAll(t, server.URL, gatewayKey, aloneQuestions(t)),
		passing)
}

const llamaAnswers = "llama-server-11549.jsonl"

// llamaDifferences are the stand-in's differences from a llama-server.
var llamaDifferences = []known{
	{questions: "stream", path: "*", reason: "the client never asks for a stream, and the stand-in writes none"},
	{questions: "logprobs", path: "body.choices*", reason: "the client never asks for them"},
	{questions: "bad-json", path: "body.error.message", reason: "the client writes JSON"},
	{questions: "empty-body", path: "body.error.message", reason: "the same"},
	{questions: "layout", path: "body.usage.*tokens",
		reason: "the stand-in counts the tokens of images, not those of a prompt in words"},
	{questions: "two-images", path: "body.usage.*tokens", reason: "the client sends one"},
	{questions: "image-transparent", path: "*",
		reason: "llama-server lays it on black; the model of the stand-in, which sees it on white, is vLLM's; the client sends none"},
	{questions: "thinking-off", path: "body.choices*content",
		reason: "llama-server trims the text where the template has closed a block of thoughts"},
}

// TestStandInAnswersAsLlama: the same for llama-server.
func TestStandInAnswersAsLlama(t *testing.T) {
	t.Parallel()
	server := ocrtest.New(t, ocrtest.Llama())
	server.Default(writer(t))
	judge(t, readAnswers(t, llamaAnswers), askAll(t, server.URL, "", questions(t)), llamaDifferences)
}

// aloneQuestions returns the questions with different answers while the server behind the gateway is down.
func aloneQuestions(t *testing.T) []question {
	return slices.DeleteFunc(questions(t), func(q question) bool {
		return q.name != "stop" && q.name != "wrong-model" && q.name != "get-v1-models"
	})
}

// gatewayKey is the key that LiteLLM requires here.
const gatewayKey = "sk-contract"

// askAll asks a server all questions, a few at a time.
func askAll(t *testing.T, server, key string, all []question) map[string]answer {
	t.Helper()
	answers := make([]answer, len(all))
	var asking errgroup.Group
	asking.SetLimit(4)
	for i, q := range all {
		asking.Go(func() (err error) {
			answers[i], err = ask(t, server, key, q)
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		t.Fatal(err)
	}
	byName := map[string]answer{}
	for _, a := range answers {
		byName[a.Question] = a
	}
	return byName
}
