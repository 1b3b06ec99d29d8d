package event

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/bucketocr/bucketocr/internal/document"
)

const (
	bucketSource = "//storage.googleapis.com/projects/_/buckets/"
	sweepSource  = "//bucketocr/sweep"

	reconcileSource = "//bucketocr/reconcile"
)

// storageObject is the part of Cloud Storage's StorageObjectData that an Event has.
type storageObject struct {
	Kind           string            `json:"kind"`
	ID             string            `json:"id"`
	Name           string            `json:"name"`
	Bucket         string            `json:"bucket"`
	Generation     string            `json:"generation"`
	Metageneration string            `json:"metageneration"`
	ContentType    string            `json:"contentType,omitempty"`
	Size           string            `json:"size"`
	MD5            string            `json:"md5Hash,omitempty"`
	TimeCreated    string            `json:"timeCreated,omitempty"`
	TimeDeleted    string            `json:"timeDeleted,omitempty"`
	Updated        string            `json:"updated,omitempty"`
	Metadata       map[string]string `json:"metadata,omitempty"`
}

// Encode returns the event that Cloud Storage would have sent, for the HTTP binding. [Decode] returns ev again,
// whatever the names of bucket and object, except that invalid UTF-8 in content type and metadata is replaced, times
// are in UTC, and Decode's bounds are applied.
//
// The subject and the bucket attribute are percent-encoded as the HTTP binding of CloudEvents 1.0.2 requires, because
// the SDK does not do that and a name may have characters that a header cannot; Decode reads neither.
//
// It is an error if Decode could not have returned ev: a bucket or generation that it refuses, a name longer than 1024
// bytes or not UTF-8 (neither Cloud Storage nor the stores permit it), a negative size, an id that is empty or cannot
// be a header, an unknown kind, a year beyond 9999.
func Encode(ev document.Event) (cloudevents.Event, error) {
	ce, err := encode(ev)
	if err != nil {
		return cloudevents.Event{}, fmt.Errorf("encode event: %w", err)
	}
	return ce, nil
}

func encode(ev document.Event) (cloudevents.Event, error) {
	if err := checkEvent(ev); err != nil {
		return cloudevents.Event{}, err
	}
	ce := cloudevents.New()
	ce.SetID(ev.ID)
	ce.SetType(TypeFinalized)
	if ev.Kind == document.KindDeleted {
		ce.SetType(TypeDeleted)
	}
	ce.SetSource(bucketSource + url.PathEscape(ev.Bucket))
	ce.SetSubject("objects/" + percentEncode(ev.Name))
	ce.SetExtension("bucket", percentEncode(ev.Bucket))
	if !ev.Time.IsZero() {
		ce.SetTime(ev.Time.UTC())
	}
	if err := ce.SetData(cloudevents.ApplicationJSON, dataOf(ev)); err != nil {
		return cloudevents.Event{}, err
	}
	return ce, ce.Validate()
}

func checkEvent(ev document.Event) error {
	switch {
	case ev.Kind != document.KindFinalized && ev.Kind != document.KindDeleted:
		return fmt.Errorf("unknown kind %.100q", string(ev.Kind))
	case ev.ID == "" || ev.ID != cleanID(ev.ID):
		return fmt.Errorf("no event id: %.100q", ev.ID)
	case ev.Size < 0:
		return errors.New("negative size")
	case !ev.Time.IsZero() && !storable(ev.Time):
		return errors.New("a time outside the years 1 to 9999")
	}
	return check(ev.Object)
}

func dataOf(ev document.Event) storageObject {
	o := storageObject{
		Kind:           "storage#object",
		ID:             fmt.Sprintf("%s/%s/%d", ev.Bucket, ev.Name, ev.Generation),
		Name:           ev.Name,
		Bucket:         ev.Bucket,
		Generation:     strconv.FormatInt(ev.Generation, 10),
		Metageneration: "1",
		ContentType:    ev.ContentType,
		Size:           strconv.FormatInt(ev.Size, 10),
		Metadata:       ev.Metadata,
	}
	if sum, err := hex.DecodeString(ev.MD5); err == nil && len(sum) > 0 {
		o.MD5 = base64.StdEncoding.EncodeToString(sum)
	}
	if ev.Time.IsZero() {
		return o
	}
	o.Updated = ev.Time.UTC().Format(time.RFC3339Nano)
	if ev.Kind == document.KindDeleted {
		o.TimeDeleted = o.Updated
	} else {
		o.TimeCreated = o.Updated
	}
	return o
}

// Sweep returns the event that requests a sweep, as Cloud Scheduler sends it every few minutes. id must be unique and
// not empty.
func Sweep(id string, at time.Time) cloudevents.Event {
	return scheduled(TypeSweep, sweepSource, id, at)
}

// Reconcile returns the event that requests a reconciliation of objects created since then (zero: of all), as Cloud
// Scheduler sends it every day. id must be unique and not empty.
func Reconcile(id string, at, since time.Time) cloudevents.Event {
	ce := scheduled(TypeReconcile, reconcileSource, id, at)
	if !since.IsZero() {
		ce.SetExtension(sinceAttribute, since.UTC().Format(time.RFC3339))
	}
	return ce
}

const sinceAttribute = "since"

// Since returns the time in an event of [Reconcile], zero if there is none. The error quotes an invalid one.
func Since(ce cloudevents.Event) (time.Time, error) {
	value, ok := ce.Extensions()[sinceAttribute]
	if !ok {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, fmt.Sprint(value))
	if err != nil {
		return time.Time{}, fmt.Errorf("its attribute %s is not an RFC 3339 time: %.40q", sinceAttribute,
			fmt.Sprint(value))
	}
	return t, nil
}

func scheduled(kind, source, id string, at time.Time) cloudevents.Event {
	ce := cloudevents.New()
	ce.SetID(percentEncode(id))
	ce.SetType(kind)
	ce.SetSource(source)
	ce.SetTime(at.UTC())
	return ce
}

// percentEncode leaves the characters that the HTTP binding permits in a header: printable ASCII except space, double
// quote and percent.
func percentEncode(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
