//go:build integration

package ui

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/bucketocr/bucketocr/internal/browsertest"
	"github.com/bucketocr/bucketocr/internal/document"
)

// book writes a document of so many pages, each with a word that no other has, and long enough to fill a screen or so.
func (d *desk) book(name string, pages int) string {
	d.bucket.PutAs(name, 7, dot(300, 400))
	list := make([]document.Page, pages)
	for i := range list {
		list[i] = document.Page{Page: i + 1, Width: 300, Height: 400,
			Text: fmt.Sprintf("word-%d\n\n", i+1) + strings.Repeat("It is a line of the page.\n\n", 12)}
	}
	id := d.write(name, func(r *document.Record) {
		r.Bucket, r.Text, r.TextInPages, r.Pages, r.PagesDone = "bucket", "", true, pages, pages
	}, list...)
	d.known(id)
	return id
}

// watchRows is JavaScript that looks at each frame whether rows of the list overlap or leave holes, and keeps what it
// finds.
const watchRows = `(window.crossed = [], window.frames = 0, (function look() {
	const rows = [...document.querySelectorAll('.row')].map((r) => r.getBoundingClientRect()).sort((a, b) => a.top - b.top);
	rows.forEach((r, i) => { if (i && Math.abs(rows[i - 1].bottom - r.top) > 1) window.crossed.push(Math.round(rows[i - 1].bottom) + '/' + Math.round(r.top)); });
	window.frames++;
	requestAnimationFrame(look);
})(), null)`

// TestRowsNeverOverlap: rows of the list lie one below the other, before, while and after a document is opened and
// closed, the list is scrolled and the window gets another size; and what was at the top stays there.
func TestRowsNeverOverlap(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var last string
	for i := range 60 {
		last = d.write(fmt.Sprintf("letters/letter-%02d.png", i), text("x"))
	}
	tab := browsertest.New(t, 1440, 900)
	tab.Open(d.url)
	tab.Until(rows + ` === 60`)
	browsertest.Eval[any](tab, watchRows)
	frames := func() {
		t.Helper()
		browsertest.Eval[any](tab, `(window.frames = 0, null)`)
		tab.Until(`window.frames > 3`)
	}
	scroll := func(to int) {
		browsertest.Eval[any](tab, fmt.Sprintf(`(document.querySelector('#list').scrollTop = %d, null)`, to))
	}
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"opened by a click",
			func() { tab.Click(".row:nth-child(5)"); tab.Until(`!document.querySelector('#view').hidden`) }},
		{"scrolled", func() { scroll(700) }},
		{"narrower", func() { tab.Size(1024, 768) }},
		{"closed", func() { tab.Key("\x1b"); tab.Until(`document.querySelector('#view').hidden`) }},
		{"scrolled again", func() { scroll(300) }},
		{"a small phone", func() { tab.Size(320, 568) }},
		{"a phone", func() { tab.Size(390, 844) }},
		{"opened on a phone", func() { browsertest.Eval[any](tab, `(location.hash = '`+last+`', null)`) }},
		{"wide, and closed", func() { tab.Size(1440, 900); browsertest.Eval[any](tab, `(location.hash = '', null)`) }},
	} {
		c.do()
		frames()
		if crossed := browsertest.Eval[[]string](tab, `window.crossed.splice(0)`); len(crossed) > 0 {
			t.Errorf("%s: one row ends and the next one begins at %v", c.name, crossed[:min(3, len(crossed))])
		}
		if hole := browsertest.Eval[bool](tab, `(() => { const list = document.querySelector('#list').getBoundingClientRect();
			return list.height > 0 && Math.max(...[...document.querySelectorAll('.row')].map((r) => r.getBoundingClientRect().bottom)) < list.bottom - 1 })()`); hole {
			t.Errorf("%s: the list has a hole", c.name)
		}
		if hidden := browsertest.Eval[int](tab, `[...document.querySelectorAll('.row .name')].filter((n) => { const name = n.getBoundingClientRect(), file = n.querySelector('.file').getBoundingClientRect();
			return name.width && (file.top < name.top - 1 || file.bottom > name.bottom + 1 || file.right > name.right + 1 || file.width < 40); }).length`); hidden > 0 {
			t.Errorf("%s: the file's name is not seen in %d rows", c.name, hidden)
		}
	}
}

// TestRoomForTextAndImage: where there is room text and image are beside each other or stacked, elsewhere one of the
// two is shown, the text first; what is chosen is what is seen.
func TestRoomForTextAndImage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.book("book.pdf", 2)
	tab := browsertest.New(t, 1440, 900)
	tab.Open(d.url + "/#" + id)
	tab.Until(`document.querySelector('.reading')?.innerText.includes('word-1')`)
	const seen = `(() => { const text = document.querySelector('.reading').getBoundingClientRect(), image = document.querySelector('.scan').getBoundingClientRect();
		if (!text.width || !image.width) return text.width ? 'text' : image.width ? 'image' : 'nothing';
		return image.right <= text.left ? 'side' : text.bottom <= image.top ? 'stacked' : 'image first'; })()`
	for _, c := range []struct {
		width, height int64
		modes         [2]string
	}{{1440, 900, [2]string{"side", "stacked"}}, {1024, 768, [2]string{"text", "image"}},
		{390, 844, [2]string{"text", "image"}}} {
		tab.Size(c.width, c.height)
		for _, mode := range []string{c.modes[0], c.modes[1], c.modes[0]} {
			tab.Until(`document.querySelector('.view [data-act="` + mode + `"]')`)
			if mode != browsertest.Eval[string](tab, seen) {
				tab.Click(`.view [data-act="` + mode + `"]`)
			}
			tab.Until(`document.querySelector('.view [data-act="` + mode +
				`"]').getAttribute('aria-pressed') === 'true' && ` + seen + ` === '` + mode + `'`)
			if n := browsertest.Eval[int](tab,
				`document.querySelectorAll('.modes:not(.zoom) [aria-pressed="true"]').length`); n != 1 {
				t.Errorf("%d wide, %s: %d ways to show it are chosen", c.width, mode, n)
			}
		}
		tab.Key("z")
		tab.Until(seen + ` === '` + c.modes[1] + `'`)
		tab.Key("z")
	}
	// On a wide screen the list has more room, and lines of text are no longer than can be read with ease.
	tab.Size(2560, 1440)
	tab.Until(`document.querySelector('.left').getBoundingClientRect().width > 480`)
	if too := browsertest.Eval[bool](tab, `(() => { const text = document.querySelector('.reading'), p = text.querySelector('p');
		const measure = document.createElement('p'); measure.style.width = '80ch'; text.append(measure);
		const most = measure.getBoundingClientRect().width; measure.remove();
		return text.clientWidth <= most || p.getBoundingClientRect().width > most; })()`); too {
		t.Error("a line of text is longer than 80 characters, or the screen is not wide")
	}
}

// TestPageNumberFollows: the number of the page is that of the page at the top, however it came there; one out of range
// becomes the nearest; the address names the page, and leads to it.
func TestPageNumberFollows(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.book("book.pdf", 30)
	tab := browsertest.New(t, 1440, 900)
	tab.Open(d.url + "/#" + id + "/11")
	const field = `document.querySelector('[data-act="page"]')`
	at := func(page int) {
		t.Helper()
		tab.Until(fmt.Sprintf(`%s.value === '%d' && (() => { const top = document.querySelector('.sheets').getBoundingClientRect();
			const r = document.querySelectorAll('.sheet')[%d].getBoundingClientRect();
			return r.top <= top.top + 60 && r.bottom > top.top || r.bottom <= top.bottom + 50 && r.top >= top.top; })()`, field, page, page-1))
		hash := "#" + id
		if page > 1 {
			hash += fmt.Sprint("/", page)
		}
		tab.Until(`location.hash === '` + hash + `'`)
	}
	typed := func(s string) {
		browsertest.Eval[any](tab, `(`+field+`.focus(), `+field+`.select(), null)`)
		tab.Key(s, "\r")
		browsertest.Eval[any](tab, `(`+field+`.blur(), null)`)
	}
	at(11)
	tab.Until(`document.querySelectorAll('.reading')[10].innerText.includes('word-11')`)
	tab.Key("n")
	at(12)
	tab.Key("p", "p")
	at(10)
	browsertest.Eval[any](tab,
		`(document.querySelector('.sheets').scrollTop = document.querySelectorAll('.sheet')[20].offsetTop, null)`)
	at(21)
	typed("99")
	at(30)
	typed("0")
	at(1)
	typed("17")
	at(17)
	tab.Click(`[data-act="page-after"]`)
	at(18)
	browsertest.Eval[any](tab, `(location.hash = '`+id+`/5', null)`)
	at(5)
	tab.Open(d.url + "/?again#" + id + "/30")
	at(30)
}

// TestPrintHasAllPages: what is printed of a document is its name and the texts of all its pages, also of those that
// were never in sight, and nothing of the page around it.
func TestPrintHasAllPages(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.book("book.pdf", 30)
	tab := browsertest.New(t, 1440, 900)
	tab.Scheme("dark")
	tab.Open(d.url + "/#" + id)
	tab.Until(`document.querySelector('.reading')?.innerText.includes('word-1')`)
	tab.Medium("print")
	browsertest.Eval[any](tab, `(window.dispatchEvent(new Event('beforeprint')), null)`)
	shown := browsertest.Eval[string](tab, `document.body.innerText`)
	for i := range 30 {
		if !strings.Contains(shown, fmt.Sprintf("word-%d\n", i+1)) {
			t.Errorf("page %d is missing", i+1)
		}
	}
	for _, chrome := range []string{"live", "Search", "Side by side", "Copy", "Details"} {
		if strings.Contains(shown, chrome) {
			t.Errorf("%q is printed", chrome)
		}
	}
	if !strings.Contains(shown, "book.pdf") {
		t.Error("the name is missing")
	}
	if cut := browsertest.Eval[[]string](tab,
		`['html', 'body', 'main', '#view', '.sheets'].filter((s) => { const e = document.querySelector(s); return e.scrollHeight > e.clientHeight + 2 && getComputedStyle(e).overflowY !== 'visible'; })`); len(cut) > 0 {
		t.Errorf("%v are cut off", cut)
	}
	if ink := browsertest.Eval[string](tab,
		`getComputedStyle(document.querySelector('.reading p')).color`); ink != "rgb(0, 0, 0)" {
		t.Errorf("the text is printed in %s", ink)
	}
}

// TestImageGrows: an image is made larger and smaller by button and key, moved by the mouse within its place, fitted to
// the width and to what is seen, and a menu offers the document and its file to keep.
func TestImageGrows(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.bucket.PutAs("tall.png", 7, dot(400, 1600))
	id := d.write("tall.png", func(r *document.Record) { r.Bucket, r.Text = "bucket", "text" })
	d.known(id)
	tab := browsertest.New(t, 1440, 900)
	tab.Open(d.url + "/#" + id)
	tab.Until(`document.querySelector('.scan img')?.naturalWidth === 400 && document.querySelector('.reading').innerText.includes('text')`)
	const (
		ratio = `Math.round(10 * document.querySelector('.scan img').getBoundingClientRect().width / document.querySelector('.scan').clientWidth) / 10`
		seen  = `document.querySelector('.scan img').getBoundingClientRect().height <= document.querySelector('.sheets').clientHeight`
	)
	tab.Until(ratio + ` === 1 && !(` + seen + `)`)
	tab.Click(`[data-act="zoom-in"]`)
	tab.Until(ratio + ` === 1.5`)
	tab.Key("+")
	tab.Until(ratio + ` === 2 && document.querySelector('.scan').clientHeight < 800`)
	tab.Do(chromedp.MouseEvent(chromedp.MousePressed, 600, 600, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	tab.Do(chromedp.MouseEvent(chromedp.MouseMoved, 520, 500, chromedp.ButtonLeft))
	tab.Do(chromedp.MouseEvent(chromedp.MouseReleased, 520, 500, chromedp.ButtonLeft, chromedp.ClickCount(1)))
	tab.Until(`document.querySelector('.scan').scrollLeft === 80 && document.querySelector('.scan').scrollTop === 100`)
	tab.Key("+", "+", "+", "+", "+")
	tab.Until(ratio + ` === 6`)
	tab.Key("-", "-", "-", "-", "-", "-", "-")
	tab.Until(ratio + ` === 1`)
	tab.Click(`[data-act="zoom-page"]`)
	tab.Until(seen + ` && document.querySelector('[data-act="zoom-page"]').getAttribute('aria-pressed') === 'true'`)
	tab.Key("0")
	tab.Until(ratio + ` === 1 && document.querySelector('[data-act="zoom-width"]').getAttribute('aria-pressed') === 'true'`)
	tab.Click(`[data-act="download"]`)
	tab.Until(`document.querySelector('.menu').open && [...document.querySelectorAll('.menu a')].map((a) => a.textContent).join() === 'Markdown,Plain text,JSON,Original file'`)
	d.write("tall.png", func(r *document.Record) { r.Warnings = []string{document.WarnTruncated} })
	tab.Until(`document.querySelector('.warned') && document.querySelector('.menu').open`)
	for as, want := range map[string]string{"markdown": "text", "original": "PNG"} {
		if got := browsertest.Eval[string](tab, `fetch(document.querySelector('[data-act="as-`+as+
			`"]').href).then((r) => r.text())`); !strings.Contains(got, want) {
			t.Errorf("%s: %.60q", as, got)
		}
	}
	tab.Key("\x1b")
	tab.Until(`!document.querySelector('.menu').open && !document.querySelector('#view').hidden`)
	tab.Open(d.url + "/?book#" + d.book("book.pdf", 9) + "/5")
	tab.Until(`document.querySelector('[data-act="page"]')?.value === '5' && document.querySelectorAll('.reading')[4].innerText.includes('word-5')`)
	at := func(n int) string {
		return fmt.Sprintf(`Math.abs(document.querySelectorAll('.sheet')[%d].getBoundingClientRect().top - document.querySelector('.sheets').getBoundingClientRect().top) < 30`,
			n-1)
	}
	tab.Key("+", "+") // what is read stays in sight, whether it was gone to or scrolled to
	tab.Until(ratio + ` === 2 && ` + at(5))
	browsertest.Eval[any](tab,
		`(document.querySelector('.sheets').scrollTop = document.querySelectorAll('.sheet')[6].offsetTop, null)`)
	tab.Until(`document.querySelector('[data-act="page"]').value === '7'`)
	tab.Key("-", "-")
	tab.Until(ratio + ` === 1 && ` + at(7))
}

// TestCopyOverPlainHTTP: also where the browser offers no navigator.clipboard, as over plain http from another machine,
// a page and the whole text can be copied, the focus stays, and a refusal is a sentence.
func TestCopyOverPlainHTTP(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.write("a.pdf", func(r *document.Record) { r.Text, r.Pages, r.PagesDone = "one\n\f\ntwo", 2, 2 })
	tab := browsertest.New(t, 1440, 900)
	tab.OnNewPage(`Object.defineProperty(Navigator.prototype, 'clipboard', { value: undefined });
		addEventListener('copy', (e) => { window.copied = e.target.value.slice(e.target.selectionStart, e.target.selectionEnd); });`)
	tab.Open(d.url + "/#" + id)
	tab.Until(`document.querySelectorAll('.sheet .plain').length === 2`)
	for act, want := range map[string][2]string{
		`[data-act="copy"]`:          {"one\n\f\ntwo", "Copied the whole text."},
		`.sheet:nth-child(2) .plain`: {"two", "Copied the text of page 2."},
	} {
		tab.Click(act)
		tab.Until(fmt.Sprintf(`document.querySelector('#toast').textContent === %q && window.copied === %q`, want[1],
			want[0]))
		tab.Until("document.activeElement === document.querySelector(`" + act +
			"`) && !document.querySelector('textarea')")
	}
	browsertest.Eval[any](tab, `(document.execCommand = () => false, null)`)
	tab.Click(`[data-act="copy"]`)
	tab.Until(`document.querySelector('#toast').textContent.startsWith('Copying failed: the browser does not allow it')`)
}

// accessible fails where axe, the checker of the accessibility guidelines (WCAG 2.2 A and AA), finds anything critical
// or serious.
func accessible(t *testing.T, tab *browsertest.Tab, state string) {
	t.Helper()
	if !browsertest.Eval[bool](tab, `Boolean(window.axe)`) {
		script, err := os.ReadFile(filepath.Join("..", "..", "examples", "listener-web", "node_modules", "axe-core",
			"axe.min.js"))
		if err != nil {
			t.Fatal("no axe-core: run `npm ci --prefix examples/listener-web`")
		}
		browsertest.Eval[any](tab, string(script)+";null")
	}
	found := browsertest.Eval[json.RawMessage](tab, `axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
		rules: { 'label-content-name-mismatch': { enabled: true } } })
		.then((r) => r.violations.filter((v) => v.impact === 'critical' || v.impact === 'serious')
			.map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120) + ' ' + n.any.map((a) => a.message).join(' ')).join(' | ')))`)
	var list []string
	if err := json.Unmarshal(found, &list); err != nil {
		t.Fatal(err)
	}
	for _, v := range list {
		t.Errorf("%s: %s", state, v)
	}
}

// TestAccessible: nothing that the checker calls critical or serious, in any state, light or dark, wide or on a phone.
func TestAccessible(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tab := browsertest.New(t, 1440, 900)
	tab.Scheme("light")
	tab.Open(d.url)
	tab.Until(`document.querySelector('#empty').innerText.includes('Nothing here yet')`)
	accessible(t, tab, "empty")
	id, broken := d.furnish()
	book := d.book("book.pdf", 3)
	d.write("doubtful.pdf", func(r *document.Record) {
		r.Warnings, r.Text, r.Pages, r.PagesDone = []string{document.WarnPageFailed, document.WarnTurned}, "", 2, 2
		r.TextInPages = true
	}, document.Page{Page: 1, Text: "$x$", Turned: 90, Warnings: []string{document.WarnTurned}},
		document.Page{Page: 2, Warnings: []string{document.WarnPageFailed},
			Error: &document.Error{Code: document.CodeOCRFailed, Message: "x"}})
	doubtful := document.Object{Bucket: "scans", Name: "doubtful.pdf", Generation: 7}.ID()
	d.write("denied.png", failed(document.CodeStorageMisconfigured))
	states := []struct{ name, hash, until string }{
		{"list", "", rows + ` > 10`},
		{"document", id, `document.querySelector('.reading h1')`},
		{
			"book", book, `document.querySelector('[data-act="page"]') && document.querySelector('.reading')?.innerText.includes('word-1')`},
		{"doubtful", doubtful, `document.querySelector('.warned button') && document.querySelector('.reading math')`},
		{"activity", "activity", `document.querySelector('.operator table') && document.querySelector('.needs')`},
		{"failed", broken, `document.querySelector('.view .reason') && document.querySelector('.sheet')`},
	}
	for i, look := range []struct {
		scheme        string
		width, height int64
	}{{"light", 1440, 900}, {"dark", 1440, 900}, {"light", 390, 844}, {"dark", 390, 844}} {
		tab.Scheme(look.scheme)
		tab.Size(look.width, look.height)
		for _, s := range states {
			if i == 2 && s.name == "book" || i == 3 && s.name == "document" {
				continue // it differs from the others in nothing
			}
			browsertest.Eval[any](tab, `(location.hash = '`+s.hash+`', null)`)
			tab.Until(s.until)
			accessible(t, tab, fmt.Sprint(s.name, " ", look.scheme, " ", look.width))
		}
	}
	tab.Click(`[data-act="download"]`)
	accessible(t, tab, "menu")
	tab.Key("\x1b", "\x1b")
	for _, scheme := range []string{"dark", "light"} {
		for _, width := range []int64{390, 1440} {
			tab.Scheme(scheme)
			tab.Size(width, 900)
			browsertest.Eval[any](tab, `(document.querySelector('[data-kind="failed"]').click(), null)`)
			tab.Until(`!document.querySelector('#groups').hidden`)
			browsertest.Eval[any](tab,
				`([...document.querySelectorAll('.pick')].slice(0, 2).forEach((p) => p.click()), null)`)
			tab.Until(`!document.querySelector('#bulk').hidden`)
			accessible(t, tab, fmt.Sprint("selected, failed ", scheme, " ", width))
			browsertest.Eval[any](tab, `(document.querySelector('[data-act="bulk-delete"]').click(), null)`)
			tab.Until(`document.querySelector('#ask').open`)
			accessible(t, tab, fmt.Sprint("question ", scheme, " ", width))
			browsertest.Eval[any](tab,
				`(document.querySelector('#ask').close(), document.querySelector('[data-act="bulk-clear"]').click(), document.querySelector('[data-kind="all"]').click(), null)`)
			tab.Until(`document.querySelector('#bulk').hidden`)
		}
	}
	tab.Key("\x1b")
	tab.Click("#help-open")
	accessible(t, tab, "help")
	tab.Key("\x1b")
	browsertest.Eval[any](tab, `(location.hash = '', document.querySelector('#list').focus(), null)`)
	tab.Until(`document.querySelector('#view').hidden && document.activeElement.id === 'list'`)
	tab.Key("/", "zzz")
	tab.Until(`document.querySelector('#empty').innerText.includes('Nothing matches')`)
	accessible(t, tab, "nothing matches")
	d.server.feed.tell(stateLost, "The record store is not responding at the moment.")
	tab.Until(`document.querySelector('#connection').innerText.includes('is not responding')`)
	accessible(t, tab, "store lost")
}
