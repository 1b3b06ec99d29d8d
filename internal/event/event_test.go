package event

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
)

// minimal is the least data that names an object.
const minimal = `{"bucket":"b","name":"n","generation":"7"}`

// received returns the event that arrives with this data.
func received(typ, contentType, data string) cloudevents.Event {
	ce := cloudevents.NewEvent()
	ce.SetID("1")
	ce.SetType(typ)
	ce.SetSource("//storage.googleapis.com/projects/_/buckets/b")
	if contentType != "" {
		ce.SetDataContentType(contentType)
	}
	ce.DataEncoded = []byte(data)
	return ce
}

// golden reads testdata/finalized.http, the example of the contract, like the handler.
func golden(t testing.TB) cloudevents.Event {
	t.Helper()
	raw, err := os.ReadFile("testdata/finalized.http")
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := bytes.Cut(raw, []byte("\n\n"))
	in := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(head, "\n\n"...))))
	if _, err := in.ReadLine(); err != nil {
		t.Fatal(err)
	}
	header, err := in.ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header(header)
	ce, err := cloudevents.NewEventFromHTTPRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := ce.Validate(); err != nil {
		t.Fatal(err)
	}
	return *ce
}

func goldenEvent() document.Event {
	return document.Event{
		Kind: document.KindFinalized,
		ID:   "9251834470915227",
		Time: time.Date(2026, 11, 23, 10, 2, 11, 482913000, time.UTC),
		Object: document.Object{Bucket: "acme-scans", Name: "inbox/2026-11/Rechnung 7.png",
			Generation: 1795428131470921},
		Attributes: document.Attributes{
			ContentType: "image/png", Size: 481233, MD5: "d41d8cd98f00b204e9800998ecf8427e",
			Metadata: map[string]string{"uploader": "scanner-3"},
		},
	}
}

// with returns minimal with one more member.
func with(key, value string) string {
	return strings.TrimSuffix(minimal, "}") + `,"` + key + `":` + value + `}`
}
