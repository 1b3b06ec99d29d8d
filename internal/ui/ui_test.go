package ui

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/page"
)

// desk is a page with a store in memory.
type desk struct {
	t      *testing.T
	store  *documenttest.Memory
	bucket *documenttest.Bucket
	mu     sync.Mutex // for files: a page sends several at a time
	files  map[string]string
	server *Server
	url    string
}

func newDesk(t *testing.T) *desk { return newestDesk(t, 0) }

// newestDesk returns a page of only the documents created last; 0: all.
func newestDesk(t *testing.T, newest int) *desk {
	d := &desk{t: t, store: documenttest.NewMemory(), bucket: documenttest.NewBucket(), files: map[string]string{}}
	d.server = New(Config{
		Watch: d.store.Watch, Records: d.store, Images: d.bucket, Upload: d, Retry: d, Delete: d, Export: d,
		Place: "folder inbox", Newest: newest, MaxBytes: 1 << 20,
		Limits: page.Limits{MaxBytes: 1 << 20, MaxPixels: 1e7, MaxPages: 100},
	})
	ctx, end := context.WithCancel(context.Background())
	ran := make(chan error)
	go func() { ran <- d.server.Run(ctx) }()
	web := httptest.NewServer(d.server.Handler())
	d.url = web.URL
	t.Cleanup(func() {
		end()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		web.CloseClientConnections()
		web.Close()
	})
	return d
}

// Put implements [Uploader].
func (d *desk) Put(_ context.Context, name string, content io.Reader, replace bool) error {
	b, err := io.ReadAll(content)
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.files[name]; there && !replace {
		return ErrExists
	}
	if strings.HasSuffix(name, ".txt") {
		return NotTaken("Not an image or a PDF.")
	}
	if err == nil {
		d.files[name] = string(b)
	}
	return err
}

// Retry implements [Retrier].
func (d *desk) Retry(ctx context.Context, seen *document.Stored, redo func(document.Page) bool) error {
	_, err := document.Retry(ctx, d.store, seen, "operator", redo)
	return err
}

// Delete implements [Deleter].
func (d *desk) Delete(ctx context.Context, seen *document.Stored) error {
	if strings.HasPrefix(seen.Name, "kept") {
		return Refusal("It is kept.")
	}
	_, err := document.Update(ctx, d.store, seen.Object().ID(), document.Seen(seen),
		func(old *document.Record) (*document.Change, error) {
			ev := document.Event{Kind: document.KindDeleted, Object: old.Object()}
			change, _ := document.Remove(old, ev, true, time.Now())
			return change, nil
		})
	return err
}

// Export implements [Exporter].
func (d *desk) Export(ctx context.Context, w io.Writer, ids []string) error {
	for _, id := range ids {
		r, err := d.store.Get(ctx, id)
		if err != nil {
			return err
		}
		if strings.HasPrefix(r.Name, "unreadable") {
			return document.ErrStoreUnavailable
		}
		if _, err := io.WriteString(w, r.Text+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// write puts a record, with pages, for an object in the bucket.
func (d *desk) write(name string, change func(*document.Record), pages ...document.Page) string {
	d.t.Helper()
	o := document.Object{Bucket: "scans", Name: name, Generation: 7}
	now := time.Now()
	_, err := document.Update(d.t.Context(), d.store, o.ID(), document.Unread(),
		func(old *document.Record) (*document.Change, error) {
			r := &document.Record{Bucket: o.Bucket, Name: name, Generation: 7, Status: document.StatusDone, Pages: 1,
				PagesDone: 1, Attempt: 1, WindowStart: now}
			if old != nil {
				*r = *old
			}
			change(r)
			for i := range pages {
				pages[i].Generation = 7
			}
			return &document.Change{
				Record: r, Stamps: document.StampCreated | document.StampStarted | document.StampFinished,
				Pages: pages}, nil
		})
	if err != nil {
		d.t.Fatal(err)
	}
	return o.ID()
}

// known waits until the page's server has the current record.
func (d *desk) known(id string) {
	d.t.Helper()
	for late := time.Now().Add(3 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		d.server.feed.mu.Lock()
		version := d.server.feed.entries[id].version
		d.server.feed.mu.Unlock()
		if version == d.store.Record(id).Write {
			return
		}
		if time.Now().After(late) {
			d.t.Fatal("the page does not learn of the record")
		}
	}
}

func text(s string) func(*document.Record) { return func(r *document.Record) { r.Text = s } }

func failed(code string) func(*document.Record) {
	return func(r *document.Record) {
		r.Status, r.Pages, r.PagesDone, r.Text = document.StatusFailed, 0, 0, ""
		r.Error = &document.Error{Code: code, Message: "what happened"}
	}
}

// ask sends a request like the page's, modified by the caller, and returns status, header and body.
func (d *desk) ask(method, path, body string, change func(*http.Request)) (int, http.Header, string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Origin", d.url)
	req.Header.Set(tokenHeader, d.server.token)
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func dot(width, height int) []byte { return encoded(image.NewGray(image.Rect(0, 0, width, height))) }

// noise is a picture that compresses badly.
func noise(width, height int) []byte {
	m := image.NewGray(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = byte(i * i * i >> 7 * 31)
	}
	return encoded(m)
}

func encoded(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestGuard: access control. Every row except the first is an attack or a mistake.
func TestGuard(t *testing.T) {
	d := newDesk(t)
	id := d.write("a.png", failed(document.CodeCorrupt))
	retry := "/api/documents/" + id + "/retry"
	good := fmt.Sprintf(`{"version":%q}`, d.store.Record(id).Write)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, c := range []struct {
		name, method, path string
		change             func(*http.Request)
		want               int
	}{
		{"the page", "GET", "/", nil, 200},
		{"rebinding", "GET", "/", func(r *http.Request) { r.Host = "evil.example" }, 421},
		{"rebinding with a port", "GET", "/api/documents/" + id, func(r *http.Request) { r.Host = "evil.example:7275" },
			421},
		{"a name that ends like ours", "GET", "/", func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, 421},
		{"localhost", "GET", "/", func(r *http.Request) { r.Host = "LOCALHOST:1" }, 200},
		{"an address", "GET", "/", func(r *http.Request) { r.Host = "[::1]:1" }, 200},
		{"another site reads", "GET", "/api/documents/" + id, set("Sec-Fetch-Site", "cross-site"), 403},
		{"another port reads", "GET", "/api/documents/" + id, set("Sec-Fetch-Site", "same-site"), 403},
		{"another site changes", "POST", retry, set("Sec-Fetch-Site", "cross-site"), 403},
		{"a link followed", "POST", retry, set("Sec-Fetch-Site", "none"), 403},
		{"another origin", "POST", retry, func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "http://evil.example")
		}, 403},
		{"no origin at all", "POST", retry, func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Del("Origin")
		}, 403},
		{"no token", "POST", retry, set(tokenHeader, ""), 403},
		{"a wrong token", "POST", "/api/files?name=x.png", set(tokenHeader, "x"), 403},
		{"another site deletes", "POST", "/api/documents/" + id + "/delete", set("Sec-Fetch-Site", "cross-site"), 403},
		{"no token to delete", "POST", "/api/documents/" + id + "/delete", set(tokenHeader, ""), 403},
		{"another site exports", "POST", "/api/exports", set("Sec-Fetch-Site", "same-site"), 403},
		{"another site fetches an export", "GET", "/api/exports/x", set("Sec-Fetch-Site", "cross-site"), 403},
		{"another site looks at a thumbnail", "GET", "/api/documents/" + id + "/thumbnail?generation=7",
			set("Sec-Fetch-Site", "cross-site"), 403},
	} {
		if got, _, body := d.ask(c.method, c.path, good, c.change); got != c.want {
			t.Errorf("%s: %d %s", c.name, got, body)
		}
	}
	if r := d.store.Record(id); r.Status != document.StatusFailed {
		t.Error("a refused request changed the record")
	}
	_, h, _ := d.ask("GET", "/", "", nil)
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "no-referrer",
	} {
		if h.Get(name) != want {
			t.Errorf("%s: %q", name, h.Get(name))
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Error("the policy lets something in")
	}
}

// TestKey: all parts of a page with a key are available only to browsers admitted by it; the key is removed from the
// address bar.
func TestKey(t *testing.T) {
	d := newDesk(t)
	d.server.c.Key = "open sesame 0123456789"
	id := d.write("a.png", text("secret"))
	query := "?key=" + url.QueryEscape(d.server.c.Key)
	with := func(cookie string) func(*http.Request) {
		return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: keyCookie, Value: cookie, Quoted: true}) }
	}
	for _, c := range []struct {
		name, method, path string
		change             func(*http.Request)
		want               int
	}{
		{"let in", "GET", "/", with(d.server.c.Key), 200},
		{"let in, a document", "GET", "/api/documents/" + id, with(d.server.c.Key), 200},
		{"nobody", "GET", "/", nil, 403},
		{"nobody, a script", "GET", "/page.js", nil, 403},
		{"nobody, a document", "GET", "/api/documents/" + id, nil, 403},
		{"nobody, its text", "GET", "/api/documents/" + id + "/text", nil, 403},
		{"nobody changes something", "POST", "/api/documents/" + id + "/retry" + query, nil, 403},
		{"another key", "GET", "/?key=x", nil, 403},
		{"no key", "GET", "/?key=", with(""), 403},
		{"a part of it", "GET", "/", with(d.server.c.Key[:5]), 403},
		{"rebinding with the key", "GET", "/" + query, func(r *http.Request) { r.Host = "evil.example" }, 421},
		{"let in, another site", "GET", "/api/documents/" + id, func(r *http.Request) {
			with(d.server.c.Key)(r)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		}, 403},
	} {
		got, _, body := d.ask(c.method, c.path, "", c.change)
		if got != c.want || got != 200 && strings.Contains(body, "secret") {
			t.Errorf("%s: %d %s", c.name, got, body)
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	for _, path := range []string{"//evil.example" + query, "/"} { // the second time without a key, as from a bookmark
		resp, err := browser.Get(d.url + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.Request.URL.String() != d.url+"/" {
			t.Errorf("%s led to %s, HTTP %d", path, resp.Request.URL, resp.StatusCode)
		}
	}
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := browser.Get(d.url + "/" + query)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if c := resp.Cookies(); len(c) != 1 || !c[0].HttpOnly || c[0].SameSite != http.SameSiteStrictMode ||
		c[0].MaxAge < 1e6 {
		t.Errorf("%+v", c)
	}
}

func TestRetry(t *testing.T) {
	d := newDesk(t)
	id := d.write("a.png", failed(document.CodeCorrupt))
	post := func(version string) (int, string) {
		code, _, body := d.ask("POST", "/api/documents/"+id+"/retry", fmt.Sprintf(`{"version":%q}`, version), nil)
		return code, body
	}
	if code, body := post("another"); code != 409 || !strings.Contains(body, "changed in the meantime") {
		t.Errorf("%d %s", code, body)
	}
	seen := d.store.Record(id).Write
	if code, body := post(seen); code != 200 {
		t.Errorf("%d %s", code, body)
	}
	if r := d.store.Record(id); r.Status != document.StatusRetrying || r.RetriedBy != "operator" || r.Due.IsZero() {
		t.Errorf("%+v", r)
	}
	if code, _ := post(seen); code != 409 {
		t.Errorf("a second time: %d", code)
	}
	d.write("a.png", func(r *document.Record) {
		failed(document.CodeCorrupt)(r)
		r.Notified = new(bool)
	})
	if code, body := post(d.store.Record(id).Write); code != 409 || !strings.Contains(body, "not been announced yet") {
		t.Errorf("not announced yet: %d %s", code, body)
	}
	if code, _, _ := d.ask("POST", "/api/documents/"+strings.Repeat("0", 64)+"/retry", `{"version":""}`,
		nil); code != 404 {
		t.Errorf("no record: %d", code)
	}
	if code, _, _ := d.ask("POST", "/api/documents/"+id+"/retry", strings.Repeat("x", 5000), nil); code != 400 {
		t.Errorf("no JSON: %d", code)
	}
}

// TestRetryOfDone: of a done document only the pages with warnings are read again, and stay until then; of a failed one
// none that succeeded.
func TestRetryOfDone(t *testing.T) {
	d := newDesk(t)
	pages := func() []document.Page {
		return []document.Page{{Page: 1, Text: "a"}, {Page: 2, Text: "b", Warnings: []string{document.WarnTruncated}}}
	}
	for _, status := range []document.Status{document.StatusDone, document.StatusFailed} {
		id := d.write(string(status)+".pdf", func(r *document.Record) { r.Status, r.Pages, r.PagesDone = status, 2, 2 },
			pages()...)
		d.ask("POST", "/api/documents/"+id+"/retry", fmt.Sprintf(`{"version":%q}`, d.store.Record(id).Write), nil)
		kept, err := d.store.Pages(t.Context(), id, 7)
		if err != nil || len(kept) != 2 {
			t.Errorf("%s: %d pages stay, %v", status, len(kept), err)
		}
		again := d.store.Record(id).Rereading
		if again == nil && status == document.StatusDone || again != nil && !slices.Equal(again.Pages, []int{2}) {
			t.Errorf("%s: %+v", status, again)
		}
	}
}

func TestUpload(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		query, body string
		want        int
	}{
		{"name=a%2Fb.png", "1", 200},
		{"name=a%2Fb.png", "2", 409},
		{"name=a%2Fb.png&replace=yes", "3", 200},
		{"name=c.txt", "4", 422},
		{"name=big.png", strings.Repeat("x", 1<<20+1), 413},
	} {
		if code, _, body := d.ask("POST", "/api/files?"+c.query, c.body, nil); code != c.want {
			t.Errorf("%s: %d %s", c.query, code, body)
		}
	}
	code, _, _ := d.ask("POST", "/api/files?name=endless.png", strings.Repeat("x", 1<<20+1), func(r *http.Request) {
		r.ContentLength = -1
	})
	if code != 413 {
		t.Errorf("of unknown length: %d", code)
	}
	if d.files["a/b.png"] != "3" || len(d.files) != 1 {
		t.Errorf("%v", d.files)
	}
}

// TestTurnedPageIsShownTurned: the list of pages says how a page was turned to be read, and its picture can be had so.
func TestTurnedPageIsShownTurned(t *testing.T) {
	d := newDesk(t)
	d.bucket.PutAs("a.png", 7, dot(40, 30))
	id := d.write("a.png", func(r *document.Record) { r.Bucket = "bucket" },
		document.Page{Page: 1, Turned: 90, Warnings: []string{document.WarnTurned}})
	d.known(id)
	if code, _, body := d.ask("GET", "/api/documents/"+id, "", nil); code != 200 ||
		!strings.Contains(body, `"turned":90`) {
		t.Errorf("%d %s", code, body)
	}
	for query, want := range map[string]image.Point{"": {40, 30}, "&turned=90": {30, 40}, "&turned=180": {40, 30},
		"&turned=270": {30, 40}} {
		code, _, body := d.ask("GET", "/api/documents/"+id+"/pages/1/image?generation=7"+query, "", nil)
		m, err := png.DecodeConfig(strings.NewReader(body))
		if code != 200 || err != nil || m.Width != want.X || m.Height != want.Y {
			t.Errorf("%q: %d, %d x %d, %v", query, code, m.Width, m.Height, err)
		}
	}
}

// TestImage: what is served is always made here; the bytes of an object never reach the browser as something else.
func TestImage(t *testing.T) {
	d := newDesk(t)
	put := func(name string, data []byte) string {
		d.bucket.PutAs(name, 7, data)
		id := d.write(name, func(r *document.Record) { r.Bucket = "bucket" })
		d.known(id)
		return "/api/documents/" + id + "/pages/1/image?generation=7"
	}
	good := put("a.png", dot(40, 30))
	for _, c := range []struct {
		name, path string
		image      bool
	}{
		{"good", good, true},
		{"again", good, true},
		{"no page", strings.Replace(good, "pages/1", "pages/2", 1), false},
		{"page 0", strings.Replace(good, "pages/1", "pages/0", 1), false},
		{"another generation", strings.Replace(good, "=7", "=8", 1), false},
		{"no document", "/api/documents/x/pages/1/image?generation=7", false},
		{"html", put("b.png", []byte("<html><script>alert(1)</script>")), false},
		{"svg", put("c.png", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>`)), false},
		{"empty", put("d.png", nil), false},
		{"turned by 45", good + "&turned=45", false},
	} {
		code, h, body := d.ask("GET", c.path, "", nil)
		if code != 200 {
			t.Errorf("%s: %d, which a browser calls an error", c.name, code)
		}
		if c.image && (h.Get("Content-Type") != "image/png" || h.Get("Content-Length") != strconv.Itoa(len(body))) {
			t.Errorf("%s: %v", c.name, h)
		}
		var said struct{ Error string }
		if !c.image && (!strings.HasPrefix(h.Get("Content-Type"), "application/json") ||
			h.Get("Cache-Control") != "no-store" ||
			json.Unmarshal([]byte(body), &said) != nil || !strings.HasSuffix(said.Error, ".")) {
			t.Errorf("%s: %v %.200s", c.name, h, body)
		}
	}
	if n := len(d.server.album.open); n != 1 {
		t.Errorf("%d files are open", n)
	}
}

// TestDocument: pages come from their documents, else from the joined text.
func TestDocument(t *testing.T) {
	d := newDesk(t)
	one := d.write("one.png", func(r *document.Record) { r.Text, r.Warnings = "# One", []string{document.WarnDamaged} })
	joined := d.write("joined.pdf", func(r *document.Record) { r.Text, r.Pages, r.PagesDone = "a\n\f\nb", 2, 2 })
	stored := d.write("stored.pdf", func(r *document.Record) { r.TextInPages, r.Pages = true, 3 },
		document.Page{Page: 1, Text: "first"}, document.Page{Page: 3, Text: "third", Blocks: []document.Block{
			{Label: "title", Box: [4]int{1, 2, 3, 4}, Text: "third"}}})
	get := func(id, rest string, v any) {
		t.Helper()
		code, _, body := d.ask("GET", "/api/documents/"+id+rest, "", nil)
		if code != 200 {
			t.Fatalf("%d %s", code, body)
		}
		if err := json.Unmarshal([]byte(body), v); err != nil {
			t.Fatal(err)
		}
	}
	var doc detail
	get(one, "", &doc)
	if len(doc.PageList) != 1 || !doc.PageList[0].Ready || len(doc.PageList[0].Warnings) != 1 || doc.Generation != "7" {
		t.Errorf("%+v", doc)
	}
	get(stored, "", &doc)
	if len(doc.PageList) != 3 || doc.PageList[1].Ready || doc.PageList[2].Blocks != 1 {
		t.Errorf("%+v", doc.PageList)
	}
	var pg pageText
	get(one, "/pages/1", &pg)
	if pg.Text != "# One" || pg.HTML != "<h1>One</h1>\n" {
		t.Errorf("%+v", pg)
	}
	pg = pageText{}
	get(stored, "/pages/3", &pg)
	if pg.HTML != "" || len(pg.Blocks) != 1 || pg.Blocks[0].HTML != "<p>third</p>\n" || pg.Blocks[0].Box != [4]int{
		1, 2, 3, 4} {
		t.Errorf("%+v", pg)
	}
	led := d.write("led.pdf", func(r *document.Record) { r.TextInPages, r.Pages = true, 1 },
		document.Page{Page: 1, Text: "INVOICE 4711\n\nDue, or over-\n\ndue.", Blocks: []document.Block{
			{Label: "image", Text: "a photo"}, {Label: "text", Text: "Due, or over-"}}})
	pg = pageText{}
	if get(led, "/pages/1", &pg); pg.HTML != "<p>INVOICE 4711</p>\n" || len(pg.Blocks) != 2 {
		t.Errorf("text before the first block: %+v", pg)
	}
	pg = pageText{}
	get(joined, "/pages/2", &pg)
	if pg.Text != "b" {
		t.Errorf("%+v", pg)
	}
	first := d.write("first.pdf", func(r *document.Record) {
		r.Pages, r.PagesDone, r.Warnings = 9, 1, []string{document.WarnPagesSkipped}
	},
		document.Page{Page: 1, Generation: 7, Text: "a"})
	if get(first, "", &doc); len(doc.PageList) != 1 || doc.Pages != 9 || doc.PagesDone != 1 {
		t.Errorf("of the first pages alone: %+v", doc)
	}
	if _, h, body := d.ask("GET", "/api/documents/"+joined+"/text", "", nil); body != "a\n\f\nb" ||
		!strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
		t.Errorf("%q %v", body, h)
	}
	for _, path := range []string{"x", stored + "/pages/2", stored + "/pages/4", stored + "/pages/x"} {
		if code, _, body := d.ask("GET", "/api/documents/"+path, "", nil); code != 404 {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

// TestEvents: all summaries are sent first, then changes; a client that reconnects receives only changes; only the
// first line of a text is sent.
func TestEvents(t *testing.T) {
	d := newDesk(t)
	id := d.write("a.png", text("a first line\n\nSECRET TEXT"))
	d.known(id)
	read, last := d.listen("")
	first := read("records")
	if !strings.Contains(first, `"a.png"`) || !strings.Contains(first, "a first line") ||
		strings.Contains(first, "SECRET") {
		t.Errorf("%s", first)
	}
	d.write("b.png", failed(document.CodeEmpty))
	if second := read("records"); !strings.Contains(second, `"b.png"`) || !strings.Contains(second, `"empty"`) ||
		strings.Contains(second, "a.png") {
		t.Errorf("%s", second)
	}
	if state := read("state"); !strings.Contains(state, "live") {
		t.Errorf("%s", state)
	}
	cut := last()
	d.write("c.png", text("x"))
	again, _ := d.listen(cut)
	if hello := again("hello"); !strings.Contains(hello, `"again":true`) {
		t.Errorf("%s", hello)
	}
	if third := again("records"); !strings.Contains(third, `"c.png"`) || strings.Contains(third, "b.png") {
		t.Errorf("%s", third)
	}
	fresh, _ := d.listen("another.5")
	if hello := fresh("hello"); !strings.Contains(hello, `"again":false`) {
		t.Errorf("%s", hello)
	}
}

// listen opens the event stream and returns functions for the next event of a kind and for the ID of the last one read.
func (d *desk) listen(last string) (read func(string) string, id func() string) {
	req, _ := http.NewRequestWithContext(d.t.Context(), "GET", d.url+"/api/events", nil)
	req.Header.Set("Last-Event-ID", last)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	seen := ""
	return func(kind string) string {
		d.t.Helper()
		at := ""
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				d.t.Fatal(err)
			}
			line = strings.TrimSpace(line)
			if v, ok := strings.CutPrefix(line, "event: "); ok {
				at = v
			}
			if v, ok := strings.CutPrefix(line, "id: "); ok {
				seen = v
			}
			if v, ok := strings.CutPrefix(line, "data: "); ok && at == kind {
				return v
			}
		}
	}, func() string { return seen }
}

// TestStoreLost: a store that fails is reported as lost, and watched again.
func TestStoreLost(t *testing.T) {
	f := newFeed()
	store := documenttest.NewMemory()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	calls := make(chan int, 8)
	n := 0
	watch := func(ctx context.Context, fn func(string, *document.Record) error) error {
		n++
		calls <- n
		if n == 1 {
			return fmt.Errorf("%w: gone", document.ErrStoreMisconfigured)
		}
		return store.Watch(ctx, fn)
	}
	go f.follow(ctx, watch, store)
	<-calls
	for {
		_, state, reason, changed := f.since(0)
		if state == stateLost {
			if !strings.Contains(reason, "denies access") {
				t.Errorf("%q", reason)
			}
			break
		}
		<-changed
	}
	<-calls
	for {
		_, state, _, changed := f.since(0)
		if state == stateLive {
			return
		}
		<-changed
	}
}

// TestLiveUnderLoad: a store whose records change all the time is live from the second state of any record, and loading
// until then, also when it is watched again.
func TestLiveUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFeed()
		ctx, end := context.WithCancel(t.Context())
		var got []string
		watches := 0
		watch := func(_ context.Context, fn func(string, *document.Record) error) error {
			for i, name := range []string{"a", "b", "a", "c"} {
				time.Sleep(quiet / 2)
				r := &document.Record{Name: name, Write: fmt.Sprint(watches, i)}
				if err := fn(name, r); err != nil {
					t.Error(err)
				}
				_, state, _, _ := f.since(0)
				got = append(got, state)
			}
			if watches++; watches == 2 {
				end()
			}
			return document.ErrStoreUnavailable
		}
		if err := f.follow(ctx, watch, documenttest.NewMemory()); err != nil {
			t.Error(err)
		}
		once := []string{stateLoading, stateLoading, stateLive, stateLive}
		if want := slices.Concat(once, once); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestNewest: of the records that a watch sends, only those created last are passed on, and nil for one that a newer
// one has displaced, also while nothing was watched. Others created at the same time are in the order of their IDs.
func TestNewest(t *testing.T) {
	t.Parallel()
	var got []string
	send := func(ids string) watchFunc {
		return func(_ context.Context, fn func(string, *document.Record) error) error {
			for _, id := range strings.Fields(ids) {
				created, _ := strconv.ParseInt(id[1:], 10, 64)
				if err := fn(id, &document.Record{Created: time.UnixMicro(created)}); err != nil {
					return err
				}
			}
			return nil
		}
	}
	next := "b3 a1 c4 b3 d2 a1 e4 c4"
	watch := newest(2, func(ctx context.Context, fn func(string, *document.Record) error) error {
		return send(next)(ctx, fn)
	})
	note := func(id string, r *document.Record) error {
		if r == nil {
			id = "-" + id
		}
		got = append(got, id)
		return nil
	}
	for range 2 {
		if err := watch(t.Context(), note); err != nil {
			t.Fatal(err)
		}
		next = "g9 f8"
	}
	if want := "b3 a1 -a1 c4 b3 -b3 e4 c4 -c4 g9 -e4 f8"; strings.Join(got, " ") != want {
		t.Errorf("%s, want %s", strings.Join(got, " "), want)
	}
	for _, fails := range []string{"c4", "-a1"} {
		err := newest(1, send("a1 c4"))(t.Context(), func(id string, r *document.Record) error {
			if r == nil {
				id = "-" + id
			}
			if id == fails {
				return io.ErrClosedPipe
			}
			return nil
		})
		if err != io.ErrClosedPipe {
			t.Errorf("%s failed: %v", fails, err)
		}
	}
}

// TestDisplacedIsForgotten: neither the list nor the figures count a record that a newer one has displaced, whatever
// its state was.
func TestDisplacedIsForgotten(t *testing.T) {
	t.Parallel()
	d := newestDesk(t, 1)
	d.write("old.png", func(r *document.Record) {
		r.Status, r.Due, r.Error = document.StatusRetrying, time.Now().Add(-time.Hour),
			&document.Error{Code: document.CodeStorageUnavailable}
	})
	d.known(d.write("new.png", text("x")))
	read, _ := d.listen("")
	if hello := read("hello"); !strings.Contains(hello, `"newest":1`) ||
		!strings.Contains(hello, `"partial":"the newest 1"`) {
		t.Errorf("%s", hello)
	}
	if records := read("records"); strings.Contains(records, "old.png") || !strings.Contains(records, "new.png") {
		t.Errorf("%s", records)
	}
	f := d.server.figures(t.Context(), time.Now())
	if f.Queue.Waiting != 0 || len(f.Failures) != 0 || f.Partial != "the newest 1" {
		t.Errorf("%+v", f)
	}
	if late := d.server.ledger.overdue(time.Now(), time.Minute); late.records != 0 {
		t.Errorf("%+v", late)
	}
}

// TestDisplacedIsStillShown: a document that is open, or has a bookmark, keeps its images and its file when it is no
// longer listed.
func TestDisplacedIsStillShown(t *testing.T) {
	t.Parallel()
	d := newestDesk(t, 1)
	file := string(dot(40, 30))
	d.bucket.PutAs("old.png", 7, []byte(file))
	id := d.write("old.png", func(r *document.Record) { r.Bucket = "bucket" })
	d.known(d.write("new.png", text("x")))
	for path, kind := range map[string]string{
		"/pages/1/image?generation=7": "image/png", "/thumbnail?generation=7": "image/png",
		"/download?as=original": "application/octet-stream",
	} {
		code, h, body := d.ask("GET", "/api/documents/"+id+path, "", nil)
		if code != 200 || h.Get("Content-Type") != kind || kind == "application/octet-stream" && body != file {
			t.Errorf("%s: %d %v %.200q", path, code, h, body)
		}
	}
}

// TestPageIsSmall: the whole page, including formulas, is less than 150 KB compressed.
func TestPageIsSmall(t *testing.T) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		err = fs.WalkDir(embedded, ".", func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			content, err := embedded.ReadFile(path)
			if err == nil {
				_, err = z.Write(content)
			}
			return err
		})
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	if n := b.Len(); n > 150_000 {
		t.Errorf("%d bytes", n)
	}
}

func TestTroubleSentences(t *testing.T) {
	for _, err := range []error{errors.New("x"), &page.Error{Kind: page.Encrypted}, &page.Error{Kind: page.TooSlow},
		document.ErrObjectGone} {
		if code, sentence := sentenceOf(fmt.Errorf("wrapped: %w", err)); code < 400 ||
			!strings.HasSuffix(sentence, ".") {
			t.Errorf("%v: %d %q", err, code, sentence)
		}
	}
}
