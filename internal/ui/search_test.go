package ui

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// TestSearchAnswers: with what the store finds, of documents that the page shows, whatever is searched for; and says so
// where texts are not searched, or the store fails.
func TestSearchAnswers(t *testing.T) {
	d := newDesk(t)
	id := d.write("a.png", text("x"))
	d.known(id)
	var asked string
	d.server.c.Search = func(_ context.Context, query string, limit int) ([]Hit, bool, error) {
		if asked = query; query == "broken" {
			return nil, false, document.ErrStoreUnavailable
		}
		return []Hit{{ID: "elsewhere", Line: []string{"hidden"}}, {ID: id, Line: []string{"", attackLine, ""}}},
			limit == searchMost, nil
	}
	search := func(query string) (int, http.Header, string) {
		return d.ask("GET", "/api/search?q="+url.QueryEscape(query), "", nil)
	}
	hostile := `" OR 1=1; <script>` + "\x00"
	code, h, body := search(hostile)
	var got struct {
		Hits []Hit
		More bool
	}
	if err := json.Unmarshal([]byte(body), &got); code != 200 || err != nil || len(got.Hits) != 1 ||
		got.Hits[0].ID != id || !got.More || asked != hostile {
		t.Errorf("%d %s, asked for %q", code, body, asked)
	}
	if strings.Contains(body, "<script>") || !strings.HasPrefix(h.Get("Content-Type"), "application/json") {
		t.Errorf("%v %s", h, body)
	}
	if code, _, body := search("broken"); code != 502 || !strings.Contains(body, "is not responding") {
		t.Errorf("the store fails: %d %s", code, body)
	}
	if code, _, _ := d.ask("GET", "/api/search?q=x", "", func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}); code != 403 {
		t.Errorf("another site: %d", code)
	}
	d.server.c.Search = nil
	if code, _, _ := search("x"); code != 404 {
		t.Errorf("no search: %d", code)
	}
}

const attackLine = "<script>alert(1)</script>"
