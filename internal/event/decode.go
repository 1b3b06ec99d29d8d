package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2/event"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Why an event is not decoded; errors of Decode wrap one of them.
var (
	// ErrOtherType: the event is of a type that we have no use for. To send it again changes nothing.
	ErrOtherType = errors.New("event of another type")
	// ErrMalformed: the event is ours, but does not say which object it is about. The trigger is set up wrongly, or the
	// format has changed: the object is lost if this is acknowledged.
	ErrMalformed = errors.New("event cannot be decoded")
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
// bytes of UTF-8 without a slash (Cloud Storage's own rule is narrower, but locally the bucket is a folder); a name of
// 1 to 1024 bytes of UTF-8; a generation above 0. Everything else is a hint, which is left at its zero value where it
// is missing, of a wrong type or out of bounds (content type 255 bytes, MD5 16 bytes in Base64, metadata 16 KiB in
// all): no object is lost over it. Numbers may be JSON numbers or strings; unknown fields are ignored. Metadata keeps
// strings, and numbers and booleans as they are written; null, lists and maps are dropped.
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
		return document.Event{}, fmt.Errorf("its data is not a JSON object: %w", err)
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

// firstTime is the first that is a time, in UTC; zero where none is.
func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if storable(t) {
			return t.UTC()
		}
	}
	return time.Time{}
}

// fields are the members of a StorageObjectData in JSON, each read by itself so that one of a wrong type harms no
// other. Names are matched exactly; encoding/json's structs would take "Name" for "name".
type fields map[string]json.RawMessage

// object is what the event is about: the only part that must be right.
func (f fields) object() (o document.Object, err error) {
	if o.Bucket, err = f.exact("bucket"); err != nil {
		return o, err
	}
	if o.Name, err = f.exact("name"); err != nil {
		return o, err
	}
	var ok bool
	if o.Generation, ok = f.number("generation"); !ok {
		return o, fmt.Errorf("no generation: %.40q", f["generation"])
	}
	return o, check(o)
}

func (f fields) attributes() document.Attributes {
	contentType, _ := f.text("contentType")
	if len(contentType) > maxContentType {
		contentType = ""
	}
	size, _ := f.number("size")
	return document.Attributes{ContentType: contentType, Size: max(size, 0), MD5: f.md5(), Metadata: f.metadata()}
}

// md5 is in Base64, as Cloud Storage has it; "" where there is none.
func (f fields) md5() string {
	s, _ := f.text("md5Hash")
	return document.MD5(s)
}

// exact is a string that names something: encoding/json would replace bytes that are not UTF-8, and so name another.
func (f fields) exact(key string) (string, error) {
	if !utf8.Valid(f[key]) {
		return "", fmt.Errorf("a %s that is not UTF-8: %.100q", key, f[key])
	}
	s, ok := f.text(key)
	if !ok {
		return "", errors.New("no " + key)
	}
	return s, nil
}

// text is false where the field is missing or no string; null is the empty string.
func (f fields) text(key string) (string, bool) {
	var s string
	err := json.Unmarshal(f[key], &s)
	return s, err == nil
}

// number reads 17, "17", 5.0 and 1.7e15. It is false where there is no number, or none that an int64 holds exactly.
func (f fields) number(key string) (int64, bool) {
	var n json.Number // takes strings too, if a number is in them
	if err := json.Unmarshal(f[key], &n); err != nil {
		return 0, false
	}
	if i, err := n.Int64(); err == nil {
		return i, true
	}
	x, err := n.Float64()
	if err != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		return 0, false
	}
	return int64(x), true
}

// time is zero where there is none.
func (f fields) time(key string) time.Time {
	s, _ := f.text(key)
	t, _ := time.Parse(time.RFC3339Nano, s)
	return t
}

// metadata is nil where there is none, or more than any object can have.
func (f fields) metadata() map[string]string {
	var raw fields
	if err := json.Unmarshal(f["metadata"], &raw); err != nil {
		return nil
	}
	var m map[string]string
	bytes := 0
	for key := range raw {
		value, ok := raw.scalar(key)
		if !ok {
			continue
		}
		if m == nil {
			m = make(map[string]string, len(raw))
		}
		m[key] = value
		bytes += len(key) + len(value)
	}
	if bytes > maxMetadata {
		return nil
	}
	return m
}

// scalar is a string's value, or a number or boolean as it is written; false for null, lists and maps.
func (f fields) scalar(key string) (string, bool) {
	switch f[key][0] {
	case 'n', '[', '{':
		return "", false
	case '"':
		return f.text(key)
	}
	return string(f[key]), true
}
