package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/bucketocr/bucketocr/internal/document"
)

// The CloudEvent types of Cloud Storage that Decode reads. Triggers for the last two belong to ON_DELETE=erase only:
// TypeDeleted says that a generation is gone (removed or overwritten), TypeArchived, on a versioned bucket, that the live
// generation became a noncurrent one. Both mean that the object stands in the bucket no more under that generation.
const (
	TypeFinalized = "google.cloud.storage.object.v1.finalized"
	TypeDeleted   = "google.cloud.storage.object.v1.deleted"
	TypeArchived  = "google.cloud.storage.object.v1.archived"
)

// TypeSweep is the type of the event that asks for a sweep (see [Sweep]). It is about no object: the handler looks for it
// before it calls Decode, to which it is of another type.
const TypeSweep = "bucketocr.sweep"

// Why an event is not decoded; errors of Decode wrap one of them.
var (
	// ErrOtherType: the event is of a type that we have no use for. To send it again changes nothing.
	ErrOtherType = errors.New("event of another type")
	// ErrMalformed: the event is ours, but does not say which object it is about. Somebody set up the trigger wrongly, or
	// the format has changed: the object is lost if this is acknowledged.
	ErrMalformed = errors.New("event cannot be decoded")
)

// What is accepted, in bytes. Names and metadata have Cloud Storage's own limits, metadata twice of it (8 KiB).
const (
	maxBucket      = 255 // of Cloud Storage at most 222; locally the bucket is a folder's name
	maxName        = 1024
	maxContentType = 255
	maxMetadata    = 16 << 10 // keys and values together
	maxID          = 256
)

var kinds = map[string]document.Kind{
	TypeFinalized: document.KindFinalized,
	TypeDeleted:   document.KindDeleted,
	TypeArchived:  document.KindDeleted,
}

// happened names the member of the data that says when.
var happened = map[document.Kind]string{document.KindFinalized: "timeCreated", document.KindDeleted: "timeDeleted"}

// Decode reads an event of Cloud Storage. ce has passed its own Validate.
//
// Bucket, name and generation come from the data, never from the subject, and have to be right: a bucket of 1 to 255
// bytes of UTF-8 without a slash (Cloud Storage's own rule is narrower, but locally the bucket is a folder); a name of 1
// to 1024 bytes of UTF-8; a generation above 0. Everything else is a hint, which is left at its zero value where it is
// missing, of a wrong type or out of bounds (content type 255 bytes, metadata 16 KiB in all): no object is lost over it.
// Numbers may be JSON numbers or strings; unknown fields are passed over. Metadata keeps strings, and numbers and booleans
// as they are written; null, lists and maps are dropped.
//
// Time is the event's, else the data's (for a deletion timeDeleted, else timeCreated; then updated), in UTC. ID is the
// event's, made printable UTF-8 of at most 256 bytes.
//
// The error wraps [ErrOtherType] or [ErrMalformed]. It quotes what is wrong, cut short, and never holds a whole event.
func Decode(ce cloudevents.Event) (document.Event, error) {
	kind, ok := kinds[ce.Type()]
	if !ok {
		return document.Event{}, fmt.Errorf("%w: %.100q", ErrOtherType, ce.Type())
	}
	ev, err := decode(kind, ce)
	if err != nil {
		return document.Event{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return ev, nil
}

func decode(kind document.Kind, ce cloudevents.Event) (document.Event, error) {
	if !isJSON(ce.DataMediaType()) {
		return document.Event{}, fmt.Errorf("its data is %.100q, not application/json: "+
			"set the trigger's --event-data-content-type", ce.DataMediaType())
	}
	var data fields
	if err := json.Unmarshal(ce.Data(), &data); err != nil {
		return document.Event{}, fmt.Errorf("its data is no JSON object: %w", err)
	}
	object, err := data.object()
	if err != nil {
		return document.Event{}, err
	}
	return document.Event{
		Kind:       kind,
		ID:         cleanID(ce.ID()),
		Time:       firstTime(ce.Time(), data.time(happened[kind]), data.time("updated")),
		Object:     object,
		Attributes: data.attributes(),
	}, nil
}

// isJSON follows CloudEvents: data without a type is JSON.
func isJSON(mediaType string) bool {
	t := strings.ToLower(strings.TrimSpace(mediaType))
	return t == "" || t == "application/json" || t == "text/json" || strings.HasSuffix(t, "+json")
}

// check holds an object to what Decode promises.
func check(o document.Object) error {
	switch {
	case o.Bucket == "" || len(o.Bucket) > maxBucket || strings.Contains(o.Bucket, "/") || !utf8.ValidString(o.Bucket):
		return fmt.Errorf("no bucket's name: %.100q", o.Bucket)
	case o.Name == "":
		return errors.New("no object name")
	case len(o.Name) > maxName:
		return fmt.Errorf("an object name of %d bytes, over %d", len(o.Name), maxName)
	case !utf8.ValidString(o.Name):
		return fmt.Errorf("an object name that is not UTF-8: %.100q", o.Name)
	case o.Generation <= 0:
		return fmt.Errorf("generation %d: not above 0", o.Generation)
	}
	return nil
}

// cleanID makes an id that can be stored as text and sent as a header.
func cleanID(id string) string {
	id = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r // what is not UTF-8 arrives as RuneError
	}, id)
	for len(id) > maxID {
		_, size := utf8.DecodeLastRuneInString(id)
		id = id[:len(id)-size]
	}
	return strings.TrimSpace(id)
}

// firstTime is the first that is a time, in UTC; zero where none is.
func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if storable(t) {
			return t.UTC()
		}
	}
	return time.Time{}
}

// storable tells whether t is a time at all, and of the years that RFC 3339 and Firestore know.
func storable(t time.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && year >= 1 && year <= 9999
}
