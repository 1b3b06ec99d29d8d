package event

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
)

func TestDecodeGolden(t *testing.T) {
	got, err := Decode(golden(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := goldenEvent(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestDecodeType(t *testing.T) {
	for typ, want := range map[string]document.Kind{
		TypeFinalized: document.KindFinalized,
		TypeDeleted:   document.KindDeleted,
		TypeArchived:  document.KindDeleted,
	} {
		if got, err := Decode(received(typ, "", minimal)); err != nil || got.Kind != want {
			t.Errorf("%s: %q, %v; want %q", typ, got.Kind, err, want)
		}
	}
	for _, typ := range []string{
		TypeSweep, "", "google.cloud.storage.object.v1.metadataUpdated",
		"google.cloud.pubsub.topic.v1.messagePublished",
		strings.ToUpper(TypeFinalized),
	} {
		if _, err := Decode(received(typ, "", minimal)); !errors.Is(err, ErrOtherType) || errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v, want ErrOtherType", typ, err)
		}
	}
	if _, err := Decode(cloudevents.Event{}); !errors.Is(err, ErrOtherType) {
		t.Errorf("zero event: %v, want ErrOtherType", err)
	}
}

func TestDecodeDataContentType(t *testing.T) {
	for _, ct := range []string{
		"", "application/json", "Application/JSON", "application/json; charset=utf-8", "text/json",
		"application/x+json",
	} {
		if _, err := Decode(received(TypeFinalized, ct, minimal)); err != nil {
			t.Errorf("%q: %v", ct, err)
		}
	}
	for _, ct := range []string{"application/protobuf", "text/plain", "json"} {
		_, err := Decode(received(TypeFinalized, ct, minimal))
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), ct) ||
			!strings.Contains(err.Error(), "--event-data-content-type") {
			t.Errorf("%q: %v, want what to do about it", ct, err)
		}
	}
}

func TestDecodeMalformed(t *testing.T) {
	long := strings.Repeat("n", document.MaxName+1)
	for data, want := range map[string]string{
		``: "not a JSON object", `x`: "not a JSON object", `[]`: "not a JSON object", `"s"`: "not a JSON object",
		minimal + `{}`: "not a JSON object",
		`null`:         "no bucket", `{}`: "no bucket",
		`{"name":"n","generation":7}`:                                  "no bucket",
		`{"bucket":null,"name":"n","generation":7}`:                    "no bucket's name",
		`{"bucket":["b"],"name":"n","generation":7}`:                   "no bucket",
		`{"bucket":"","name":"n","generation":7}`:                      "no bucket's name",
		`{"bucket":"b/c","name":"n","generation":7}`:                   "no bucket's name",
		`{"bucket":"/","name":"n","generation":7}`:                     "no bucket's name",
		`{"bucket":"` + strings.Repeat("b", 256) + `","name":"n"}`:     "no generation",
		`{"bucket":"b","generation":7}`:                                "no name",
		`{"bucket":"b","Name":"n","generation":7}`:                     "no name",
		`{"bucket":"b","name":8,"generation":7}`:                       "no name",
		`{"bucket":"b","name":null,"generation":7}`:                    "no object name",
		`{"bucket":"b","name":"","generation":7}`:                      "no object name",
		`{"bucket":"b","name":"` + long + `","generation":7}`:          "1025 bytes, over 1024",
		"{\"bucket\":\"b\",\"name\":\"caf\xe9\",\"generation\":7}":     "not UTF-8",
		"{\"bucket\":\"b\xe9\",\"name\":\"n\",\"generation\":7}":       "not UTF-8",
		`{"bucket":"b","name":"n"}`:                                    "no generation",
		`{"bucket":"b","name":"n","generation":null}`:                  "no generation",
		`{"bucket":"b","name":"n","generation":""}`:                    "no generation",
		`{"bucket":"b","name":"n","generation":"x7"}`:                  "no generation",
		`{"bucket":"b","name":"n","generation":"0x7"}`:                 "no generation",
		`{"bucket":"b","name":"n","generation":true}`:                  "no generation",
		`{"bucket":"b","name":"n","generation":7.5}`:                   "no generation",
		`{"bucket":"b","name":"n","generation":1e400}`:                 "no generation",
		`{"bucket":"b","name":"n","generation":1e16}`:                  "no generation",
		`{"bucket":"b","name":"n","generation":"9223372036854775808"}`: "no generation",
		`{"bucket":"b","name":"n","generation":0}`:                     "not above 0",
		`{"bucket":"b","name":"n","generation":"-7"}`:                  "not above 0",
	} {
		ev, err := Decode(received(TypeFinalized, "", data))
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v, want %q", data, err, want)
		}
		if !reflect.DeepEqual(ev, document.Event{}) {
			t.Errorf("%.80q: an event beside the error", data)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%.80q: error of %d bytes", data, len(err.Error()))
		}
	}
	tooLong := strings.Replace(minimal, `"b"`, `"`+strings.Repeat("b", document.MaxBucket+1)+`"`, 1)
	if _, err := Decode(received(TypeFinalized, "", tooLong)); !errors.Is(err, ErrMalformed) {
		t.Errorf("bucket of %d bytes: %v", document.MaxBucket+1, err)
	}
}

func TestDecodeNumbers(t *testing.T) {
	for value, want := range map[string]int64{
		`"17"`: 17, `17`: 17, `5.0`: 5, `"5.0"`: 5, `1.7e15`: 1.7e15, `"1795428131470921"`: 1795428131470921,
		`9223372036854775807`: 1<<63 - 1, `9007199254740992.0`: 1 << 53,
	} {
		ev, err := Decode(received(TypeFinalized, "", strings.Replace(with("size", value), `"7"`, value, 1)))
		if err != nil || ev.Generation != want || ev.Size != want {
			t.Errorf("%s: generation %d, size %d, %v", value, ev.Generation, ev.Size, err)
		}
	}
	for _, value := range []string{
		`null`, `""`, `"x"`, `{}`, `[3]`, `true`, `-1`, `"-5"`, `1.5`, `1e300`, `0`, `"0"`, `-0`,
		`99999999999999999999`,
	} {
		ev, err := Decode(received(TypeFinalized, "", with("size", value)))
		if err != nil || ev.Size != 0 {
			t.Errorf("size %s: %d, %v; want 0", value, ev.Size, err)
		}
	}
}

func TestDecodeAttributes(t *testing.T) {
	big := strings.Repeat("m", maxMetadata)
	for _, tt := range []struct {
		name, key, value string
		want             document.Attributes
	}{
		{"unknown fields", "softDeleteTime", `{"deep":[1]}`, document.Attributes{}},
		{"type", "contentType", `"Image/PNG; x=1"`, document.Attributes{ContentType: "Image/PNG; x=1"}},
		{"type null", "contentType", `null`, document.Attributes{}},
		{"type number", "contentType", `8`, document.Attributes{}},
		{"type as long as can be", "contentType", `"` + big[:255] + `"`, document.Attributes{ContentType: big[:255]}},
		{"type too long", "contentType", `"` + big[:256] + `"`, document.Attributes{}},
		{"MD5", "md5Hash", `"kAFQmDzST7DWlj99KOF/cg=="`, document.Attributes{MD5: "900150983cd24fb0d6963f7d28e17f72"}},
		{"MD5 null", "md5Hash", `null`, document.Attributes{}},
		{"MD5 in hex", "md5Hash", `"900150983cd24fb0d6963f7d28e17f72"`, document.Attributes{}},
		{"MD5 too short", "md5Hash", `"kAFQmA=="`, document.Attributes{}},
		{"no metadata", "metadata", `{}`, document.Attributes{}},
		{"metadata null", "metadata", `null`, document.Attributes{}},
		{"metadata a list", "metadata", `["a"]`, document.Attributes{}},
		{"metadata of all types", "metadata", `{"s":"v","e":"","n":1e999,"t":true,"z":null,"l":[1],"o":{"x":"y"}}`,
			document.Attributes{Metadata: map[string]string{"s": "v", "e": "", "n": "1e999", "t": "true"}}},
		{"metadata of no use", "metadata", `{"z":null}`, document.Attributes{}},
		{"metadata at its limit", "metadata", `{"k":"` + big[1:] + `"}`,
			document.Attributes{Metadata: map[string]string{"k": big[1:]}}},
		{"metadata over its limit", "metadata", `{"k":"` + big + `"}`, document.Attributes{}},
	} {
		ev, err := Decode(received(TypeFinalized, "", with(tt.key, tt.value)))
		if err != nil || !reflect.DeepEqual(ev.Attributes, tt.want) {
			t.Errorf("%s: %.200v, %v", tt.name, ev.Attributes, err)
		}
	}
}

func TestDecodeNames(t *testing.T) {
	for _, name := range hostileNames {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		ce := received(TypeFinalized, "", strings.Replace(minimal, `"n"`, string(quoted), 1))
		ce.SetSubject("objects/another")
		if ev, err := Decode(ce); err != nil || ev.Name != name {
			t.Errorf("%q: %q, %v", name, ev.Name, err)
		}
	}
}

func TestDecodeTime(t *testing.T) {
	const all = `"2026-01-02T03:04:05.678901234+01:00","timeDeleted":"2026-03-03T00:00:00Z","updated":"2026-05-05T00:00:00Z"`
	at := func(month time.Month) time.Time { return time.Date(2026, month, int(month), 0, 0, 0, 0, time.UTC) }
	created := time.Date(2026, 1, 2, 2, 4, 5, 678901234, time.UTC)
	for _, tt := range []struct {
		name, typ string
		ce        time.Time
		data      string
		want      time.Time
	}{
		{"the event's", TypeFinalized, at(9).In(time.FixedZone("", 3600)), with("timeCreated", all), at(9)},
		{"created", TypeFinalized, time.Time{}, with("timeCreated", all), created},
		{"deleted", TypeDeleted, time.Time{}, with("timeCreated", all), at(3)},
		{"archived", TypeArchived, time.Time{}, with("timeCreated", all), at(3)},
		{"updated", TypeFinalized, time.Time{}, with("updated", `"2026-05-05T00:00:00Z"`), at(5)},
		{"updated, deleted", TypeDeleted, time.Time{}, with("updated", `"2026-05-05T00:00:00Z"`), at(5)},
		{"none", TypeFinalized, time.Time{}, minimal, time.Time{}},
		{"broken", TypeFinalized, time.Time{}, with("timeCreated", `"yesterday"`), time.Time{}},
		{"a number", TypeFinalized, time.Time{}, with("timeCreated", `17`), time.Time{}},
		{"year 0", TypeFinalized, time.Time{}, with("timeCreated", `"0000-06-01T00:00:00Z"`), time.Time{}},
		{"year 10000", TypeFinalized, time.Time{}, with("timeCreated", `"9999-12-31T23:59:59-01:00"`), time.Time{}},
	} {
		ce := received(tt.typ, "", tt.data)
		if !tt.ce.IsZero() {
			ce.SetTime(tt.ce)
		}
		ev, err := Decode(ce)
		if err != nil || !ev.Time.Equal(tt.want) || ev.Time.Location() != time.UTC {
			t.Errorf("%s: %v, %v; want %v", tt.name, ev.Time, err, tt.want)
		}
	}
}

func TestDecodeID(t *testing.T) {
	for id, want := range map[string]string{
		"9251834470915227":             "9251834470915227",
		" a\r\nb\x00 ":                 "a\uFFFD\uFFFDb\uFFFD",
		"caf\xe9":                      "caf\uFFFD",
		strings.Repeat("x", 300):       strings.Repeat("x", 256),
		strings.Repeat("é", 200):       strings.Repeat("é", 128),
		"x" + strings.Repeat("é", 200): "x" + strings.Repeat("é", 127),
	} {
		ce := received(TypeFinalized, "", minimal)
		ce.SetID(id)
		if ev, err := Decode(ce); err != nil || ev.ID != want {
			t.Errorf("%q: %q, %v; want %q", id, ev.ID, err, want)
		}
	}
}
