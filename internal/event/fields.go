package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/document"
)

// fields are the members of a StorageObjectData in JSON, each read by itself so that one of a wrong type harms no other.
// Names are matched exactly; encoding/json's structs would take "Name" for "name".
type fields map[string]json.RawMessage

// object is what the event is about: the only part that must be right.
func (f fields) object() (document.Object, error) {
	var o document.Object
	var err error
	if o.Bucket, err = f.exact("bucket"); err != nil {
		return document.Object{}, err
	}
	if o.Name, err = f.exact("name"); err != nil {
		return document.Object{}, err
	}
	var ok bool
	if o.Generation, ok = f.number("generation"); !ok {
		return document.Object{}, fmt.Errorf("no generation: %.40q", f["generation"])
	}
	if err := check(o); err != nil {
		return document.Object{}, err
	}
	return o, nil
}

func (f fields) attributes() document.Attributes {
	contentType, _ := f.text("contentType")
	if len(contentType) > maxContentType {
		contentType = ""
	}
	size, _ := f.number("size")
	return document.Attributes{ContentType: contentType, Size: max(size, 0), Metadata: f.metadata()}
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
	if err := json.Unmarshal(f[key], &s); err != nil {
		return "", false
	}
	return s, true
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
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
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
