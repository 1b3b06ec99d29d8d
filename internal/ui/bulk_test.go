package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// TestDelete: a document is deleted once, only as it was seen; refusals have a reason.
func TestDelete(t *testing.T) {
	d := newDesk(t)
	id, kept := d.write("a.png", text("secret")), d.write("kept.png", text("x"))
	seen := d.store.Record(id).Write
	remove := func(id, version string) (int, string) {
		code, _, body := d.ask("POST", "/api/documents/"+id+"/delete", fmt.Sprintf(`{"version":%q}`, version), nil)
		return code, body
	}
	d.write("a.png", text("newer"))
	if code, body := remove(id, seen); code != 409 || !strings.Contains(body, "changed in the meantime") {
		t.Errorf("what was changed: %d %s", code, body)
	}
	if code, body := remove(id, d.store.Record(id).Write); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	if r := d.store.Record(id); r.Status != document.StatusDeleted || r.Text != "" {
		t.Errorf("%+v", r)
	}
	if code, body := remove(kept, d.store.Record(kept).Write); code != 409 || !strings.Contains(body, "It is kept.") {
		t.Errorf("refused: %d %s", code, body)
	}
	if code, _ := remove("0000", "x"); code != 404 {
		t.Errorf("no document: %d", code)
	}
	if code, _, _ := d.ask("POST", "/api/documents/"+id+"/delete", "{", nil); code != 400 {
		t.Errorf("no version: %d", code)
	}
	d.server.c.Delete = nil
	if code, _ := remove(id, "x"); code != 400 {
		t.Errorf("a page that deletes nothing: %d", code)
	}
}

// TestExport: the selected documents are served as one file, each once; an interrupted export is recognisably
// incomplete; the number of orders is bounded.
func TestExport(t *testing.T) {
	d := newDesk(t)
	a, b, bad := d.write("a.png", text("text a")), d.write("b.png", text("text b")),
		d.write("unreadable.png", text("x"))
	for _, id := range []string{a, b, bad} {
		d.known(id)
	}
	order := func(ids ...string) (int, string) {
		body, err := json.Marshal(map[string][]string{"documents": ids})
		if err != nil {
			t.Fatal(err)
		}
		code, _, answer := d.ask("POST", "/api/exports", string(body), nil)
		var got struct{ File string }
		_ = json.Unmarshal([]byte(answer), &got)
		return code, got.File
	}
	code, file := order(b, a, b)
	if code != 200 {
		t.Fatal(code)
	}
	for range 2 {
		code, h, body := d.ask("GET", file, "", func(r *http.Request) { r.Header.Del(tokenHeader) })
		if code != 200 || body != "text b\ntext a\n" || h.Get("Content-Type") != "application/zip" ||
			!strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
			t.Errorf("%d %v %q", code, h, body)
		}
	}
	_, cut := order(a, bad)
	resp, err := http.Get(d.url + cut)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("an export that broke off looks whole")
	}
	for name, ids := range map[string][]string{"none": {}, "unknown": {a, "x"},
		"too many": strings.Split(strings.Repeat(a+",", exportMost)+a, ",")} {
		if code, _ := order(ids...); code == 200 {
			t.Errorf("%s: %d", name, code)
		}
	}
	for range exportOrders {
		order(a)
	}
	if code, _, _ := d.ask("GET", file, "", nil); code != 404 || len(d.server.orders.list) != exportOrders {
		t.Errorf("the oldest order: %d, %d are kept", code, len(d.server.orders.list))
	}
	d.server.c.Export = nil
	if code, _ := order(a); code != 400 {
		t.Errorf("a page that exports nothing: %d", code)
	}
}
