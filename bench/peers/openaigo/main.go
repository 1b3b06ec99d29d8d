// Command openaigo reads a page with openai-go, like its README's example for images.
package main

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/bucketocr/bucketocr/bench/peers/peer"
)

func main() {
	peer.Run(func(p peer.Program) (func() (string, error), error) {
		client := openai.NewClient(option.WithBaseURL(p.URL+"/v1"), option.WithAPIKey("peer"))
		return func() (string, error) { return read(client, p.File) }, nil
	})
}

func read(client openai.Client, file string) (string, error) {
	image, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	url := "data:" + http.DetectContentType(image) + ";base64," + base64.StdEncoding.EncodeToString(image)
	answer, err := client.Chat.Completions.New(context.Background(), openai.ChatCompletionNewParams{
		Model: peer.Model,
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
				openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: url}),
			}),
		},
		Temperature: openai.Float(0.2), TopP: openai.Float(0.9), MaxTokens: openai.Int(4096),
	})
	if err != nil {
		return "", err
	}
	if len(answer.Choices) == 0 {
		return "", errors.New("an answer without a choice")
	}
	return answer.Choices[0].Message.Content, nil
}
