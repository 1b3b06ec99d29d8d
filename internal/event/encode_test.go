package event

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
)

// hostileNames are legal in Cloud Storage, except for the line breaks.
var hostileNames = []string{
	"a//b.png", "/lead.png", "x/..", "..", " trailing ", "tab\there.png", "line\nfeed\r.png", "\x00\x7f", "50%.png",
	"a%2Fb.png", "#?&.png", `q"uo'te.png`, `back\slash.png`, "__x__", "grüße 📄.png", "\u2028", "<a>&.png", "%d%s%!",
	"\uFFFD.png", "folder/", strings.Repeat("é", 512),
}

func TestEncodeGolden(t *testing.T) {
	want := golden(t)
	got, err := Encode(goldenEvent())
	if err != nil {
		t.Fatal(err)
	}
	want.SetSubject("objects/inbox/2026-11/Rechnung%207.png") // as in the HTTP binding
	if !reflect.DeepEqual(got.Context, want.Context) {
		t.Errorf("got  %v\nwant %v", got.Context, want.Context)
	}
	var sent, genuine map[string]any
	if err := json.Unmarshal(got.Data(), &sent); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(want.Data(), &genuine); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"storageClass", "crc32c", "etag", "timeStorageClassUpdated"} {
		delete(genuine, key) // an Event does not know these
	}
	for _, key := range []string{"timeCreated", "updated"} {
		genuine[key] = want.Time().Format(time.RFC3339Nano) // nor the object's own time
	}
	if !reflect.DeepEqual(sent, genuine) {
		t.Errorf("data\ngot  %v\nwant %v", sent, genuine)
	}
	if got.DataBase64 {
		t.Error("data would be base64 in structured mode")
	}
}

// post sends an event over HTTP like the local bucket, and returns the event that the SDK decodes.
func post(t *testing.T, ce cloudevents.Event) cloudevents.Event {
	t.Helper()
	var got *cloudevents.Event
	var err error
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, err = cloudevents.NewEventFromHTTPRequest(r)
	}))
	defer server.Close()
	r, reqErr := cloudevents.NewHTTPRequestFromEvent(t.Context(), server.URL, ce)
	if reqErr != nil {
		t.Fatal(reqErr)
	}
	res, sendErr := server.Client().Do(r)
	if sendErr != nil {
		t.Fatal(sendErr)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Validate(); err != nil {
		t.Fatal(err)
	}
	return *got
}

func TestRoundTripOverHTTP(t *testing.T) {
	for _, name := range hostileNames {
		for _, kind := range []document.Kind{document.KindFinalized, document.KindDeleted} {
			want := goldenEvent()
			want.Kind, want.Name, want.ID = kind, name, "événement 1"
			ce, err := Encode(want)
			if err != nil {
				t.Fatalf("%q: %v", name, err)
			}
			got, err := Decode(post(t, ce))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%q: %v\ngot  %+v\nwant %+v", name, err, got, want)
			}
		}
	}
}

// Locally, the bucket is named after the folder.
func TestRoundTripOfFolders(t *testing.T) {
	for _, bucket := range []string{
		"Meine Scans (1)", "größe", " ", "a\nb", "50%", "a%20b", `q"`, "?x#y", "a:b", "[::1]", "..", `a\b`, "\x00",
		strings.Repeat("b", 255),
	} {
		want := goldenEvent()
		want.Bucket = bucket
		ce, err := Encode(want)
		if err != nil {
			t.Errorf("%q: %v", bucket, err)
			continue
		}
		if got, err := Decode(post(t, ce)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v\ngot  %+v\nwant %+v", bucket, err, got, want)
		}
	}
}

func TestRoundTripBare(t *testing.T) {
	want := document.Event{
		Kind: document.KindDeleted, ID: "x", Object: document.Object{Bucket: "b", Name: "n", Generation: math.MaxInt64},
	}
	ce, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(post(t, ce)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// A deletion does not claim to know when the object was made.
func TestEncodeTimesOfData(t *testing.T) {
	for kind, want := range map[document.Kind]string{document.KindFinalized: "timeCreated",
		document.KindDeleted: "timeDeleted"} {
		ev := goldenEvent()
		ev.Kind = kind
		ce, err := Encode(ev)
		if err != nil {
			t.Fatal(err)
		}
		var data fields
		if err := json.Unmarshal(ce.Data(), &data); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"timeCreated", "timeDeleted"} {
			if got := !data.time(key).IsZero(); got != (key == want) {
				t.Errorf("%s: has %s: %v", kind, key, got)
			}
		}
	}
}

func TestEncodeTimeInUTC(t *testing.T) {
	ev := goldenEvent()
	ev.Time = ev.Time.In(time.FixedZone("", -5*3600))
	ce, err := Encode(ev)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(ce); err != nil || !reflect.DeepEqual(got, goldenEvent()) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for want, change := range map[string]func(*document.Event){
		"unknown kind":          func(ev *document.Event) { ev.Kind = "moved" },
		"no event id":           func(ev *document.Event) { ev.ID = "" },
		"no event id: \"a":      func(ev *document.Event) { ev.ID = "a\r\nx-evil: 1" },
		"negative size":         func(ev *document.Event) { ev.Size = -1 },
		"years 1 to 9999":       func(ev *document.Event) { ev.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no bucket's name":      func(ev *document.Event) { ev.Bucket = "a/b" },
		"no object name":        func(ev *document.Event) { ev.Name = "" },
		"1025 bytes":            func(ev *document.Event) { ev.Name = strings.Repeat("n", 1025) },
		"bucket's name: \"":     func(ev *document.Event) { ev.Bucket = "" },
		`bucket's name: "b\xe9`: func(ev *document.Event) { ev.Bucket = "b\xe9" },
		"not UTF-8":             func(ev *document.Event) { ev.Name = "caf\xe9.png" },
		"not above 0":           func(ev *document.Event) { ev.Generation = 0 },
	} {
		ev := goldenEvent()
		change(&ev)
		if _, err := Encode(ev); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestSweep(t *testing.T) {
	at := time.Date(2026, 11, 23, 11, 0, 0, 5, time.FixedZone("", 3600))
	got := post(t, Sweep("sweep 7\n", at))
	if got.Type() != TypeSweep || got.ID() != "sweep%207%0A" || !got.Time().Equal(at) || len(got.Data()) != 0 {
		t.Errorf("%v", got)
	}
}

func TestPercentEncode(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a/B-9_.~!#$&'()*+,;=:@[]{}|^`<>?\\": "a/B-9_.~!#$&'()*+,;=:@[]{}|^`<>?\\",
		"a b": "a%20b", "100%": "100%25", `"`: "%22", "\r\n\x00\x7f": "%0D%0A%00%7F", "é€": "%C3%A9%E2%82%AC",
	} {
		if got := percentEncode(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
