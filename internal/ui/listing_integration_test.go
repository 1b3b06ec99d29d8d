//go:build integration

package ui

import (
	"context"
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

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/bucketocr/bucketocr/internal/browsertest"
	"github.com/bucketocr/bucketocr/internal/document"
)

// inOrder is JavaScript for the names in the list, from the top.
const inOrder = `[...document.querySelectorAll('.row')].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map((r) => r.querySelector('.name').textContent).join()`

// TestColumnsSort: a click on a head sorts the list, another one the other way round; the address keeps it; a menu does
// the same where the list is narrow; and a document that comes in goes to its place.
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
		tab.Until(inOrder + ` === '` + want + `' && location.search === '` + address + `'`)
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
	// no count of pages: the reason has the whole line
	put("unread.pdf", 0, -time.Minute, failed(document.CodeEncrypted))
	tab.Until(`(() => { const r = [...document.querySelectorAll('.row')].find((r) => r.innerText.includes('unread'));
		const end = (e) => r?.querySelector(e).getBoundingClientRect().right;
		return r && end('.pages') - end('.note') < 1 && end('.age') - end('.note') < 1; })()`)
	put("unread.pdf", 2, -time.Minute, failed(document.CodeEncrypted))
	tab.Until(`(() => { const r = [...document.querySelectorAll('.row')].find((r) => r.innerText.includes('unread'));
		return r && r.querySelector('.note').getBoundingClientRect().right < r.querySelector('.pages').getBoundingClientRect().left; })()`)
	browsertest.Eval[any](tab,
		`(() => { const s = document.querySelector('#order'); s.value = '-name'; s.dispatchEvent(new Event('change')); return null; })()`)
	shows("unread.pdf,Letter-10.png,letter-9.png,cheque.png,bill.pdf", "?sort=-name")
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
			for name, address := range map[string]string{"list": "", "failed": "?show=failed", "selected": "?sort=name",
				"open": "#" + id} {
				if name == "open" && size[0] < 760 {
					continue
				}
				tab.Open("about:blank")
				tab.Open(d.url + "/" + address)
				tab.Until(rows + ` > 1`)
				if name == "selected" {
					browsertest.Eval[any](tab,
						`([...document.querySelectorAll('.pick')].slice(1, 4).forEach((p) => p.click()), null)`)
				}
				time.Sleep(time.Second)
				tab.Shot(filepath.Join(dir, strings.Join([]string{name, fmt.Sprint(size[0]), scheme}, "-")+".png"))
			}
		}
	}
}

// TestRowsHavePictures: the rows in sight get a small picture each, once, and those out of sight are not asked for; a
// file that has none keeps an icon, and the page has no error to tell of.
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
	tab.Until(`document.querySelector('#d-` + first +
		` .thumb img')?.naturalWidth === 96 && document.querySelectorAll('.thumb img').length >= 12`)
	tab.Until(`document.querySelector('#d-` + broken +
		` .thumb svg') && [...document.querySelectorAll('.row')].filter((r) => r.pictured && !r.querySelector('.thumb img')).length === 1`)
	browsertest.Eval[any](tab, `(document.querySelector('#list').scrollTop = 1e6, null)`)
	tab.Until(`[...document.querySelectorAll('.row')].some((r) => r.ariaPosInSet === '302' && r.querySelector('.thumb img'))`)
	browsertest.Eval[any](tab, `(document.querySelector('#list').scrollTop = 0, null)`)
	tab.Until(`document.querySelector('#d-` + first + ` .thumb img') && document.querySelector('#d-` + broken +
		`').pictured`)
	n := 0
	asked.Range(func(path, times any) bool {
		n++
		if k := times.(*atomic.Int64).Load(); k != 1 {
			t.Errorf("%s was asked for %d times", path, k)
		}
		return true
	})
	if most := browsertest.Eval[int](tab,
		`2 * (Math.ceil(document.querySelector('#list').clientHeight / document.querySelector('.row').offsetHeight) + 1)`); n > most {
		t.Errorf("%d pictures were asked for", n)
	}
	if most.Load() > 2 {
		t.Errorf("%d were asked for at a time", most.Load())
	}
}

// TestSelection: rows are selected by click, by a range and by key, and what is done is done to those selected and no
// others: tried again, exported, deleted after a question. A bar says how many there are; what is no longer shown is no
// longer selected.
func TestSelection(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	began := time.Now()
	var ids []string
	for i := range 12 {
		ids = append(ids, d.write(fmt.Sprintf("page-%02d.png", i), func(r *document.Record) {
			r.Text, r.WindowStart = fmt.Sprint("text ", i), began.Add(-time.Duration(i)*time.Minute)
			if i >= 8 {
				failed(document.CodeOCRFailed)(r)
			}
		}))
	}
	tab := browsertest.New(t, 1440, 900)
	tab.Open(d.url)
	tab.Until(rows + ` === 12 && document.querySelector('#bulk').hidden`)
	selected := func(want ...int) {
		t.Helper()
		var names []string
		for _, i := range want {
			names = append(names, fmt.Sprintf("page-%02d.png", i))
		}
		tab.Until(`[...document.querySelectorAll('.row[aria-selected="true"]')].map((r) => r.querySelector('.name').textContent).sort().join() === '` + strings.Join(names,
			",") + `'`)
		if len(want) > 0 {
			tab.Until(fmt.Sprintf(`document.querySelector('#bulk .said').innerText === '%d selected'`, len(want)))
		} else {
			tab.Until(`document.querySelector('#bulk').hidden`)
		}
	}
	click := func(i int, part, with string) {
		t.Helper()
		browsertest.Eval[any](tab,
			fmt.Sprintf(`(document.querySelector('#d-%s %s').dispatchEvent(new MouseEvent('click', {bubbles: true, %s})), null)`,
				ids[i], part, with))
	}
	tab.Click("#d-" + ids[1] + " .pick")
	selected(1)
	click(4, ".name", "shiftKey: true")
	selected(1, 2, 3, 4)
	click(2, ".name", "ctrlKey: true")
	selected(1, 3, 4)
	tab.Until(`document.querySelector('#all').indeterminate && document.querySelector('#view').hidden`)
	tab.Click("#all")
	selected(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	tab.Click(`[data-kind="done"]`)
	selected(0, 1, 2, 3, 4, 5, 6, 7)
	tab.Click(`[data-kind="all"]`)
	browsertest.Eval[any](tab, `(document.querySelector('#list').focus(), null)`)
	tab.Key(kb.Escape)
	selected()
	tab.Key(kb.Home, "x", "j", "j", " ")
	selected(0, 2)
	tab.Do(chromedp.KeyEvent(kb.ArrowDown, chromedp.KeyModifiers(chromedp.ModifierShift)),
		chromedp.KeyEvent(kb.ArrowDown, chromedp.KeyModifiers(chromedp.ModifierShift)))
	selected(0, 2, 3, 4)
	tab.Key("x", "x")
	selected(0, 2, 3, 4)

	// Export: the file holds the texts of those selected.
	browsertest.Eval[any](tab,
		`(window.fetched = null, HTMLAnchorElement.prototype.click = function () { fetch(this.href).then((r) => r.text()).then((s) => { window.fetched = s; }); }, null)`)
	tab.Key("e")
	tab.Until(`window.fetched?.split('\n').sort().join() === ',text 0,text 2,text 3,text 4'`)

	// Delete: asks, and Cancel is what Enter does.
	tab.Key(kb.Delete)
	tab.Until(`document.querySelector('#ask').open && document.querySelector('#ask').innerText.includes('Delete 4 documents?') && document.activeElement.innerText === 'Cancel'`)
	tab.Key(kb.Enter)
	tab.Until(`!document.querySelector('#ask').open`)
	selected(0, 2, 3, 4)
	tab.Click(`[data-act="bulk-delete"]`)
	tab.Click("#ask-yes")
	tab.Until(rows + ` === 8 && document.querySelector('#toast').innerText.includes('4 documents deleted')`)
	selected()
	if r := d.store.Record(ids[1]); r.Status != document.StatusDone {
		t.Errorf("one that was not selected is %s", r.Status)
	}
	if r := d.store.Record(ids[3]); r.Status != document.StatusDeleted {
		t.Errorf("one that was selected is %s", r.Status)
	}

	// Try again: of those selected what can be; the others stay as they are.
	browsertest.Eval[any](tab, `(document.querySelector('#list').focus(), null)`)
	tab.Do(chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	selected(1, 5, 6, 7, 8, 9, 10, 11)
	tab.Click(`[data-act="bulk-retry"]`)
	tab.Until(`document.querySelectorAll('.row[data-status="retrying"]').length === 4 && document.querySelector('#toast').innerText.includes('4 documents queued')`)
	selected(1, 5, 6, 7)
	if r := d.store.Record(ids[5]); r.Status != document.StatusDone || r.Rereading != nil {
		t.Errorf("one that is done is %+v", r)
	}
}

// TestDisplacedLeaveTheList: a page of the newest documents keeps no older one, selected or not, and does not count it.
func TestDisplacedLeaveTheList(t *testing.T) {
	t.Parallel()
	d := newestDesk(t, 2)
	began := time.Now()
	put := func(name string, age time.Duration, status document.Status) {
		d.write(name, func(r *document.Record) { r.Status, r.WindowStart = status, began.Add(-age) })
	}
	waiting := `document.querySelector('[data-kind="retrying"] .count').textContent`
	put("a.png", 3*time.Minute, document.StatusRetrying)
	put("b.png", 2*time.Minute, document.StatusDone)
	tab := browsertest.New(t, 1200, 800)
	tab.Open(d.url)
	tab.Until(inOrder + ` === 'b.png,a.png' && ` + waiting + ` === '1' && document.title === '(1) bucketocr'`)
	tab.Click("#all")
	tab.Until(`document.querySelector('#bulk .said').innerText === '2 selected'`)
	put("c.png", time.Minute, document.StatusDone)
	tab.Until(inOrder + ` === 'c.png,b.png' && ` + waiting + ` === '' && document.title === 'bucketocr'`)
	tab.Until(`document.querySelector('#bulk .said').innerText === '1 selected'`)
	put("d.png", 0, document.StatusDone)
	tab.Until(inOrder + ` === 'd.png,c.png' && document.querySelector('#bulk').hidden`)
}

// TestAllOfOneReason: what failed is listed by its reason, in words, and all of one reason is tried again at once;
// nothing of another is, and no such button is there where it cannot help.
func TestAllOfOneReason(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for i := range 30 {
		code := []string{document.CodeOCRFailed, document.CodeOCRFailed, document.CodeEncrypted}[i%3]
		d.write(fmt.Sprintf("page-%02d.png", i), failed(code))
	}
	broken := d.write("broken.png", failed(document.CodeCorrupt))
	tab := browsertest.New(t, 390, 844)
	tab.Open(d.url + "/?show=failed")
	const group = `document.querySelector('[data-act="group-ocr_failed"]')`
	tab.Until(rows + ` === 31 && ` + group + `.innerText.startsWith('20') && ` + group +
		`.innerText.includes('engine failed') && ` + group + `.innerText.includes('Try all 20 again')`)
	tab.Until(`!document.querySelector('[data-act="group-encrypted"]').innerText.includes('again')`)
	if wide := browsertest.Eval[int](tab, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("on a phone the page is %d px wide", wide)
	}
	tab.Click(`[data-act="group-encrypted"] [data-act="why"]`)
	tab.Until(rows + ` === 10 && location.search === '?show=failed&reason=encrypted'`)
	tab.Click(`[data-act="group-ocr_failed"] [data-act="group-retry"]`)
	tab.Until(`!document.querySelector('[data-act="group-ocr_failed"]') && document.querySelector('[data-kind="failed"] .count').textContent === '10' && document.querySelector('#toast').innerText.includes('20 documents queued')`)
	if r := d.store.Record(broken); r.Status != document.StatusFailed {
		t.Errorf("one that failed for another reason is %s", r.Status)
	}
}

// TestSearchInTexts: what is typed is looked for in names and texts; the line with the words is shown, the words
// marked, as text whatever is in it; a text that comes later is found too; the numbers at the filters are of what is
// found; and a search that fails says so.
func TestSearchInTexts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var broken atomic.Bool
	var queries sync.Map
	d.server.c.Search = func(ctx context.Context, query string, _ int) (hits []Hit, more bool, err error) {
		queries.Store(query, true)
		if broken.Load() {
			return nil, false, document.ErrStoreUnavailable
		}
		err = d.store.List(ctx, document.Query{}, func(s *document.Stored) error {
			r := d.store.Record(s.Object().ID())
			if before, after, found := strings.Cut(r.Text, query); found {
				hits = append(hits, Hit{ID: s.Object().ID(), Line: []string{before, query, after}})
			}
			return nil
		})
		return hits, false, err
	}
	a := d.write("a.png", text("the northern branch "+attack))
	d.write("northern.png", failed(document.CodeOCRFailed))
	d.write("other.png", text("nothing of it"))
	tab := browsertest.New(t, 1440, 900)
	tab.Open(d.url)
	tab.Until(rows + ` === 3 && document.querySelector('#search').placeholder === 'Search names and texts'`)
	browsertest.Eval[any](tab, `(() => { const search = document.querySelector('#search'); // faster than any pause
		for (const letter of 'northern') { search.value += letter; search.dispatchEvent(new Event('input')); } })()`)
	tab.Until(rows + ` === 2 && document.querySelector('#d-` + a + ` mark').textContent === 'northern'`)
	tab.Until(`document.querySelector('#d-` + a +
		` .note').textContent.includes('<script>') && !document.querySelector('#list script, #list .note img') && document.title !== 'ran'`)
	tab.Until(`document.querySelector('[data-kind="all"] .count').textContent === '2' && document.querySelector('[data-kind="done"] .count').textContent === '1' && document.querySelector('#found').hidden`)
	d.write("late.png", text("it is northern too"))
	tab.Until(rows + ` === 3`)
	queries.Range(func(query, _ any) bool {
		if query != "northern" {
			t.Errorf("%q was asked for while the word was typed", query)
		}
		return true
	})
	accessible(t, tab, "found in texts")
	broken.Store(true)
	tab.Key("/", kb.End, " branch")
	tab.Until(`document.querySelector('#found').innerText.includes('Only names are searched') && document.querySelector('#found').innerText.includes('is not responding') && document.querySelector('#empty').innerText.includes('Nothing matches')`)
	broken.Store(false)
	tab.Open(d.url + "/?search=branch")
	tab.Until(rows + ` === 1 && document.querySelector('mark')?.textContent === 'branch'`)
	browsertest.Eval[any](tab,
		`(() => { const s = document.querySelector('#search'); s.value = ''; s.dispatchEvent(new Event('input')); return null; })()`)
	tab.Until(rows + ` === 4 && !document.querySelector('mark')`)
}

// TestNamesAreSearchedWhereTextsAreNot, without regard to case, accents and Unicode form, and the page says so.
func TestNamesAreSearchedWhereTextsAreNot(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.write("in/northern.png", text("x"))
	d.write("b.png", text("northern"))
	d.write("Gebu\u0308hr.png", text("x")) // as macOS writes it
	d.write("Geb\u00fchr 2.png", text("x"))
	tab := browsertest.New(t, 390, 844)
	tab.Open(d.url)
	tab.Until(rows + ` === 4 && document.querySelector('#search').placeholder === 'Search by name' && document.querySelector('#found').hidden`)
	for query, want := range map[string]int{"NORTH": 1, "gs://scans/": 4, "gs://scans/in/": 1, "gs://other/": 0,
		"geb\u00fchr": 2, "GEBU\u0308HR": 2, "gebuhr": 2, "g\u00e9buhr 2": 1, "gs://scans/geb\u00fc": 2} {
		browsertest.Eval[any](tab, `(() => { const s = document.querySelector('#search'); s.value = '`+query+
			`'; s.dispatchEvent(new Event('input')); return null; })()`)
		tab.Until(fmt.Sprintf(
			`%s === %d && document.querySelector('#found').innerText.includes('Only names are searched')`, rows, want))
	}
	accessible(t, tab, "only names are searched")
}
