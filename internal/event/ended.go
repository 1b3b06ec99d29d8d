package event

import (
	"fmt"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/bucketocr/bucketocr/internal/document"
)

const endedSource = "//bucketocr/documents"

// ended is the data of an event that announces an end.
type ended struct {
	ID         string   `json:"id"`
	File       string   `json:"file"`
	Generation int64    `json:"generation"`
	Status     string   `json:"status"`
	Code       string   `json:"code,omitempty"`
	Warnings   []string `json:"warnings"`
	Pages      int      `json:"pages"`
	Owner      string   `json:"owner,omitempty"`
}

// Ended returns the event that announces how a document ended: its id, the object as gs://BUCKET/NAME, generation,
// status (done, failed, deleted), why it failed, warnings, number of pages, and its owner. It has no text. Its id is
// unique to the end: a repeated announcement has the same id.
func Ended(e document.End) (cloudevents.Event, error) {
	ce := cloudevents.New()
	ce.SetID(e.Write)
	ce.SetType(TypeEnded)
	ce.SetSource(endedSource)
	ce.SetSubject("documents/" + e.ID)
	ce.SetTime(e.Time.UTC())
	data := ended{
		ID: e.ID, File: e.URL(), Generation: e.Generation, Status: string(e.Status), Code: e.Code,
		Warnings: append([]string{}, e.Warnings...), Pages: e.Pages, Owner: e.Owner,
	}
	err := ce.SetData(cloudevents.ApplicationJSON, data)
	if err == nil {
		err = ce.Validate()
	}
	if err != nil {
		return cloudevents.Event{}, fmt.Errorf("event of an end: %w", err)
	}
	return ce, nil
}

// Message returns an event as a Pub/Sub message: its data, and attributes of at most most bytes each, so that a push
// that writes them as headers is a CloudEvent in binary mode. Longer attributes are left out: the data has the same
// information.
func Message(ce cloudevents.Event, most int) (data []byte, attributes map[string]string) {
	attributes = map[string]string{
		"Content-Type": ce.DataContentType(), "ce-specversion": ce.SpecVersion(), "ce-id": ce.ID(),
		"ce-type": ce.Type(), "ce-source": ce.Source(),
	}
	if ce.Subject() != "" {
		attributes["ce-subject"] = ce.Subject()
	}
	if !ce.Time().IsZero() {
		attributes["ce-time"] = ce.Time().UTC().Format(time.RFC3339Nano)
	}
	for name, value := range ce.Extensions() {
		attributes["ce-"+name] = fmt.Sprint(value)
	}
	for name, value := range attributes {
		if len(value) > most || value == "" {
			delete(attributes, name)
		}
	}
	return ce.Data(), attributes
}
