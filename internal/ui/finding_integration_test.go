//go:build integration

package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/bucketocr/bucketocr/internal/browsertest"
	"github.com/bucketocr/bucketocr/internal/document"
)

const (
	title   = `document.querySelector('.view h2')?.textContent`
	pressed = `document.querySelector('#chips [aria-pressed="true"]').dataset.kind`
)

// TestAddressSaysWhatIsShown: filter, search, document and page are in the address and come back with it; the title
// names the document; an address of no document says so; the numbers at the filters are those of what the search
// leaves.
func TestAddressSaysWhatIsShown(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for i := range 20 {
		d.write(fmt.Sprintf("letter-%02d.png", i), text("x"))
	}
	for i := range 3 {
		d.write(fmt.Sprintf("bill-%d.png", i), failed(document.CodeOCRFailed))
	}
	d.write("bill-locked.pdf", failed(document.CodeEncrypted))
	book := d.book("bill-book.pdf", 9)
	count := func(kind string) string {
		return `document.querySelector('[data-kind="` + kind + `"] .count').textContent`
	}
	tab := browsertest.New(t, 1440, 900)
	tab.Open(d.url)
	tab.Until(rows + ` === 25 && ` + count("failed") + ` === '4'`)
	tab.Key("/", kb.Backspace, "bill")
	tab.Until(rows + ` === 5 && ` + count("all") + ` === '5' && ` + count("failed") + ` === '4' && ` + count("done") +
		` === '1'`)
	tab.Key("\r")
	tab.Click(`[data-kind="failed"]`)
	browsertest.Eval[any](tab,
		`(() => { const s = document.querySelector('#reason'); s.value = 'ocr_failed'; s.dispatchEvent(new Event('change')); return null; })()`)
	tab.Until(rows + ` === 3 && location.search === '?show=failed&reason=ocr_failed&search=bill' && ` + count("all") +
		` === '3' && ` + count("done") + ` === ''`)
	browsertest.Eval[any](tab, `(location.hash = '`+book+`/4', null)`)
	tab.Until(`document.querySelector('[data-act="page"]')?.value === '4' && document.title === 'bill-book.pdf – bucketocr'`)
	tab.Key("n")
	tab.Until(`location.hash === '#` + book + `/5'`)
	tab.Click(`[data-kind="all"]`)
	tab.Until(`location.search === '?reason=ocr_failed&search=bill'`)
	browsertest.Eval[any](tab, `(history.back(), null)`) // to what was shown before the document was opened
	tab.Until(`document.querySelector('#view').hidden && ` + pressed + ` === 'failed'`)

	tab.Open("about:blank")
	tab.Open(d.url + "/?show=failed&reason=ocr_failed&search=bill#" + book + "/4")
	tab.Until(rows + ` === 3 && ` + pressed +
		` === 'failed' && document.querySelector('#search').value === 'bill' && document.querySelector('#reason').value === 'ocr_failed'`)
	tab.Until(`document.querySelector('[data-act="page"]')?.value === '4' && document.title === 'bill-book.pdf – bucketocr'`)
	tab.Key("\x1b")
	tab.Until(`document.querySelector('#view').hidden && location.search.includes('search=bill') && document.title.includes('4 failed')`)
	browsertest.Eval[any](tab, `(history.back(), null)`)
	tab.Until(title + ` === 'bill-book.pdf' && document.title === 'bill-book.pdf – bucketocr'`)

	for _, address := range []string{"0000", strings.Repeat("0", 64), "%3Cscript%3E"} {
		tab.Open(d.url + "/?" + address[:4] + "#" + address)
		tab.Until(`document.querySelector('.view .reason')?.innerText.includes('no document at this address')`)
		tab.Click(`[data-act="close"]`)
		tab.Until(`document.querySelector('#view').hidden && ` + rows + ` === 25`)
	}

	// Every filter and its number is in sight, those of what failed before the others.
	for _, size := range [][2]int64{{1440, 900}, {1280, 800}, {390, 844}, {320, 568}} {
		tab.Size(size[0], size[1])
		for _, hash := range []string{"", book} {
			if hash != "" && size[0] < 760 {
				continue // the list is not shown
			}
			browsertest.Eval[any](tab, `(location.hash = '`+hash+`', null)`)
			tab.Until(`document.querySelector('#view').hidden === ` + fmt.Sprint(hash == ""))
			if cut := browsertest.Eval[[]string](tab, `[...document.querySelectorAll('#chips button:not([hidden]), #chips button:not([hidden]) .count')].filter((e) => {
				const r = e.getBoundingClientRect(), p = document.querySelector('.left').getBoundingClientRect();
				return r.right > p.right || r.left < p.left || e.scrollWidth > e.clientWidth + 1 && e.clientWidth; }).map((e) => e.textContent)`); len(cut) > 0 {
				t.Errorf("%v, %q: %v are cut off", size, hash, cut)
			}
		}
	}
	if kind := browsertest.Eval[string](tab,
		`document.querySelectorAll('#chips button')[1].dataset.kind`); kind != "failed" {
		t.Errorf("the first filter is %s", kind)
	}
}

// TestNextDocument: where a document is open, keys and buttons open the one after it and the one before it in the list,
// as it is filtered; Back leads to where one came from.
func TestNextDocument(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for i := range 6 {
		d.write(fmt.Sprintf("letter-%d.png", i), func(r *document.Record) {
			r.Text, r.WindowStart = "x", time.Unix(int64(1e9+i), 0)
		})
	}
	tab := browsertest.New(t, 1440, 900)
	tab.Open(d.url + "/?search=letter")
	tab.Until(rows + ` === 6`)
	order := browsertest.Eval[[]string](tab,
		`[...document.querySelectorAll('.row')].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map((r) => r.querySelector('.name').textContent)`)
	shown := func(n int) {
		t.Helper()
		tab.Until(title + ` === '` + order[n] +
			`' && document.querySelector('.row[aria-current="true"] .name')?.textContent === '` + order[n] + `'`)
	}
	disabled := `[...document.querySelectorAll('[data-act^="document-"]')].map((b) => b.disabled).join()`
	tab.Key("j", "\r")
	shown(0)
	tab.Until(disabled + ` === 'true,false'`)
	tab.Key("j")
	shown(1)
	tab.Key("j", "j")
	shown(3)
	tab.Key("k")
	shown(2)
	tab.Click(`[data-act="document-after"]`)
	shown(3)
	tab.Click(`[data-act="document-before"]`)
	shown(2)
	browsertest.Eval[any](tab, `(document.querySelector('#list').focus(), null)`)
	tab.Key(kb.ArrowDown)
	shown(3)
	tab.Key(kb.ArrowDown, kb.ArrowDown)
	shown(5)
	tab.Until(disabled + ` === 'false,true' && document.activeElement.id === 'list'`)
	tab.Key("j")
	shown(5)
	browsertest.Eval[any](tab,
		`(document.querySelector('#search').value = 'no such', document.querySelector('#search').dispatchEvent(new Event('input')), null)`)
	tab.Until(rows + ` === 0 && ` + disabled + ` === 'true,true'`)
	browsertest.Eval[any](tab,
		`(document.querySelector('#search').value = 'letter-3', document.querySelector('#search').dispatchEvent(new Event('input')), null)`)
	tab.Until(rows + ` === 1`)
	tab.Key("j", "k") // it is not in the list: nothing is next to it
	tab.Until(title + ` === 'letter-0.png' && ` + disabled + ` === 'true,true'`)
	browsertest.Eval[any](tab,
		`(document.querySelector('#search').value = 'letter', document.querySelector('#search').dispatchEvent(new Event('input')), null)`)
	tab.Until(rows + ` === 6 && ` + disabled + ` === 'false,true'`)
	browsertest.Eval[any](tab, `(history.back(), null)`)
	tab.Until(`document.querySelector('#view').hidden && ` + rows + ` === 6`)
}

// TestServerBack: what could not be obtained while the server was away, a document, a text or an image, is fetched when
// it is back; and what takes its time is said to be loading.
func TestServerBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	book, other := d.book("book.pdf", 9), d.book("other.pdf", 2)
	third := d.book("third.pdf", 2)
	var away, slow atomic.Bool
	hold := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			panic(http.ErrAbortHandler)
		}
		if slow.Load() && strings.Contains(r.URL.Path, "/pages/") {
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		}
		d.server.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	tab := browsertest.New(t, 1440, 900)
	tab.Open(web.URL + "/#" + book)
	tab.Until(`document.querySelector('#connection').innerText === 'live' && document.querySelector('.reading').innerText.includes('word-1')`)
	leave := func() {
		away.Store(true)
		web.CloseClientConnections()
		tab.Until(`document.querySelector('#connection').dataset.state === 'offline'`)
	}
	back := func() {
		away.Store(false)
		browsertest.Eval[any](tab, `(window.dispatchEvent(new Event('online')), null)`)
	}
	leave()
	browsertest.Eval[any](tab, `(document.querySelector('.sheets').scrollTop = 1e6, null)`)
	tab.Until(`document.querySelectorAll('.sheet')[8].innerText.includes('is not responding') && document.querySelectorAll('.missing').length > 0`)
	back()
	tab.Until(`document.querySelectorAll('.reading')[8].innerText.includes('word-9') &&
		document.querySelector('.missing')?.innerText === 'No such page.'`) // of the image, which has one page
	leave()
	browsertest.Eval[any](tab, `(location.hash = '`+other+`', null)`)
	tab.Until(`document.querySelector('.sheets .reason')?.innerText.includes('is not responding')`)
	back()
	tab.Until(`document.querySelector('.reading')?.innerText.includes('word-1') && !document.querySelector('.sheets .reason')`)
	slow.Store(true)
	browsertest.Eval[any](tab, `(location.hash = '`+third+`', null)`)
	tab.Until(`document.querySelector('.reading')?.textContent === 'Loading …' && document.querySelector('.scan.loading')`)
	close(hold)
	tab.Until(`document.querySelector('.reading').innerText.includes('word-1') && !document.querySelector('.scan').matches('.loading')`)
}

// TestPassingFailuresPass: what the server could not provide for a moment, a document, a text, an image or a thumbnail,
// is asked for again, although nothing else changes.
func TestPassingFailuresPass(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for i := range 60 {
		d.write(fmt.Sprintf("letter-%02d.png", i), func(r *document.Record) {
			r.Text, r.WindowStart = "x", time.Unix(1, 0)
		})
	}
	book := d.book("book.pdf", 2)
	var document, pages, thumbnails atomic.Bool // whether they fail
	for _, fails := range []*atomic.Bool{&document, &pages, &thumbnails} {
		fails.Store(true)
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/thumbnail") && thumbnails.Load():
			noThumbnail(w, "no-store")
		case strings.Contains(r.URL.Path, "/pages/") && pages.Load(),
			r.URL.Path == "/api/documents/"+book && document.Load():
			refuse(w, http.StatusBadGateway, "It is not responding at the moment.")
		default:
			d.server.Handler().ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	tab := browsertest.New(t, 1440, 900)
	tab.Open(web.URL + "/#" + book)
	tab.Until(`document.querySelector('.sheets .reason')?.innerText.includes('is not responding') && document.querySelector('#connection').innerText === 'live'`)
	document.Store(false)
	tab.Until(`document.querySelector('.reading')?.innerText.includes('is not responding') && document.querySelector('.missing')?.innerText.includes('is not responding')`)
	pages.Store(false)
	tab.Until(`document.querySelector('.reading').innerText.includes('word-1') && document.querySelector('.scan img').naturalWidth === 300 &&
		!document.querySelector('.sheet .missing')`)
	tab.Until(`document.querySelector('#d-` + book + `').pictured`)
	thumbnails.Store(false)
	for _, top := range []string{"1e6", "0"} {
		browsertest.Eval[any](tab, `(document.querySelector('#list').scrollTop = `+top+`, null)`)
		tab.Until(`[...document.querySelectorAll('.row')].some((r) => r.ariaPosInSet === '` +
			map[string]string{"1e6": "61", "0": "1"}[top] + `')`)
	}
	tab.Until(`document.querySelector('#d-` + book + ` .thumb img')`)
}

// TestLateAnswerIsIgnored: an answer that arrives after a newer one does not bring an old state back.
func TestLateAnswerIsIgnored(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.write("a.pdf", func(r *document.Record) { r.Text, r.Updated = "before", time.Unix(1e9, 0) })
	tab := browsertest.New(t, 1440, 900)
	tab.OnNewPage(`const ask = fetch;
		window.fetch = async (path, options) => {
			const response = await ask(path, options);
			if (!window.deliver && /^.api.documents.[0-9a-f]+([?]|$)/.test(path)) {
				const body = await response.json();
				await new Promise((ready) => { window.deliver = ready; });
				return { ok: true, json: async () => { window.delivered = true; return body; } };
			}
			return response;
		};`)
	tab.Open(d.url + "/#" + id)
	tab.Until(`window.deliver && document.querySelector('#d-` + id + `')`)
	d.write("a.pdf", func(r *document.Record) {
		r.Text, r.Pages, r.PagesDone, r.Updated = "after\n\f\ntwo", 2, 2, time.Unix(1e9+1, 0)
	})
	tab.Until(`document.querySelector('.reading')?.innerText.includes('after')`)
	browsertest.Eval[any](tab, `(window.deliver(), null)`)
	tab.Until(`window.delivered`)
	if n := browsertest.Eval[int](tab, `document.querySelectorAll('.sheet').length`); n != 2 {
		t.Errorf("%d pages are shown, want the newer state's 2", n)
	}
}

// TestFailureOffersWhatHelps: another try is offered where it may help, first only where it does not need another file;
// another file where that helps; a limit is the one that was met; and where nothing reads what waits, that is said.
func TestFailureOffersWhatHelps(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var idle atomic.Bool
	d.server.idle.ask = func() string {
		if idle.Load() {
			return "Nothing runs that reads it."
		}
		return ""
	}
	write := func(code, message string) string {
		return d.write(code+".png", func(r *document.Record) {
			failed(code)(r)
			if message != "" {
				r.Error.Message = message
			}
		})
	}
	tab := browsertest.New(t, 1200, 800)
	tab.Open(d.url)
	for _, c := range []struct{ code, message, first, second, says string }{
		{document.CodeOCRFailed, "", "retry", "", "engine failed"},
		{document.CodeInterrupted, "", "retry", "", "process ended"},
		{document.CodeEncrypted, "", "add", "", "encrypted"},
		{document.CodeEmpty, "", "add", "", "empty"},
		{document.CodeObjectGone, "", "add", "", "deleted"},
		{document.CodeCorrupt, "", "add", "retry", "damaged"},
		{document.CodeTooLarge, "it has more pages than the limit of 100", "add", "retry", "MAX_PAGES"},
		{document.CodeTooLarge, "the object is larger than the limit of 64 MiB", "add", "retry", "MAX_BYTES"},
		{document.CodeTooLarge, "the page has 108 megapixels (12000 x 9000); the limit is 60 megapixels", "add",
			"retry", "MAX_PIXELS"},
		{document.CodeStoreRejected, "", "", "retry", "does not accept"},
	} {
		id := write(c.code, c.message)
		browsertest.Eval[any](tab, `(location.hash = '`+id+`', null)`)
		tab.Until(title + ` === '` + c.code + `.png' && document.querySelector('.view .reason')?.innerText.includes('` +
			c.says + `') && document.querySelector('.actions')`)
		got := browsertest.Eval[[]string](tab, `['button.main', 'button:not(.main)'].map((s) => [...document.querySelectorAll('.actions > ' + s)]
			.map((b) => b.dataset.act).filter((a) => a === 'retry' || a === 'add').join())`)
		if got[0] != c.first || got[1] != c.second {
			t.Errorf("%s offers %q first and %q second", c.code, got[0], got[1])
		}
		if others := browsertest.Eval[int](tab,
			`document.querySelector('.view .reason').innerText.match(/MAX_|BUDGET/g)?.length ?? 0`); others > 1 {
			t.Errorf("%s: it names %d settings", c.code, others)
		}
	}
	idle.Store(true)
	d.server.idle.mu.Lock()
	d.server.idle.asked = d.server.idle.asked.Add(-idleFor)
	d.server.idle.mu.Unlock()
	id := write(document.CodeOCRFailed, "again")
	browsertest.Eval[any](tab, `(location.hash = '`+id+`', null)`)
	tab.Until(`document.querySelector('#connection').innerText === 'Nothing runs that reads it.' && ` + title +
		` === 'ocr_failed.png'`)
	tab.Click(`[data-act="retry"]`)
	tab.Until(`document.querySelector('#toast').innerText.includes('Nothing runs') && document.querySelector('.view .state').dataset.status === 'retrying'`)
	tab.Until(`document.querySelector('.view .reason.idle').innerText === 'Nothing runs that reads it.' && document.querySelector('#d-` + id + ` .note').textContent.includes('queued')`)
	if shown := browsertest.Eval[string](tab, `document.body.innerText`); strings.Contains(shown, "retrying soon") {
		t.Error("it is said to be retried soon")
	}
}
