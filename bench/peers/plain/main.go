// Command plain reads a page in the simplest way, with only Go's standard library: read the file, encode it, make one
// call. Most functions that read images do it this way.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/bucketocr/bucketocr/bench/peers/peer"
)

type part struct {
	Type     string            `json:"type"`
	ImageURL map[string]string `json:"image_url"`
}

type message struct {
	Role    string `json:"role"`
	Content []part `json:"content"`
}

type request struct {
	Model       string    `json:"model"`
	Messages    []message `json:"messages"`
	Temperature float64   `json:"temperature"`
	TopP        float64   `json:"top_p"`
	MaxTokens   int       `json:"max_tokens"`
}

func main() {
	peer.Run(func(p peer.Program) (func() (string, error), error) {
		client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: p.AtOnce}}
		return func() (string, error) { return read(client, p) }, nil
	})
}

func read(client *http.Client, p peer.Program) (string, error) {
	image, err := os.ReadFile(p.File)
	if err != nil {
		return "", err
	}
	url := "data:" + http.DetectContentType(image) + ";base64," + base64.StdEncoding.EncodeToString(image)
	body, err := json.Marshal(request{
		Model:       peer.Model,
		Messages:    []message{{"user", []part{{"image_url", map[string]string{"url": url}}}}},
		Temperature: 0.2, TopP: 0.9, MaxTokens: 4096,
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequest(http.MethodPost, p.URL+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer peer")
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var answer struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal(raw, &answer); err != nil || resp.StatusCode != http.StatusOK || len(answer.Choices) == 0 {
		return "", fmt.Errorf("answer %d without text: %w", resp.StatusCode, err)
	}
	return answer.Choices[0].Message.Content, nil
}
