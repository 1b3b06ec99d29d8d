//go:build integration

package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
