// Command yardstick is a naive baseline, like most functions in use: it reads the object, encodes it in base64,
// marshals the request, sends it with an ID token, and writes the text. It is a carefully written program: clients are
// created once, on first use, connections are reused, the generation is pinned, and every error is handled. It lacks
// what bucketocr is about: it has no claim, so a duplicate event is read twice; no status before the end; no limits or
// deadlines; no inspection of the image; and no drain on SIGTERM.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/storage"
	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	"google.golang.org/api/idtoken"

	"github.com/bucketocr/bucketocr/bench/internal/stats"
)

func init() { functions.HTTP("ExtractText", handle) }

func main() {
	stats.Serve()
	if err := funcframework.Start(os.Getenv("PORT")); err != nil {
		slog.Error("cannot serve", "error", err)
		os.Exit(1)
	}
}

// clients are created once, at the first event.
type clients struct {
	objects   *storage.Client
	documents *firestore.Client
	http      *http.Client
}

var made = sync.OnceValues(func() (clients, error) {
	ctx := context.Background()
	objects, err1 := storage.NewClient(ctx)
	documents, err2 := firestore.NewClient(ctx, os.Getenv("GOOGLE_CLOUD_PROJECT"))
	withToken, err3 := idtoken.NewClient(ctx, os.Getenv("OCR_AUDIENCE"))
	return clients{objects, documents, withToken}, errors.Join(err1, err2, err3)
})

func handle(w http.ResponseWriter, r *http.Request) {
	event, err := cloudevents.NewEventFromHTTPRequest(r)
	if err != nil {
		http.Error(w, "invalid CloudEvent", http.StatusBadRequest)
		return
	}
	var object struct {
		Bucket, Name string
		Generation   int64 `json:",string"`
	}
	if err := json.Unmarshal(event.Data(), &object); err != nil {
		http.Error(w, "no object", http.StatusBadRequest)
		return
	}
	if err := extract(r.Context(), object.Bucket, object.Name, object.Generation); err != nil {
		slog.Error("extract", "object", object.Name, "error", err)
		http.Error(w, "failed", http.StatusInternalServerError)
		return
	}
	slog.Info("done", "object", object.Name)
}

// extract reads one object and stores its text.
func extract(ctx context.Context, bucket, name string, generation int64) error {
	c, err := made()
	if err != nil {
		return err
	}
	image, err := read(ctx, c.objects, bucket, name, generation)
	if err != nil {
		return fmt.Errorf("reading the object: %w", err)
	}
	text, err := ask(ctx, c.http, image)
	if err != nil {
		return fmt.Errorf("asking the OCR service: %w", err)
	}
	_, err = c.documents.Collection("ocr").Doc(strings.ReplaceAll(name, "/", "_")).Set(ctx, map[string]any{
		"bucket": bucket, "name": name, "generation": generation, "status": "done", "text": text,
		"finished": time.Now(),
	})
	return err
}

func read(ctx context.Context, c *storage.Client, bucket, name string, generation int64) ([]byte, error) {
	r, err := c.Bucket(bucket).Object(name).Generation(generation).NewReader(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if os.Getenv("YARDSTICK_EXACT") == "" {
		return io.ReadAll(r)
	}
	image := make([]byte, r.Attrs.Size) // the first improvement that a profile suggests
	_, err = io.ReadFull(r, image)
	return image, err
}

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

func ask(ctx context.Context, c *http.Client, image []byte) (string, error) {
	url := "data:" + http.DetectContentType(image) + ";base64," + base64.StdEncoding.EncodeToString(image)
	body, err := json.Marshal(request{
		Model:       "lightonai/LightOnOCR-2-1B",
		Messages:    []message{{"user", []part{{"image_url", map[string]string{"url": url}}}}},
		Temperature: 0.2, TopP: 0.9, MaxTokens: 4096,
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("OCR_URL")+"/v1/chat/completions",
		bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("answer %d: %w", resp.StatusCode, err)
	}
	var answer struct {
		Choices []struct{ Message struct{ Content string } }
	}
	if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Choices) == 0 {
		return "", fmt.Errorf("answer without text: %w", err)
	}
	return answer.Choices[0].Message.Content, nil
}
