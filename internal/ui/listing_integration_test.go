//go:build integration

package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/browsertest"
	"github.com/bucketocr/bucketocr/internal/document"
)

// order is JavaScript for the names in the list, from the top.
const order = `[...document.querySelectorAll('.row')].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map((r) => r.querySelector('.name').textContent).join()`

// TestColumnsSort: a click on a head sorts the list, another one the other way round; the address keeps it; a menu does the same where the
// list is narrow; and a document that comes in goes to its place.
func TestColumnsSort(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	began := time.Now()
	put := func(name string, pages int, age time.Duration, change func(*document.Record)) {
		d.write(name, func(r *document.Record) {
			change(r)
			r.Pages, r.WindowStart = pages, began.Add(-age)
			if r.Status == document.StatusDone {
				r.PagesDone = pages
			}
		})
	}
	put("Letter-10.png", 1, 3*time.Minute, text("# **Dear** <b>Ada</b>,\n\nit rains"))
	put("letter-9.png", 30, 2*time.Minute, text("x"))
	put("bill.pdf", 4, time.Minute, failed(document.CodeOCRFailed))
	tab := browsertest.New(t, 1440, 900)
	tab.Open(d.url)
	shows := func(want, address string) {
		t.Helper()
		tab.Until(order + ` === '` + want + `' && location.search === '` + address + `'`)
	}
	shows("bill.pdf,letter-9.png,Letter-10.png", "")
	tab.Until(`[...document.querySelectorAll('.row')].find((r) => r.innerText.includes('Letter-10')).querySelector('.note').textContent === 'Dear Ada,'`)
	tab.Until(`/^\d+ min ago$/.test(document.querySelector('.row .age').textContent) && document.querySelector('.row .age').title && document.querySelector('.row .age').dateTime.endsWith('Z')`)
	tab.Click(`.head.name`)
	shows("bill.pdf,letter-9.png,Letter-10.png", "?sort=name")
	tab.Click(`.head.name`)
	shows("Letter-10.png,letter-9.png,bill.pdf", "?sort=-name")
	tab.Until(`document.querySelector('.head.name').innerText.trim().startsWith('Name') && document.querySelector('.head.name').textContent.includes('sorted descending') && document.querySelector('.head.name').ariaPressed === 'true'`)
	tab.Click(`.head.pages`)
	shows("letter-9.png,bill.pdf,Letter-10.png", "?sort=-pages")
	tab.Click(`.head.status`)
	shows("bill.pdf,letter-9.png,Letter-10.png", "?sort=status")
	tab.Click(`.head.added`)
	shows("bill.pdf,letter-9.png,Letter-10.png", "")
	tab.Click(`.head.added`)
	shows("Letter-10.png,letter-9.png,bill.pdf", "?sort=added")
	tab.Open(d.url + "/?sort=name")
	put("cheque.png", 1, 0, text("x"))
	shows("bill.pdf,cheque.png,letter-9.png,Letter-10.png", "?sort=name")
	tab.Open(d.url + "/?sort=constructor")
	shows("cheque.png,bill.pdf,letter-9.png,Letter-10.png", "?sort=constructor")
	tab.Size(390, 844)
	tab.Until(`!document.querySelector('.head.name').checkVisibility() && document.querySelector('#order').checkVisibility()`)
	browsertest.Eval[any](tab, `(() => { const s = document.querySelector('#order'); s.value = '-name'; s.dispatchEvent(new Event('change')); return null; })()`)
	shows("Letter-10.png,letter-9.png,cheque.png,bill.pdf", "?sort=-name")
}

// TestListPictures makes pictures of the list where LIST_PICTURES names a folder to put them into; else nothing.
func TestListPictures(t *testing.T) {
	dir := os.Getenv("LIST_PICTURES")
	if dir == "" {
		t.Skip("LIST_PICTURES names no folder")
	}
	d := newDesk(t)
	id, _ := d.furnish()
	tab := browsertest.New(t, 1440, 900)
	for _, scheme := range []string{"light", "dark"} {
		for _, size := range [][2]int64{{320, 568}, {390, 844}, {768, 1024}, {1440, 900}, {2560, 1440}} {
			tab.Scheme(scheme)
			tab.Size(size[0], size[1])
			for name, address := range map[string]string{"list": "", "failed": "?show=failed", "open": "#" + id} {
				if name == "open" && size[0] < 760 {
					continue
				}
				tab.Open("about:blank")
				tab.Open(d.url + "/" + address)
				tab.Until(rows + ` > 1`)
				time.Sleep(1500 * time.Millisecond)
				tab.Shot(filepath.Join(dir, strings.Join([]string{name, fmt.Sprint(size[0]), scheme}, "-")+".png"))
			}
		}
	}
}

// TestRowsHavePictures: the rows in sight get a small picture each, once, and those out of sight are not asked for; a file that has none
// keeps an icon, and the page has no error to tell of.
func TestRowsHavePictures(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var asked sync.Map
	var now, most atomic.Int64
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/thumbnail") {
			n, _ := asked.LoadOrStore(r.URL.Path, new(atomic.Int64))
			n.(*atomic.Int64).Add(1)
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
		}
		d.server.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	began := time.Now()
	put := func(i int, data []byte) string {
		name := fmt.Sprintf("page-%03d.png", i)
		d.bucket.PutAs(name, 7, data)
		return d.write(name, func(r *document.Record) {
			r.Bucket, r.Text, r.WindowStart = "bucket", "x", began.Add(-time.Duration(i)*time.Second)
		})
	}
	first, broken := put(0, dot(300, 400)), put(1, []byte("no image"))
	for i := range 300 {
		put(2+i, dot(100, 100))
	}
	tab := browsertest.New(t, 1440, 900)
	tab.Open(web.URL)
	tab.Until(`document.querySelector('#d-` + first + ` .thumb img')?.naturalWidth === 96 && document.querySelectorAll('.thumb img').length >= 12`)
	tab.Until(`document.querySelector('#d-` + broken + ` .thumb svg') && [...document.querySelectorAll('.row')].filter((r) => r.pictured && !r.querySelector('.thumb img')).length === 1`)
	browsertest.Eval[any](tab, `(document.querySelector('#list').scrollTop = 1e6, null)`)
	tab.Until(`[...document.querySelectorAll('.row')].some((r) => r.ariaPosInSet === '302' && r.querySelector('.thumb img'))`)
	browsertest.Eval[any](tab, `(document.querySelector('#list').scrollTop = 0, null)`)
	tab.Until(`document.querySelector('#d-` + first + ` .thumb img') && document.querySelector('#d-` + broken + `').pictured`)
	n := 0
	asked.Range(func(path, times any) bool {
		n++
		if k := times.(*atomic.Int64).Load(); k != 1 {
			t.Errorf("%s was asked for %d times", path, k)
		}
		return true
	})
	if n > 60 {
		t.Errorf("%d pictures were asked for", n)
	}
	if most.Load() > 2 {
		t.Errorf("%d were asked for at a time", most.Load())
	}
}
