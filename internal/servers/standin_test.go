package servers

import (
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
	judge(t, readAnswers(t, "vllm-0.30.0.jsonl"), askAll(t, server.URL, ""), vllmDifferences)
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
	judge(t, readAnswers(t, "litellm-1.108.7.jsonl"), askAll(t, server.URL, gatewayKey), gatewayDifferences)
}

// gatewayKey is what LiteLLM asks of its clients here.
const gatewayKey = "sk-contract"

// askAll asks a server everything, a few questions at a time.
func askAll(t *testing.T, server, key string) map[string]answer {
	t.Helper()
	all := questions(t)
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
