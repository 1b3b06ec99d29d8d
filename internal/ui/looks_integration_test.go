//go:build integration

package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/browsertest"
)

// TestLooks makes pictures of every state of the page, from a phone to a large screen, light and dark, where
// SCREENSHOTS names a folder to put them into; else nothing.
func TestLooks(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("SCREENSHOTS names no folder")
	}
	d, none := newDesk(t), newDesk(t)
	for i := range 2 {
		d.files[fmt.Sprintf("receipt-%d.png", i)] = "old"
	}
	id, broken := d.furnish()
	d.busy()
	var away, idle atomic.Bool
	d.server.idle.ask = func() string {
		if idle.Load() {
			return "2 documents have been due for 12 min, and the function has not retried them: its sweep, every 5 min, does not seem to run."
		}
		return ""
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		d.server.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	tab := browsertest.New(t, 1440, 900)
	tab.Allow("")
	n := 0
	states := []struct {
		name, url, hash, until string
		then                   func()
	}{
		{"empty", none.url, "", `document.querySelector('#empty').innerText.includes('Nothing here yet')`, nil},
		{"list", web.URL, "", rows + ` > 10`, nil},
		{"document", web.URL, "#" + id,
			`document.querySelector('.reading h1') && (document.querySelector('.scan img').naturalWidth || !document.querySelector('.scan').checkVisibility())`,
			nil},
		{"failed", web.URL, "#" + broken, `document.querySelector('.view .reason') && document.querySelector('.sheet')`,
			nil},
		{"activity", web.URL, "#activity", `document.querySelector('.operator table')`, nil},
		{"tray", web.URL, "", rows + ` > 10`, func() {
			n++
			drop(tab, "receipt-0.png", "receipt-1.png",
				fmt.Sprintf("%d-with-a-long-name-of-a-file-that-does-not-fit.png", n), "note.txt",
				fmt.Sprintf("%d.png", n))
			tab.Until(trayTotal + `.startsWith('2 of 5 uploaded, 2 need')`)
		}},
		{"idle", web.URL, "", rows + ` > 10`, func() {
			idle.Store(true)
			defer idle.Store(false)
			tab.Until(`document.querySelector('#connection').dataset.state === 'idle'`)
		}},
		{"gone", web.URL, "", rows + ` > 10`, func() {
			away.Store(true)
			web.CloseClientConnections()
			tab.Until(`document.querySelector('#connection').dataset.state === 'offline'`)
			browsertest.Eval[any](tab, `(location.hash = 'activity', null)`)
			tab.Until(`document.querySelector('.operator .reason')`)
			away.Store(false)
		}},
	}
	for _, scheme := range []string{"light", "dark"} {
		tab.Scheme(scheme)
		for _, size := range [][2]int64{{390, 844}, {768, 1024}, {1440, 900}, {2560, 1440}} {
			tab.Size(size[0], size[1])
			for _, s := range states {
				tab.Open(fmt.Sprintf("%s/?%s%d%s%s", s.url, scheme, size[0], s.name, s.hash))
				tab.Until(s.until)
				if s.then != nil {
					s.then()
				}
				time.Sleep(400 * time.Millisecond)
				tab.Shot(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", s.name, size[0], scheme)))
			}
		}
	}
}
