package event

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
)

// FuzzDecode: Decode never panics; accepted events are as promised, and survive Encode and Decode.
func FuzzDecode(f *testing.F) {
	f.Add(TypeFinalized, "application/json", "1", int64(1795428131), string(golden(f).Data()))
	f.Add(TypeDeleted, "", "\r\n", int64(0), minimal)
	f.Add(TypeArchived, "application/protobuf", "", int64(-1)<<40, minimal)
	f.Add(TypeFinalized, "", "é", int64(1)<<50, with("metadata", `{"k":1e999,"\ud800":[]}`))
	f.Add(TypeFinalized, "", "x", int64(0), with("timeCreated", `"9999-12-31T23:59:59.999999999-23:59"`))
	f.Add(TypeFinalized, "", "x", int64(0), with("size", `-9223372036854775808`))
	f.Fuzz(func(t *testing.T, typ, contentType, id string, seconds int64, data string) {
		ce := received(typ, contentType, data)
		ce.SetID(id)
		if seconds != 0 {
			ce.SetTime(time.Unix(seconds, 1))
		}
		ev, err := Decode(ce)
		if err != nil {
			if errors.Is(err, ErrOtherType) == errors.Is(err, ErrMalformed) {
				t.Fatalf("not one of both: %v", err)
			}
			return
		}
		checkPromises(t, ev)
		if ev.ID == "" {
			ev.ID = "x" // the handler refuses such an event before
		}
		back, err := Encode(ev)
		if err != nil {
			t.Fatalf("%+v: %v", ev, err)
		}
		if again, err := Decode(back); err != nil || !reflect.DeepEqual(again, ev) {
			t.Fatalf("%v\n%+v\n%+v", err, again, ev)
		}
		for _, c := range []byte(back.Subject()) {
			if c <= ' ' || c > '~' {
				t.Fatalf("subject %q", back.Subject())
			}
		}
	})
}

func checkPromises(t *testing.T, ev document.Event) {
	t.Helper()
	if ev.Bucket == "" || strings.Contains(ev.Bucket, "/") || ev.Generation <= 0 || ev.Size < 0 ||
		ev.Name == "" || len(ev.Name) > 1024 || len(ev.ID) > 256 || len(ev.ContentType) > 255 {
		t.Fatalf("%+v", ev)
	}
	for _, s := range []string{ev.Bucket, ev.Name, ev.ID, ev.ContentType} {
		if !utf8.ValidString(s) {
			t.Fatalf("%q is not UTF-8", s)
		}
	}
	if y := ev.Time.Year(); y < 1 || y > 9999 || ev.Time.Location() != time.UTC {
		t.Fatalf("time %v", ev.Time)
	}
}

// FuzzHTTP: any object that Encode accepts passes through the SDK's HTTP encoder unchanged.
func FuzzHTTP(f *testing.F) {
	for _, name := range hostileNames {
		f.Add("b", name, int64(7), "image/png", "1")
		f.Add(name, "n", int64(7), "image/png", "1")
	}
	f.Fuzz(func(t *testing.T, bucket, name string, generation int64, contentType, id string) {
		ev := eventOf(document.KindFinalized, name, strings.ToValidUTF8(contentType, ""))
		ev.Bucket, ev.Generation, ev.ID = bucket, generation, id
		if len(ev.ContentType) > maxContentType {
			return
		}
		ce, err := Encode(ev)
		if err != nil {
			return
		}
		r, err := cloudevents.NewHTTPRequestFromEvent(t.Context(), "http://127.0.0.1/", ce)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cloudevents.NewEventFromHTTPRequest(r)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Decode(*got); err != nil || !reflect.DeepEqual(again, ev) {
			t.Fatalf("%v\n%+v\n%+v", err, again, ev)
		}
	})
}

// FuzzFilter: there is a reason if and only if the event is skipped, it is always the same, and the rule that it names
// is violated.
func FuzzFilter(f *testing.F) {
	f.Add("in/**", "**/tmp/*", "in/tmp/a.png", "image/png")
	f.Add("**", "[", "a/", "text/plain; x")
	f.Fuzz(func(t *testing.T, include, exclude, name, contentType string) {
		filter, err := NewFilter([]string{include}, []string{exclude})
		if err != nil {
			return
		}
		ev := eventOf(document.KindFinalized, name, contentType)
		reason, skip := filter.Skip(ev)
		if skip != (reason != "") {
			t.Fatalf("%q, %v", reason, skip)
		}
		ev.Kind = document.KindDeleted
		if again, _ := filter.Skip(ev); again != reason {
			t.Fatalf("%q for a deletion, %q before", again, reason)
		}
		if bare, skip := (Filter{}).Skip(ev); skip && reason == "" {
			t.Fatalf("%q without globs, accepted with", bare)
		}
		if strings.HasSuffix(name, "/") && reason != ReasonFolder {
			t.Fatalf("%q: %q", name, reason)
		}
	})
}

// FuzzGlob compares with a slow, simple matcher.
func FuzzGlob(f *testing.F) {
	f.Add("a/**/b", "a/x/b")
	f.Add("**/[!a-c]?*", "x//\n/d.png")
	f.Add("[]-a]**/", "]/")
	f.Add("x**/y", "x/a/y")
	f.Fuzz(func(t *testing.T, glob, name string) {
		if len(glob) > 24 || len(name) > 24 || !utf8.ValidString(name) {
			return
		}
		re, err := compileGlob(glob)
		if err != nil {
			return
		}
		if got, want := re.MatchString(name), slowGlob([]rune(glob), []rune(name), true); got != want {
			t.Fatalf("%q takes %q: %v, want %v (%s)", glob, name, got, want, re)
		}
	})
}
