// Package archive is a Cloud Run function that receives the announcement of each finished document (NOTIFY_TOPIC),
// reads its text from Firestore and stores it as Markdown and JSON in another bucket: for archives, search and
// retrieval. Copy it and change keep.
//
// Messages are delivered at least once and in any order. So the function relies on the document rather than on the
// message: it updates the bucket to the current state of the document, and a message about an older state changes
// nothing.
package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/storage"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	cloudevents "github.com/cloudevents/sdk-go/v2"
)

func init() { functions.HTTP("Archive", Serve) }

// End is the content of a message.
type End struct {
	ID         string   `json:"id"`   // of the document
	File       string   `json:"file"` // gs://BUCKET/NAME
	Generation int64    `json:"generation"`
	Status     string   `json:"status"` // done, failed, deleted
	Code       string   `json:"code"`   // why it failed
	Warnings   []string `json:"warnings"`
	Pages      int      `json:"pages"`
}

// connect creates the clients on the first request, so that a cold start without one costs nothing.
var connect = sync.OnceValues(func() (*archivist, error) {
	ctx := context.Background()
	documents, err := firestore.NewClientWithDatabase(ctx, project(),
		or("FIRESTORE_DATABASE", firestore.DefaultDatabaseID))
	if err != nil {
		return nil, err
	}
	client, err := storage.NewClient(ctx)
	if err != nil {
		return nil, err
	}
	name := os.Getenv("ARCHIVE_BUCKET")
	if name == "" {
		return nil, errors.New("ARCHIVE_BUCKET is not set")
	}
	return &archivist{
		documents: collection{documents.Collection(or("FIRESTORE_COLLECTION", "ocr_documents"))},
		files:     bucket{client.Bucket(name)}, bucket: name,
	}, nil
})

func project() string { return or("GOOGLE_CLOUD_PROJECT", firestore.DetectProjectID) }

func or(variable, otherwise string) string {
	if value := os.Getenv(variable); value != "" {
		return value
	}
	return otherwise
}

// Serve responds 200 if a message has been handled, and 503 if it should be redelivered.
func Serve(w http.ResponseWriter, r *http.Request) {
	a, err := connect()
	if err != nil {
		log.Printf("not ready: %v", err)
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	a.serve(w, r)
}

func (a *archivist) serve(w http.ResponseWriter, r *http.Request) {
	end, err := received(r)
	if err != nil {
		log.Printf("ignored: %v", err)
		fmt.Fprintln(w, "ignored") // a redelivery would be no better
		return
	}
	if err := a.keep(r.Context(), end); err != nil {
		log.Printf("document %s: %v", end.ID, err)
		http.Error(w, "later", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "kept")
}

// received decodes a message, pushed directly as a CloudEvent or wrapped by Eventarc.
func received(r *http.Request) (end End, err error) {
	ce, err := cloudevents.NewEventFromHTTPRequest(r)
	if err != nil {
		return end, err
	}
	data, kind := ce.Data(), ce.Type()
	if kind == "google.cloud.pubsub.topic.v1.messagePublished" {
		var published struct {
			Message struct {
				Data       []byte            `json:"data"`
				Attributes map[string]string `json:"attributes"`
			} `json:"message"`
		}
		if err := json.Unmarshal(data, &published); err != nil {
			return end, err
		}
		data, kind = published.Message.Data, published.Message.Attributes["ce-type"]
	}
	if kind != "bucketocr.document.v1.ended" {
		return end, fmt.Errorf("unexpected event type %q", kind)
	}
	if err := json.Unmarshal(data, &end); err != nil {
		return end, err
	}
	if end.ID == "" || !strings.HasPrefix(end.File, "gs://") {
		return end, errors.New("the message names no document")
	}
	if name := strings.TrimPrefix(end.File, "gs://") + aboutSuffix; len(name) > maxName {
		return end, fmt.Errorf("%s would be the name of a file, but has more than %d bytes", name, maxName)
	}
	return end, nil
}
