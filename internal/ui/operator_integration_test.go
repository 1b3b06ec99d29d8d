//go:build integration

package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/bucketocr/bucketocr/internal/browsertest"
	"github.com/bucketocr/bucketocr/internal/document"
)

// TestActivity: the operator's view is at an address of its own, by button and by key; it says first what needs a
// person, and leads from a reason to its documents.
func TestActivity(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tab := browsertest.New(t, 1200, 800)
	tab.Open(d.url + "/#activity")
	body := `document.querySelector('.operator .body').innerText`
	tab.Until(body + `.includes('Nothing needs your attention.') && document.title === 'Activity – bucketocr' && document.activeElement.matches('.operator h2')`)
	tab.Until(body + `.includes('unknown here')`) // the pace: no engine is in this process
	id := d.write("a.png", failed(document.CodeStorageMisconfigured))
	d.write("b.png", failed(document.CodeCorrupt))
	d.write("c.png", failed(document.CodeCorrupt))
	d.write("d.png", func(r *document.Record) {
		r.Status, r.WindowStart = document.StatusRetrying, time.Now().Add(-time.Hour)
	})
	tab.Until(`document.querySelector('.needs')?.innerText.includes('roles/storage.objectViewer') && !` + body +
		`.includes('Nothing needs your attention')`)
	tab.Until(`document.querySelector('[data-act="failed-corrupt"]')?.innerText === '2' && document.querySelector('[data-act="oldest"]')?.innerText === 'd.png'`)
	browsertest.Eval[any](tab, `(window.kept = document.querySelector('[data-act="failed-corrupt"]'), null)`)
	d.write("e.png", failed(document.CodeCorrupt))
	tab.Until(`document.querySelector('[data-act="failed-corrupt"]').innerText === '3' && document.querySelector('[data-act="failed-corrupt"]') === window.kept`)
	tab.Click(`[data-act="failed-corrupt"]`)
	tab.Until(rows + ` === 3 && location.search === '?show=failed&reason=corrupt' && location.hash === '' && document.querySelector('#operator').hidden`)
	tab.Key("a")
	tab.Until(`location.hash === '#activity' && !document.querySelector('#operator').hidden && !document.querySelector('.left').checkVisibility()`)
	tab.Key("j", kb.Escape)
	tab.Until(`location.hash === '' && document.querySelector('#operator').hidden && document.activeElement.id === 'list'`)
	tab.Click("#activity-open")
	tab.Until(`document.querySelector('#activity-open').ariaPressed === 'true' && document.querySelector('[data-act="oldest"]')`)
	tab.Click(`[data-act="oldest"]`)
	tab.Until(title + ` === 'd.png' && document.querySelector('#operator').hidden`)
	browsertest.Eval[any](tab, `(location.hash = '`+id+`', null)`)
	tab.Until(title + ` === 'a.png'`)
	browsertest.Eval[any](tab, `(history.go(-2), null)`)
	tab.Until(`!document.querySelector('#operator').hidden && document.querySelector('#view').hidden`)
}

// TestHostileActivity: names, buckets and codes that attack the operator's view show as text.
func TestHostileActivity(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.server.c.Operation.Elsewhere = "Elsewhere."
	d.write(attack, failed(attack))
	d.write("x", func(r *document.Record) {
		r.Bucket, r.Status, r.WindowStart = attack, document.StatusRetrying, time.Now().Add(-time.Hour)
		r.Error = &document.Error{Code: strings.Repeat(attack, 20)}
	})
	tab := browsertest.New(t, 1200, 800)
	tab.Open(d.url + "/#activity")
	tab.Until(`document.querySelectorAll('.operator tbody tr').length === 2`)
	if n := browsertest.Eval[int](tab,
		`document.querySelectorAll('.operator script, .operator img, .operator [onerror]').length`); n != 0 {
		t.Errorf("%d elements of a code's own", n)
	}
	if title := browsertest.Eval[string](tab, `document.title`); title != "Activity – bucketocr" {
		t.Error(title)
	}
	if wide := browsertest.Eval[bool](tab,
		`document.querySelector('.operator .body').scrollWidth > document.querySelector('.operator .body').clientWidth`); wide {
		t.Error("a code makes the view wider than the window")
	}
}

// TestMissingImageIsNoError: a page without an image says why in words, and the browser's console holds no error; on a
// device without a keyboard none is spoken of.
func TestMissingImageIsNoError(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.bucket.PutAs("broken.png", 7, []byte("<svg><script>1</script></svg>"))
	broken := d.write("broken.png", func(r *document.Record) { r.Bucket, r.Text = "bucket", "text" })
	gone := d.write("gone.png", func(r *document.Record) { r.Bucket, r.Text = "bucket", "text" })
	d.known(gone)
	tab := browsertest.New(t, 1200, 800)
	tab.Open(d.url + "/#" + broken)
	tab.Until(`document.querySelector('.missing')?.textContent === 'This file cannot be shown here as an image.'`)
	browsertest.Eval[any](tab, `(location.hash = '`+gone+`', null)`)
	tab.Until(`document.querySelector('.missing')?.textContent === 'The file no longer exists in this version.'`)
	if bad := browsertest.Eval[[]string](tab,
		`performance.getEntriesByType('resource').filter((e) => e.responseStatus >= 400).map((e) => e.name)`); len(
		bad) > 0 {
		t.Errorf("errors in the console: %v", bad)
	}
	shown := `document.querySelector('#help-open').checkVisibility()`
	if !browsertest.Eval[bool](tab, shown) {
		t.Error("with a mouse the keys are not spoken of")
	}
	tab.Touch()
	tab.Until(`!` + shown + ` && !document.querySelector('.search kbd').checkVisibility()`)
}

// busy is a working day with troubles, as the process that does the work sees it.
func (d *desk) busy() {
	d.server.c.Operation = Operation{Compared: "bucketocr up compares the folder with its documents every second.",
		Engine: func() Engine {
			return Engine{InFlight: 3, Limit: 4, Most: 8, Arrived: 12, Scanned: time.Now().Add(-time.Second)}
		}}
	d.furnish()
	for i := range 300 {
		d.write(fmt.Sprintf("day/%03d.png", i), func(r *document.Record) {
			r.Usage = document.Usage{PromptTokens: 1400, CompletionTokens: 600}
		})
	}
	for i := range 4 {
		d.write(fmt.Sprintf("denied-%d.png", i), failed(document.CodeStorageMisconfigured))
	}
	for i := range 7 {
		d.write(fmt.Sprintf("dense-%d.png", i), failed(document.CodeOCRTimeout))
	}
	last := d.write("last.png", text("x"))
	d.known(last)
	d.server.ledger.mu.Lock()
	defer d.server.ledger.mu.Unlock()
	clear(d.server.ledger.read)
	for i := range 60 {
		at := time.Now().Add(-time.Duration(i)*time.Minute - 10*time.Second)
		pages := 12 + (i*i+5*i)%23 - i/6
		d.server.ledger.read[at.UnixNano()/int64(slotTime)] = amount{pages,
			document.Usage{PromptTokens: 1400 * pages, CompletionTokens: 600 * pages}}
	}
}
