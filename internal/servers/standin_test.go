package servers

import (
	"slices"
	"testing"

	"github.com/bucketocr/bucketocr/ocr/ocrtest"
	"golang.org/x/sync/errgroup"
)

// vllmDifferences are those of the stand-in from vLLM 0.30.0.
var vllmDifferences = []known{
	{"stream", "*", "the client never asks for a stream, and the stand-in writes none"},
	{"logprobs", "body.choices*", "the client never asks for them"},
	{"token-ids", "body.*", "the client never asks for them"},
	{"continue-echo", "body.prompt_logprobs", "the client never asks for an echo"},
	{"max-tokens-no-room", "body.error.message", "it counts the characters of the template"},
	{"layout", "body.usage.*tokens", "the stand-in counts the tokens of images, not those of a prompt in words"},
}

// TestStandInAnswersAsVLLM: what vLLM answered when it was asked last, the stand-in answers.
func TestStandInAnswersAsVLLM(t *testing.T) {
	t.Parallel()
	server := ocrtest.New(t)
	server.Default(writer(t))
	judge(t, readAnswers(t, "vllm-0.30.0.jsonl"), askAll(t, server.URL, "", questions(t)), vllmDifferences)
}

// gatewayDifferences are those of the stand-in with a gateway from LiteLLM 1.108.7.
var gatewayDifferences = []known{
	{"stream", "*", "the client never asks for a stream, and the stand-in writes none"},
	{"logprobs", "body.choices*", "the client never asks for them"},
	{"token-ids", "body.*", "the client never asks for them"},
	{"layout", "body.usage.*tokens", "the stand-in counts the tokens of images, not those of a prompt in words"},
	{"max-tokens-no-room", "body.error.message", "it counts the characters of the template"},
	{"repetition-wrong-type", "body.error.message", "LiteLLM takes two letters and a line break for a secret, and hides them"},
	{"continue-echo", "body.prompt_logprobs", "the client never asks for an echo"},
	{"image-url-string", "*", "LiteLLM writes it as it should be; the client writes it so"},
	{"get-health", "*", "it names the address of the server behind it; the client reads the status"},
}

// TestStandInAnswersAsLiteLLM: the same for LiteLLM before vLLM.
func TestStandInAnswersAsLiteLLM(t *testing.T) {
	t.Parallel()
	server := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Key(gatewayKey))
	server.Default(writer(t))
	judge(t, readAnswers(t, "litellm-1.108.7.jsonl"), askAll(t, server.URL, gatewayKey, questions(t)), gatewayDifferences)
}

// TestStandInAnswersAsLiteLLMAlone: and for LiteLLM while vLLM is down.
func TestStandInAnswersAsLiteLLMAlone(t *testing.T) {
	t.Parallel()
	server := ocrtest.New(t, ocrtest.Gateway(), ocrtest.Key(gatewayKey))
	server.Down()
	judge(t, readAnswers(t, "litellm-1.108.7-alone.jsonl"), askAll(t, server.URL, gatewayKey, aloneQuestions(t)), nil)
}

// aloneQuestions are those whose answer is another while what is behind the gateway is down.
func aloneQuestions(t *testing.T) []question {
	return slices.DeleteFunc(questions(t), func(q question) bool { return q.name != "stop" && q.name != "wrong-model" && q.name != "get-v1-models" })
}

// gatewayKey is what LiteLLM asks of its clients here.
const gatewayKey = "sk-contract"

// askAll asks a server all these questions, a few at a time.
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
