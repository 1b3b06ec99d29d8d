package ui

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// TestDownload: a document can be downloaded as Markdown, plain text, JSON and the original file, and in no other
// format.
func TestDownload(t *testing.T) {
	d := newDesk(t)
	d.bucket.PutAs("box/a.png", 7, []byte("the object"))
	id := d.write("box/a.png", func(r *document.Record) {
		r.Bucket, r.Text = "bucket", "# Title\n\nsome *words*\n\n<table><tr><td>a</td><td>b</td></tr></table>"
	})
	two := d.write("two.pdf", func(r *document.Record) { r.Text, r.Pages, r.PagesDone = "a\n\f\nb", 2, 2 })
	d.known(id)
	for _, c := range []struct {
		id, as, name, contentType, body string
		status                          int
	}{
		{id, "markdown", "a.md", "text/markdown; charset=utf-8", d.store.Record(id).Text, 200},
		{id, "text", "a.txt", "text/plain; charset=utf-8", "Title\n\nsome words\n\na\tb\n", 200},
		{id, "original", "a.png", "application/octet-stream", "the object", 200},
		{two, "markdown", "two.md", "text/markdown; charset=utf-8", "a\n\f\nb", 200},
		{id, "html", "", "", "", 400},
		{id, "", "", "", "", 400},
		{strings.Repeat("0", 64), "text", "", "", "", 404},
		{strings.Repeat("0", 64), "original", "", "", "", 404},
		{two, "original", "", "", "", 404}, // its object is gone
	} {
		code, h, body := d.ask("GET", "/api/documents/"+c.id+"/download?as="+c.as, "", nil)
		if code != c.status {
			t.Errorf("%s: %d %s", c.as, code, body)
		}
		if code != 200 {
			continue
		}
		kind, named, err := mime.ParseMediaType(h.Get("Content-Disposition"))
		if err != nil || kind != "attachment" || named["filename"] != c.name ||
			h.Get("Content-Type") != c.contentType || body != c.body {
			t.Errorf("%s: %v, %v\n%q", c.as, h, err, body)
		}
	}
	_, _, body := d.ask("GET", "/api/documents/"+two+"/download?as=json", "", nil)
	var got struct {
		Document struct{ Name string }
		Pages    []struct{ Text string }
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Document.Name != "two.pdf" || len(got.Pages) != 2 ||
		got.Pages[1].Text != "b" {
		t.Errorf("%v\n%s", err, body)
	}
}

// TestHostileDownload: whatever an object's name and content, browsers save it under a harmless name and run none of
// it.
func TestHostileDownload(t *testing.T) {
	d := newDesk(t)
	for _, name := range []string{
		`a".html`, "a\r\nSet-Cookie: x=1.png", "../../etc/passwd", "..", `C:\x\y.png`, "x\u202egnp.exe",
		strings.Repeat("long", 200) + ".png",
		"日本語.pdf", ".htaccess", "a;filename=b.html", "<script>.png", "a/", "x." + strings.Repeat("e", 300),
	} {
		d.bucket.PutAs(name, 7, []byte("<html><script>alert(1)</script>"))
		id := d.write(name, func(r *document.Record) { r.Bucket, r.Text = "bucket", `<script>alert(1)</script>` })
		d.known(id)
		for _, as := range []string{"markdown", "text", "json", "original"} {
			code, h, body := d.ask("GET", "/api/documents/"+id+"/download?as="+as, "", nil)
			kind, named, err := mime.ParseMediaType(h.Get("Content-Disposition"))
			file := named["filename"]
			if code != 200 || err != nil || kind != "attachment" {
				t.Errorf("%q as %s: %d, %v, %q, %.80s", name, as, code, err, h.Get("Content-Disposition"), body)
				continue
			}
			if file == "" || strings.ContainsAny(file, "/\\:\r\n\"<>\u202e") || strings.HasPrefix(file, ".") ||
				len([]rune(file)) > maxFileName+12 {
				t.Errorf("%q as %s becomes %q", name, as, file)
			}
			if ct := h.Get("Content-Type"); strings.Contains(ct, "html") ||
				h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Security-Policy") != policy ||
				h.Get("Set-Cookie") != "" {
				t.Errorf("%q as %s: %v", name, as, h)
			}
		}
		if code, _, _ := d.ask("GET", "/api/documents/"+id+"/download?as=original", "", func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}); code != 403 {
			t.Errorf("another site gets it: %d", code)
		}
	}
}
