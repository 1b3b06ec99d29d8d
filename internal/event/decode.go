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

// Errors of Decode wrap one of these.
var (
	// ErrOtherType: the event's type is of no use to the function. Redelivery would not change that.
	ErrOtherType = errors.New("event of another type")
	// ErrMalformed: the event's type is right, but it does not identify its object. The trigger is misconfigured, or
	// the format has changed: acknowledging the event would lose the object.
	ErrMalformed = errors.New("event cannot be decoded")
)

var kinds = map[string]document.Kind{
	TypeFinalized: document.KindFinalized,
	TypeDeleted:   document.KindDeleted,
	TypeArchived:  document.KindDeleted,
}

// happened names the member of the data that holds the time of the event.
var happened = map[document.Kind]string{document.KindFinalized: "timeCreated", document.KindDeleted: "timeDeleted"}

// Decode reads an event of Cloud Storage. ce has passed its own Validate.
//
// Bucket, name and generation are read from the data, never from the subject, and must be valid: a bucket of 1 to 255
// bytes of UTF-8 without a slash (Cloud Storage's own rule is narrower, but locally the bucket is a folder); a name of
// 1 to 1024 bytes of UTF-8; a generation above 0. Everything else is a hint and left zero if it is missing, of a wrong
// type or out of bounds (content type 255 bytes, MD5 16 bytes in Base64, metadata 16 KiB in all), so that no object is
// lost over it. Numbers may be JSON numbers or strings; unknown fields are ignored. Metadata keeps strings, and numbers
// and booleans as written; null, lists and maps are dropped.
//
// Time is the event's or, if that is missing, the data's (timeDeleted for a deletion, otherwise timeCreated; then
// updated), in UTC. ID is the event's, converted to printable UTF-8 of at most 256 bytes.
//
// The error wraps [ErrOtherType] or [ErrMalformed]. It quotes the invalid value, cut short, never a whole event.
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

// firstTime returns the first storable time, in UTC; zero if there is none.
func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if storable(t) {
			return t.UTC()
		}
	}
	return time.Time{}
}

// fields are the members of a StorageObjectData in JSON, each decoded separately so that one of a wrong type does not
// affect others. Names are matched exactly; encoding/json would accept "Name" for a struct's "name".
type fields map[string]json.RawMessage

// object returns the event's object, the only part that must be valid.
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

// md5 returns the MD5 in lower-case hex; "" if there is none.
func (f fields) md5() string {
	s, _ := f.text("md5Hash")
	return document.MD5(s)
}

// exact returns a string unaltered: encoding/json would replace bytes that are not UTF-8, and the string would name
// another object.
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

// text returns a string; false if the field is missing or not a string. null is the empty string.
func (f fields) text(key string) (string, bool) {
	var s string
	err := json.Unmarshal(f[key], &s)
	return s, err == nil
}

// number parses 17, "17", 5.0 and 1.7e15. It returns false for anything that is not a number or does not fit an int64
// exactly.
func (f fields) number(key string) (int64, bool) {
	var n json.Number // also accepts numbers in strings
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

// time returns a time; zero if there is none.
func (f fields) time(key string) time.Time {
	s, _ := f.text(key)
	t, _ := time.Parse(time.RFC3339Nano, s)
	return t
}

// metadata returns the object's metadata; nil if there is none, or more than any object can have.
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

// scalar returns a string's value, or a number or boolean as written; false for null, lists and maps.
func (f fields) scalar(key string) (string, bool) {
	switch f[key][0] {
	case 'n', '[', '{':
		return "", false
	case '"':
		return f.text(key)
	}
	return string(f[key]), true
}
