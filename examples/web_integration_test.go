//go:build integration

package examples

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/browsertest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/freeport"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
)

// sheet is listener-web in a browser.
type sheet struct {
	stage *stage
	tab   *browsertest.Tab
	url   string
	told  []string // by the pages before

	mu       sync.Mutex
	options  options
	emulator string // its host:port in config.js; the stage's if empty, and "none" for none
	missing  bool   // there is no config.js
}

// TestListenerWeb runs the example in a real browser, and leaves the page in between.
func TestListenerWeb(t *testing.T) {
	t.Parallel()
	tab := newTab(t)
	for _, tell := range []func(*stage, subject){(*stage).story, (*stage).bounded} {
		w := newSheet(t, tab)
		tell(w.stage, w)
	}
}

// TestListenerWebIsLiveOnlyWithFirestore: while nothing answers, the page is connecting and says what to check. It is
// live once Firestore has answered, and again after a lost connection, which it says.
func TestListenerWebIsLiveOnlyWithFirestore(t *testing.T) {
	t.Parallel()
	port, err := freeport.Choose()
	if err != nil {
		t.Fatal(err)
	}
	tab := newTab(t)
	tab.OnNewPage(`window.states = []; new MutationObserver(() => {
		const now = document.querySelector('#state')?.textContent;
		if (now && now !== states.at(-1)) states.push(now); // empty while it is parsed
	}).observe(document, { childList: true, subtree: true });`)
	w := newSheet(t, tab)
	w.set(func() { w.emulator, w.options.since = "127.0.0.1:"+port, time.Hour })
	w.stage.put(object("a.png", 1), document.StatusDone, text("one"))

	tab.Open(w.url)
	tab.Until(`states.at(-1).includes('emulator at ` + w.emulator + `: is it running?')`)
	for _, s := range browsertest.Eval[[]string](tab, `states`) {
		if !strings.HasPrefix(s, "connecting") {
			t.Errorf("without an answer the page said %q", s)
		}
	}
	cut := relay(t, port, w.stage.host)
	live := `states.at(-1) === 'live: ocr_documents of ` + w.stage.project + `'`
	tab.Until(live)
	w.lines(1)
	cut()
	browsertest.Eval[bool](tab, `dispatchEvent(new Event('offline'))`) // the SDK alone takes some 25 s to notice
	tab.Until(`states.at(-1).startsWith('connection lost')`)
	w.stage.put(object("b.png", 2), document.StatusDone, text("two"))
	relay(t, port, w.stage.host)
	tab.Until(live)
	want := []string{"done a.png 1: 3 bytes, 1 pages, warnings []", "done b.png 2: 3 bytes, 1 pages, warnings []"}
	if got := w.lines(2); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestListenerWebKeepsPlacesApart: what was handled of one collection says nothing about another one, whose results may
// be older.
func TestListenerWebKeepsPlacesApart(t *testing.T) {
	t.Parallel()
	w := newSheet(t, newTab(t))
	here := *w.stage
	here.put(object("a.png", 1), document.StatusDone, text("one"))
	other := here
	other.records = firestore.New(firestore.Config{Project: here.project, Collection: "other", Emulator: here.host})
	t.Cleanup(func() { _ = other.records.Close() })
	other.put(object("b.png", 2), document.StatusDone, func(r *document.Record) {
		r.Text, r.Finished = "two", time.Now().Add(-time.Hour)
	})
	day := options{since: 24 * time.Hour}
	w.start(day)
	w.lines(1)
	w.stop()
	w.start(options{collection: "other", since: day.since})
	w.lines(2)
	w.stop()
	w.start(day)
	here.put(object("c.png", 3), document.StatusDone, text("three"))
	want := []string{"done a.png 1: 3 bytes, 1 pages, warnings []", "done b.png 2: 3 bytes, 1 pages, warnings []",
		"done c.png 3: 5 bytes, 1 pages, warnings []"}
	if got := w.lines(3); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestListenerWebForgetsTheOldest: where local storage is full of results, the listener drops old ones and goes on; it
// keeps few enough, and enough to deliver nothing twice.
func TestListenerWebForgetsTheOldest(t *testing.T) {
	t.Parallel()
	w := newSheet(t, newTab(t))
	day := options{since: 24 * time.Hour}
	w.stage.put(object("a.png", 1), document.StatusDone, text("one"))
	w.start(day)
	w.lines(1)
	w.stop()
	full := browsertest.Eval[int](w.tab, `(() => {
		const place = Object.keys(localStorage)[0].replace(/[^ ]*$/, '');
		let n = 0;
		for (const size of [200, 1]) { // to the last byte
			try { for (;; n++) localStorage.setItem(place + String(n).padStart(size, '0'), '1@' + n + '.0'); } catch { /* full */ }
		}
		return n;
	})()`)
	w.stage.put(object("b.png", 2), document.StatusDone, text("two"))
	w.start(day)
	kept := browsertest.Eval[int](w.tab, `Object.keys(localStorage).length`)
	if full < 11_000 || kept < 10_000 || kept > 10_002 {
		t.Errorf("%d results of %d are kept", kept, full)
	}
	w.lines(2)
	w.stop()
	browsertest.Eval[any](w.tab, `(() => { // what is not the listener's
		for (let size = 1 << 20; size >= 1; size >>= 1) {
			try { for (let n = 0; ; n++) localStorage.setItem('x' + size + '-' + n, 'x'.repeat(size)); } catch { /* full */ }
		}
		return null;
	})()`)
	w.start(day)
	w.stage.put(object("c.png", 3), document.StatusDone, text("three"))
	w.lines(3)
	w.stop()
	w.start(day)
	w.stage.put(object("d.png", 4), document.StatusDone, text("four"))
	want := []string{"done a.png 1: 3 bytes, 1 pages, warnings []", "done b.png 2: 3 bytes, 1 pages, warnings []",
		"done c.png 3: 5 bytes, 1 pages, warnings []", "done d.png 4: 4 bytes, 1 pages, warnings []"}
	if got := w.lines(4); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// TestListenerWebSaysWhatToDo: a page that cannot work says why.
func TestListenerWebSaysWhatToDo(t *testing.T) {
	t.Parallel()
	tab := newTab(t)
	w := newSheet(t, tab)
	says := func(words string) {
		t.Helper()
		tab.Open(w.url)
		tab.Until(fmt.Sprintf(`document.querySelector('#state').textContent.includes(%q)`, words))
	}
	w.set(func() { w.missing = true })
	says("copy config.example.js to config.js")
	w.set(func() { w.missing, w.emulator = false, "none" })
	says("set projectId and apiKey in config.js")
	w.set(func() { w.emulator = "" })
	w.stage.rules(`rules_version = '2'; service cloud.firestore {
		match /databases/{database}/documents/{any=**} { allow read: if false; } }`)
	says("stopped: Firestore denies access. Sign in")
}

func newTab(t *testing.T) *browsertest.Tab {
	t.Helper()
	if _, err := os.Stat("listener-web/node_modules/firebase"); err != nil {
		t.Fatal("no Firebase SDK: run `npm ci --prefix examples/listener-web`")
	}
	tab := browsertest.New(t, 800, 600)
	tab.Allow("Could not reach Cloud Firestore backend") // on a busy machine the emulator may need over 10 s to answer
	return tab
}

func newSheet(t *testing.T, tab *browsertest.Tab) *sheet {
	t.Helper()
	template, err := os.ReadFile("listener-web/config.example.js")
	if err != nil {
		t.Fatal(err)
	}
	w := &sheet{stage: newStage(t), tab: tab}
	files := http.NewServeMux()
	files.Handle("GET /", http.FileServer(http.Dir("listener-web")))
	files.HandleFunc("GET /elsewhere", func(http.ResponseWriter, *http.Request) {})
	files.HandleFunc("GET /config.js", func(out http.ResponseWriter, r *http.Request) { // as its user would write it
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.missing {
			http.NotFound(out, r)
			return
		}
		config := string(template)
		for old, value := range map[string]string{
			"'demo-bucketocr'": strconv.Quote(w.stage.project),
			"'ocr_documents'":  strconv.Quote(cmp.Or(w.options.collection, "ocr_documents")),
			"'127.0.0.1:8081'": strconv.Quote(strings.TrimPrefix(cmp.Or(w.emulator, w.stage.host), "none")),
			"24 * 3600 * 1000": strconv.FormatInt(w.options.since.Milliseconds(), 10),
		} {
			if strings.Count(config, old) != 1 {
				t.Errorf("config.example.js has not one %s", old)
			}
			config = strings.Replace(config, old, value, 1)
		}
		out.Header().Set("Content-Type", "text/javascript")
		out.Header().Set("Cache-Control", "no-store")
		_, _ = io.WriteString(out, config)
	})
	server := httptest.NewServer(files)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// set changes the settings of the next page.
func (w *sheet) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *sheet) start(o options) {
	w.set(func() { w.options = o })
	w.tab.Open(w.url)
	w.tab.Until(`document.querySelector('#state').textContent.startsWith('live')`)
}

func (w *sheet) stop() {
	w.told = append(w.told, w.shown()...)
	w.tab.Open(w.url + "/elsewhere")
}

func (w *sheet) shown() []string {
	return browsertest.Eval[[]string](w.tab, `[...document.querySelectorAll('#results li')].map((l) => l.textContent)`)
}

// rounded: JavaScript does not count that far.
func (w *sheet) rounded() string { return "000" }

func (w *sheet) lines(n int) []string {
	for late := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		lines := append(append([]string(nil), w.told...), w.shown()...)
		state := browsertest.Eval[string](w.tab, `document.querySelector('#state').textContent`)
		live := strings.HasPrefix(state, "live") // on a busy machine, the connection is lost and made again
		if len(lines) >= n && live || time.Now().After(late) || strings.HasPrefix(state, "stopped") {
			if !live {
				w.stage.t.Error(state)
			}
			return lines
		}
	}
}
