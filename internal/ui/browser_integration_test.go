//go:build integration

package ui

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/bucketocr/bucketocr/internal/browsertest"
	"github.com/bucketocr/bucketocr/internal/document"
)

const attack = `<script>document.title='ran'</script><img src=x onerror="document.title='ran'">`

// rows is a JavaScript expression for the number of documents in the list.
const rows = `Number(document.querySelector('.row')?.getAttribute('aria-setsize') ?? 0)`

// TestHostilePage: a name, a text, a message and metadata that attack the page show as text.
func TestHostilePage(t *testing.T) {
	d := newDesk(t)
	id := d.write(attack+".png", func(r *document.Record) {
		r.Text, r.Metadata, r.Model = attack+"\n\n# Title\n\n$\\text{"+attack+"}$\n\n<table><tr><td>"+attack+
			"</td></tr></table>", map[string]string{attack: attack}, attack
		r.Error = &document.Error{Code: attack, Message: attack}
		r.Warnings = []string{attack}
		r.ContentType = attack
	})
	d.write("failed.png", failed(attack))
	tab := browsertest.New(t, 1200, 800)
	tab.Open(d.url + "/#" + id)
	tab.Until(`document.querySelector('.reading h1')?.textContent === 'Title'`)
	tab.Until(`document.querySelector('.reading').innerText.includes("<script>document.title='ran'</script>")`)
	tab.Until(rows + ` === 2`)
	shown := browsertest.Eval[string](tab, `document.body.innerText`)
	if strings.Count(shown, "<script>") < 4 {
		t.Errorf("%s", shown)
	}
	if n := browsertest.Eval[int](tab,
		`document.querySelectorAll('main script, main img:not(.scan img, .thumb img), main [onerror]').length`); n != 0 {
		t.Errorf("%d elements of the text's own", n)
	}
	if title := browsertest.Eval[string](tab, `document.title`); title == "ran" {
		t.Error("the script ran")
	}
}

// TestPolicyHolds: even a script that got into the page would not run, and no string becomes HTML.
func TestPolicyHolds(t *testing.T) {
	d := newDesk(t)
	tab := browsertest.New(t, 800, 600)
	tab.Allow("This document requires")
	tab.Open(d.url)
	got := browsertest.Eval[string](tab, `(() => {
		const s = document.createElement('div');
		try { s.innerHTML = '<b>x</b>'; return 'HTML'; } catch { /* trusted types */ }
		const e = document.createElement('script'); try { e.text = 'window.ran = 1'; document.body.append(e); } catch { /* the same */ }
		return String(window.ran);
	})()`)
	if got != "undefined" {
		t.Error(got)
	}
}

// TestKeyboardAlone: from an empty address line to every part of the page, without a mouse.
func TestKeyboardAlone(t *testing.T) {
	d := newDesk(t)
	for i := range 30 {
		d.write(fmt.Sprintf("letter-%02d.png", i), text("text of "+fmt.Sprint(i)))
	}
	d.bucket.PutAs("broken.png", 7, dot(20, 20))
	broken := d.write("broken.png", failed(document.CodeOCRFailed))
	tab := browsertest.New(t, 1200, 700)
	tab.Open(d.url)
	tab.Until(rows + ` === 31`)
	focus := func(want string) { t.Helper(); tab.Until(`document.activeElement?.matches(` + "`" + want + "`" + `)`) }

	tab.Key("/")
	focus("#search")
	tab.Key(kb.Backspace, "broken") // the protocol types the key that opened the field into it, other than a keyboard
	tab.Until(rows + ` === 1`)
	tab.Key(kb.Enter)
	focus("#list")
	tab.Key(kb.Enter)
	tab.Until(`document.querySelector('.view h2')?.textContent === 'broken.png'`)
	focus(".view h2")
	tab.Until(`document.querySelector('.view .reason').innerText.includes('engine failed')`)
	tab.Key("r")
	tab.Until(`document.querySelector('.view .state').dataset.status === 'retrying'`)
	if r := d.store.Record(broken); r.Status != document.StatusRetrying {
		t.Errorf("%s", r.Status)
	}
	tab.Key(kb.Escape)
	tab.Until(`document.querySelector('#view').hidden`)
	focus("#list")
	tab.Key("/", kb.Backspace, kb.Escape) // all of it is selected, so that one key empties it
	focus("#list")
	tab.Until(rows + ` === 31`)
	browsertest.Eval[any](tab, `(document.querySelector('#all').focus(), null)`)
	tab.Key(" ")
	tab.Until(`document.querySelector('#bulk .said').innerText === '31 selected'`)
	focus("#all")
	tab.Key(" ")
	tab.Until(`document.querySelector('#bulk').hidden`)
	browsertest.Eval[any](tab, `(document.querySelector('#list').focus(), null)`)
	tab.Key(kb.End)
	tab.Until(`document.querySelector('.row.active')?.getAttribute('aria-posinset') === '31'`)
	tab.Key(kb.Home, "j", "j", "k")
	tab.Until(`document.querySelector('.row.active')?.getAttribute('aria-posinset') === '2'`)
	tab.Key("?")
	tab.Until(`document.querySelector('#help').open && document.querySelectorAll('#keys dd').length > 8`)
	tab.Key(kb.Escape)
	tab.Key("4")
	tab.Until(rows + ` === 1 && document.querySelector('[data-kind="retrying"]').getAttribute('aria-pressed') === 'true'`)
}

// TestTabReachesAll: Tab alone reaches everything that can be clicked, with a visible focus.
func TestTabReachesAll(t *testing.T) {
	d := newDesk(t)
	tab := browsertest.New(t, 1200, 700)
	tab.Open(d.url + "/#" + d.write("two.pdf", func(r *document.Record) {
		r.Text, r.Pages, r.PagesDone, r.Warnings = "a\n\f\nb", 2, 2, []string{document.WarnTruncated}
	}))
	tab.Until(`document.querySelectorAll('.sheet .plain').length === 2`)
	// the document may arrive before the list and what may be done
	tab.Until(rows + ` === 1 && document.querySelector('#add').checkVisibility()`)
	browsertest.Eval[any](tab, `(document.activeElement?.blur(), window.bare = [], window.reached = new Set(),
		window.known = (e) => e.dataset.act ?? e, // a head that is written again holds other elements for the same acts
		document.addEventListener('focusin', (e) => { window.reached.add(window.known(e.target));
			if (getComputedStyle(e.target).outlineStyle === 'none') window.bare.push(e.target.outerHTML.slice(0, 80)); }), null)`)
	for range 60 {
		tab.Key(kb.Tab)
	}
	missed := browsertest.Eval[[]string](tab, `[...document.querySelectorAll('button, input, select, summary, a, [tabindex="0"]')]
		.filter((e) => e.checkVisibility() && !e.disabled && !window.reached.has(window.known(e))).map((e) => e.outerHTML.slice(0, 80))`)
	if len(missed) > 0 {
		t.Errorf("not reached: %v", missed)
	}
	if bare := browsertest.Eval[[]string](tab, `window.bare`); len(bare) > 0 {
		t.Errorf("no visible focus: %v", bare)
	}
}

// TestHeadKeepsFocus: when a document is read again its text is updated, and the focused element in the header keeps
// the focus.
func TestHeadKeepsFocus(t *testing.T) {
	d := newDesk(t)
	n := 0
	write := func() string {
		n++
		return d.write("two.pdf", func(r *document.Record) {
			r.Text, r.TextInPages, r.Pages, r.PagesDone, r.Warnings = "", true, 2, 2, []string{document.WarnTruncated}
		}, document.Page{Page: 1, Text: fmt.Sprint("reading ", n), Warnings: []string{document.WarnTruncated}},
			document.Page{Page: 2, Text: "b"})
	}
	tab := browsertest.New(t, 1200, 700)
	tab.Open(d.url + "/#" + write())
	tab.Until(`document.querySelector('[data-act="retry"]') && document.querySelector('.sheet').innerText.includes('reading 1')`)
	for _, act := range []string{"title", "page-1", "close", "retry", "copy", "side", "page", "details"} {
		browsertest.Eval[any](tab,
			`(document.querySelector('.view [data-act="`+act+`"]').focus(), window.old = document.activeElement, null)`)
		write()
		tab.Until(fmt.Sprintf(`document.querySelector('.sheet').innerText.includes('reading %d')`, n))
		if got := browsertest.Eval[string](tab,
			`document.activeElement.dataset.act ?? document.activeElement.tagName`); got != act {
			t.Errorf("the focus went from %s to %s", act, got)
		}
		if !browsertest.Eval[bool](tab, `document.activeElement === window.old`) {
			t.Errorf("%s was replaced", act)
		}
	}
}

// TestClickSurvivesChanges: a click counts even if the document changes between press and release.
func TestClickSurvivesChanges(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	other := d.write("other.png", text("another text"))
	tries := 1
	change := func() string {
		return d.write("a.png", func(r *document.Record) {
			failed(document.CodeOCRFailed)(r)
			r.Attempt, r.Pages, r.Warnings = tries, tries, []string{document.WarnTruncated}
			r.Error.Message = strings.Repeat("what happened, at length. ", 20*(1+tries%4)) // what is below it moves
		})
	}
	id := change()
	tab := browsertest.New(t, 1200, 800)
	for _, c := range []struct{ name, at, selector, clicked string }{
		{"a button of the head", id, `.view [data-act="zoom-page"]`,
			`document.querySelector('[data-act="zoom-page"]').ariaPressed === 'true'`},
		{"a button that a change moves", id, `.view [data-act="zoom-width"]`,
			`document.querySelector('[data-act="zoom-width"]').ariaPressed === 'true'`},
		{"the name in a row", other, `#d-` + id + ` .name`, `location.hash === '#` + id + `'`},
		{"the warnings in a row", other, `#d-` + id + ` .warns`, `location.hash === '#` + id + `'`},
		{"the button that tries again", id, `.view [data-act="retry"]`,
			`document.querySelector('.view .state').dataset.status === 'retrying'`},
	} {
		tab.Open(d.url + "/?" + url.QueryEscape(c.name) + "#" + c.at)
		tab.Until("document.querySelector(`" + c.selector +
			"`) && document.querySelectorAll('.row').length > 1 && document.querySelector('.view .details')")
		middle := browsertest.Eval[[]float64](tab, "(() => { const r = document.querySelector(`"+c.selector+
			"`).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()")
		tab.Do(chromedp.MouseEvent(chromedp.MousePressed, middle[0], middle[1], chromedp.ButtonLeft,
			chromedp.ClickCount(1)))
		d.write(fmt.Sprintf("new-%d.png", tries), text("it comes in above the others"))
		for range 2 { // every change is shown, not only the first
			tries++
			change()
			tab.Until(fmt.Sprintf(`document.querySelector('#d-%s').shows.attempt === %d`, id, tries))
		}
		tab.Do(chromedp.MouseEvent(chromedp.MouseReleased, middle[0], middle[1], chromedp.ButtonLeft,
			chromedp.ClickCount(1)))
		tab.Until(c.clicked)
	}
}

// TestTextReadAgainStays: a text that is read again and is the same is not replaced, nor are its formulas.
func TestTextReadAgainStays(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	read := func(finished time.Time, second string) string {
		return d.write("two.pdf", func(r *document.Record) {
			r.Text, r.TextInPages, r.Pages, r.PagesDone, r.Finished = "", true, 2, 2, finished
		}, document.Page{Page: 1, Text: "the first $x^2$"}, document.Page{Page: 2, Text: second})
	}
	tab := browsertest.New(t, 1200, 700)
	tab.Open(d.url + "/#" + read(time.Now(), "before"))
	tab.Until(`document.querySelector('.reading math') && document.querySelectorAll('.reading')[1].innerText.includes('before')`)
	browsertest.Eval[any](tab, `(window.old = document.querySelector('.reading math'), null)`)
	read(time.Now().Add(time.Second), "after")
	tab.Until(`document.querySelectorAll('.reading')[1].innerText.includes('after')`)
	if !browsertest.Eval[bool](tab, `document.querySelector('.reading math') === window.old`) {
		t.Error("the text that is the same was replaced")
	}
}

// TestBlocks: pointing at a box highlights its text, and focusing the text by keyboard highlights the box.
func TestBlocks(t *testing.T) {
	d := newDesk(t)
	d.bucket.PutAs("b.png", 7, dot(400, 500))
	id := d.write("b.png", func(r *document.Record) { r.Bucket, r.Text = "bucket", "# Title" },
		document.Page{Page: 1, Text: "# Title",
			Blocks: []document.Block{{Label: "title", Box: [4]int{100, 50, 900, 150}, Text: "# Title"},
				{Label: "page_number", Box: [4]int{400, 900, 600, 950}, Text: "3"}}})
	d.known(id)
	tab := browsertest.New(t, 1300, 800)
	tab.Open(d.url + "/#" + id)
	tab.Until(`document.querySelectorAll('.box').length === 2 && document.querySelector('.scan img').naturalWidth === 400`)
	browsertest.Eval[any](tab, `(document.querySelector('.box').dispatchEvent(new PointerEvent('pointerenter')), null)`)
	tab.Until(`document.querySelector('.block').classList.contains('lit')`)
	browsertest.Eval[any](tab, `(document.querySelectorAll('.block')[1].focus(), null)`)
	tab.Until(`document.querySelectorAll('.box')[1].classList.contains('lit')`)
	if where := browsertest.Eval[string](tab, `(() => { const a = document.querySelector('.box').getBoundingClientRect(), b = document.querySelector('.scan img').getBoundingClientRect();
		return [(a.left - b.left) / b.width, (a.top - b.top) / b.height].map((x) => x.toFixed(2)).join() })()`); where != "0.10,0.05" {
		t.Errorf("the box is at %s", where)
	}
}

// TestLateHello: a document that is shown before the server's hello arrives is updated afterwards.
func TestLateHello(t *testing.T) {
	d := newDesk(t)
	id := d.write("a.png", failed(document.CodeOCRFailed))
	hold := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/events" {
			<-hold
		}
		d.server.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() { slow.CloseClientConnections(); slow.Close() })
	tab := browsertest.New(t, 1200, 700)
	tab.Open(slow.URL + "/#" + id)
	tab.Until(`document.querySelector('.view .reason')?.innerText.includes('ocr_failed') && !document.querySelector('[data-act="retry"]')`)
	close(hold)
	tab.Until(`document.querySelector('[data-act="retry"]') && document.querySelector('.view .reason').innerText.includes('engine failed')`)
}

// TestStates: empty, nothing found, server gone, server back: each is shown in words.
func TestStates(t *testing.T) {
	d := newDesk(t)
	tab := browsertest.New(t, 1440, 900)
	tab.Open(d.url)
	tab.Until(`document.querySelector('#empty').innerText.includes('Nothing here yet')`)
	tab.Until(`[...document.querySelectorAll('.heads, .heads *')].every((e) => getComputedStyle(e).visibility === 'hidden')`)
	tab.Size(390, 800)
	d.write("a.png", text("x"))
	tab.Until(rows + ` === 1`)
	tab.Key("/", "zzz")
	tab.Until(`document.querySelector('#empty').innerText.includes('Nothing matches')`)
	tab.Click("#empty button")
	tab.Until(rows + ` === 1`)
	d.server.feed.tell(stateLost, "The record store is not responding at the moment.")
	tab.Until(`document.querySelector('#connection').innerText.includes('is not responding')`)
	d.server.feed.tell(stateLive, "")
	tab.Until(`document.querySelector('#connection').innerText === 'live'`)
	if wide := browsertest.Eval[int](tab, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("on a phone the page is %d px wide", wide)
	}
}

// TestThousands: 5,000 documents. It reports how the list scrolls and how late a change is shown, and demands only that
// few rows exist and the newest state is there.
func TestThousands(t *testing.T) {
	const many = 5000
	d := newDesk(t)
	for i := range many {
		d.write(fmt.Sprintf("box-%02d/letter-%05d.png", i%40, i), func(r *document.Record) {
			r.Text = "x"
			r.WindowStart = time.Now().Add(-time.Duration(i) * time.Second)
		})
	}
	last := d.write("z.png", text("x"))
	d.known(last)
	tab := browsertest.New(t, 1200, 800)
	start := time.Now()
	tab.Open(d.url)
	tab.Until(rows + fmt.Sprintf(` === %d`, many+1))
	t.Logf("all %d shown %d ms after the address was opened", many+1, time.Since(start).Milliseconds())
	if n := browsertest.Eval[int](tab, `document.querySelectorAll('.row').length`); n > 60 {
		t.Errorf("%d rows exist", n)
	}
	const scroll = `new Promise((ready) => { const list = document.querySelector('#list'), frames = []; let at = performance.now(), n = 0;
		const step = (now) => { frames.push(now - at); at = now; list.scrollTop += 600; if (++n < 120) requestAnimationFrame(step);
			else { frames.shift(); frames.sort((a, b) => a - b); ready([frames[60], frames[113], frames.at(-1)].map((f) => Math.round(f * 10) / 10)); } };
		requestAnimationFrame(step); })`
	t.Logf("scrolling at rest, ms a frame (median, 95th of a hundred, worst): %v",
		browsertest.Eval[[]float64](tab, scroll))
	stop := d.churn(many)
	t.Logf("scrolling under 200 changes a second: %v", browsertest.Eval[[]float64](tab, scroll))
	stop()
	browsertest.Eval[any](tab, `(document.querySelector('#list').scrollTop = 0, null)`)
	for i := range 3 {
		start = time.Now()
		d.write("z.png", func(r *document.Record) {
			r.Attempt, r.Status, r.Pages, r.PagesDone = i+2, document.StatusProcessing, 9, i+1
		})
		tab.Until(fmt.Sprintf(`document.querySelector('#d-%s .pages')?.innerText.includes('%d of 9')`, last, i+1))
		t.Logf("a change is shown after %d ms", time.Since(start).Milliseconds())
	}
}

// churn keeps changing records until it is stopped.
func (d *desk) churn(many int) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
				k := i * 37 % many
				d.write(fmt.Sprintf("box-%02d/letter-%05d.png", k%40, k), func(r *document.Record) {
					r.Attempt++
					r.Updated = time.Now()
				})
			}
		}
	}()
	return func() { close(end); <-ended }
}

// TestScreenshots makes the pictures of docs/ where SCREENSHOTS names a folder to put them into; else nothing.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("SCREENSHOTS names no folder")
	}
	d := newDesk(t)
	tab := browsertest.New(t, 1280, 800)
	shoot := func(name string) { t.Helper(); time.Sleep(time.Second); tab.Shot(filepath.Join(dir, name+".png")) }
	tab.Scheme("light")
	tab.Open(d.url)
	tab.Until(`document.querySelector('#empty').innerText.includes('Nothing here yet')`)
	shoot("empty-light")
	id, broken := d.furnish()
	for _, scheme := range []string{"light", "dark"} {
		for size, wh := range map[string][2]int64{"wide": {1280, 800}, "phone": {390, 844}} {
			tab.Scheme(scheme)
			tab.Size(wh[0], wh[1])
			for name, hash := range map[string]string{"busy": "", "document": "#" + id, "failed": "#" + broken} {
				tab.Open(d.url + "/?" + name + hash)
				if hash == "" {
					tab.Until(rows + ` > 10`)
				} else {
					tab.Until(`document.querySelector('.reading')?.innerText.length > 20`)
				}
				shoot(strings.Join([]string{name, size, scheme}, "-"))
			}
		}
	}
}

// TestCopiedPageSaysSo: a copied page is marked, even if it is the only one and has no document of its own.
func TestCopiedPageSaysSo(t *testing.T) {
	d := newDesk(t)
	id := d.write("a.png", func(r *document.Record) { r.Text, r.CopiedFrom = "text", "another" })
	d.known(id)
	tab := browsertest.New(t, 1200, 800)
	tab.Open(d.url + "/#" + id)
	tab.Until(`document.querySelector('.sheet h3 .turned')?.textContent === 'text of another file with the same bytes'`)
}

// TestTurnedPageSaysSo: the page is shown as it was rotated for reading, with the rotation and its reason in words.
func TestTurnedPageSaysSo(t *testing.T) {
	d := newDesk(t)
	d.bucket.PutAs("a.png", 7, dot(40, 30))
	id := d.write("a.png", func(r *document.Record) {
		r.Bucket, r.Text, r.Warnings = "bucket", "text", []string{document.WarnTurned}
	}, document.Page{Page: 1, Text: "text", Turned: 90, Width: 30, Height: 40, Warnings: []string{document.WarnTurned}})
	d.known(id)
	tab := browsertest.New(t, 1200, 800)
	tab.Open(d.url + "/#" + id)
	tab.Until(`document.querySelector('.sheet h3 .turned')?.textContent === 'shown rotated by 90°'`)
	tab.Until(`document.querySelector('.sheet h3 .badge')?.textContent === 'The page was not upright; it was turned before it was read.'`)
	tab.Until(`document.querySelector('.scan img').naturalWidth === 30 && document.querySelector('.scan img').naturalHeight === 40`)
}
