//go:build integration

package examples

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/browsertest"
)

// sheet is listener-web in a browser.
type sheet struct {
	stage *stage
	tab   *browsertest.Tab
	url   string
	told  []string // by the pages before

	mu      sync.Mutex
	options options
}

// TestListenerWeb runs the example in a real browser, and leaves the page in between.
func TestListenerWeb(t *testing.T) {
	if _, err := os.Stat("listener-web/node_modules/firebase"); err != nil {
		t.Fatal("no Firebase SDK: run `npm ci --prefix examples/listener-web`")
	}
	tab := browsertest.New(t, 800, 600)
	for _, tell := range []func(*stage, subject){(*stage).story, (*stage).bounded} {
		tellSheet(t, tab, tell)
	}
}

func tellSheet(t *testing.T, tab *browsertest.Tab, tell func(*stage, subject)) {
	t.Helper()
	s := newStage(t)
	w := &sheet{stage: s, tab: tab}
	files := http.NewServeMux()
	files.Handle("GET /", http.FileServer(http.Dir("listener-web")))
	files.HandleFunc("GET /elsewhere", func(http.ResponseWriter, *http.Request) {})
	files.HandleFunc("GET /config.js", func(out http.ResponseWriter, _ *http.Request) { // as its user would write it
		out.Header().Set("Content-Type", "text/javascript")
		w.mu.Lock()
		defer w.mu.Unlock()
		fmt.Fprintf(out, `export const app = { projectId: %q, apiKey: 'none' }, collectionName = %q, emulator = %q;
			export const since = new Date(Date.now() - %d), ownDocuments = false;
			export async function signIn() {}`, s.project, cmp.Or(w.options.collection, "ocr_documents"), s.host, w.options.since.Milliseconds())
	})
	server := httptest.NewServer(files)
	t.Cleanup(server.Close)
	w.url = server.URL
	tell(s, w)
}

func (w *sheet) start(o options) {
	w.mu.Lock()
	w.options = o
	w.mu.Unlock()
	w.tab.Open(w.url)
	w.tab.Until(`document.querySelector('#state').textContent === 'listening'`)
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
	for late := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		lines := append(append([]string(nil), w.told...), w.shown()...)
		state := browsertest.Eval[string](w.tab, `document.querySelector('#state').textContent`)
		if len(lines) >= n || time.Now().After(late) || strings.HasPrefix(state, "trouble") {
			if state != "listening" {
				w.stage.t.Error(state)
			}
			return lines
		}
	}
}
