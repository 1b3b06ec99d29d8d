package event_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
)

// TestEndIsAnnouncedInFull: an announcement has the fields in docs/document.md, as a message whose push is a binary
// CloudEvent.
func TestEndIsAnnouncedInFull(t *testing.T) {
	at := time.Date(2026, 11, 26, 10, 2, 11, 0, time.UTC)
	object := document.Object{Bucket: "acme-scans", Name: "inbox/Rechnung 7 <é>.png", Generation: 1795428131470921}
	for name, c := range map[string]struct {
		end  document.End
		want string
	}{
		"done": {document.End{Status: document.StatusDone, Warnings: []string{"turned"}, Pages: 3, Owner: "ada"},
			`"status":"done","warnings":["turned"],"pages":3,"owner":"ada"}`},
		"failed": {document.End{Status: document.StatusFailed, Code: "corrupt"},
			`"status":"failed","code":"corrupt","warnings":[],"pages":0}`},
		"deleted": {document.End{Status: document.StatusDeleted}, `"status":"deleted","warnings":[],"pages":0}`},
	} {
		t.Run(name, func(t *testing.T) {
			c.end.ID, c.end.Object, c.end.Time, c.end.Write = object.ID(), object, at, "WRITE1"
			ce, err := event.Ended(c.end)
			if err != nil {
				t.Fatal(err)
			}
			data, attributes := event.Message(ce, 1024)
			want := `{"id":"` + object.ID() + `","file":"gs://acme-scans/inbox/Rechnung 7 \u003c` + "é" +
				`\u003e.png","generation":1795428131470921,` + c.want
			if string(data) != want {
				t.Errorf("data %s\nwant %s", data, want)
			}
			if got := map[string]string{
				"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "WRITE1",
				"ce-type":   event.TypeEnded,
				"ce-source": "//bucketocr/documents", "ce-subject": "documents/" + object.ID(),
				"ce-time": "2026-11-26T10:02:11Z",
			}; !maps.Equal(attributes, got) {
				t.Errorf("attributes %v", attributes)
			}
		})
	}
	if _, err := event.Ended(document.End{}); err == nil {
		t.Error("an end without a write is announced")
	}
}

// TestLongAttributesAreLeftOut: a name may be longer percent-encoded than an attribute may be.
func TestLongAttributesAreLeftOut(t *testing.T) {
	ce, err := event.Encode(document.Event{
		Kind: document.KindFinalized, ID: "e",
		Object: document.Object{Bucket: "b", Name: strings.Repeat("é", 500), Generation: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, attributes := event.Message(ce, 1024)
	if got := slices.Sorted(maps.Keys(attributes)); !slices.Equal(got,
		[]string{"Content-Type", "ce-bucket", "ce-id", "ce-source", "ce-specversion", "ce-type"}) {
		t.Errorf("%v", got)
	}
}
