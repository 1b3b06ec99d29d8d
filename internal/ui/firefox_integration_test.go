//go:build integration

package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/browsertest"
	"github.com/bucketocr/bucketocr/internal/document"
)

// TestFirefox: the main ways in another engine: the list comes and changes by itself, a document is opened, read,
// printed as MathML and closed, searched for, retried, and all of that by keyboard too; what attacks the page does not
// run; files are dropped.
func TestFirefox(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for i := range 30 {
		d.write(fmt.Sprintf("letter-%02d.png", i), func(r *document.Record) {
			r.Text, r.WindowStart = "text of "+fmt.Sprint(i), time.Now().Add(-time.Hour)
		})
	}
	broken := d.write("broken.png", failed(document.CodeOCRFailed))
	d.bucket.PutAs(attack, 7, dot(40, 30))
	d.write(attack, func(r *document.Record) { r.Bucket, r.Text = "bucket", attack+"\n\n# Title\n\n$x^2$" })
	tab := browsertest.NewFirefox(t, 1300, 800)
	tab.Open(d.url)
	tab.Until(rows + ` === 32 && document.querySelector('#connection').innerText === 'live'`)
	d.write("new.png", text("x"))
	tab.Until(rows + ` === 33`)
	d.write("new.png", failed(document.CodeEmpty))
	tab.Until(`[...document.querySelectorAll('.row')].some((r) => r.dataset.status === 'failed' && r.innerText.includes('The file is empty.'))`)

	tab.Key("/", "broken")
	tab.Until(rows + ` === 1 && location.search === '?search=broken'`)
	tab.Key(browsertest.KeyEnter)
	tab.Until(`document.activeElement.id === 'list'`)
	tab.Key(browsertest.KeyEnter)
	tab.Until(title + ` === 'broken.png'`)
	tab.Click(`[data-act="retry"]`)
	tab.Until(`document.querySelector('.view .state').dataset.status === 'retrying'`)
	if r := d.store.Record(broken); r.Status != document.StatusRetrying {
		t.Errorf("%s", r.Status)
	}
	tab.Key(browsertest.KeyEscape)
	tab.Until(`document.querySelector('#view').hidden && location.hash === ''`)
	var none any
	tab.Eval(`(document.querySelector('#search').value = '', document.querySelector('#search').dispatchEvent(new Event('input')), null)`,
		&none)
	tab.Until(rows + ` === 33`)

	tab.Click(`[data-kind="done"]`)
	tab.Until(rows + ` === 31`)
	tab.Eval(`([...document.querySelectorAll('.row')].find((r) => r.innerText.includes('<script>')).click(), null)`,
		&none)
	tab.Until(`document.querySelector('.reading h1')?.textContent === 'Title' && document.querySelector('.reading math msup') && document.querySelector('.scan img').naturalWidth === 40`)
	tab.Until(`document.querySelector('.reading').innerText.includes("<script>document.title='ran'</script>")`)
	var name string
	if tab.Eval(`document.title`, &name); name == "ran" || !strings.Contains(name, "onerror") {
		t.Errorf("the title is %q", name)
	}
	tab.Key("j")
	tab.Until(title + `.startsWith('letter-') && document.querySelector('.reading').innerText.startsWith('text of')`)
	tab.Key("k")
	tab.Until(`document.querySelector('.reading h1')?.textContent === 'Title'`)
	tab.Key("a")
	tab.Until(`document.querySelector('.operator table') && document.querySelector('#view').hidden`)
	tab.Key(browsertest.KeyEscape)
	tab.Until(`document.querySelector('#operator').hidden && document.querySelector('.row').checkVisibility()`)

	tab.Eval(`(() => {
		const carried = new DataTransfer();
		carried.items.add(new File(['x'], 'dropped.png'));
		window.dispatchEvent(new DragEvent('drop', {dataTransfer: carried, bubbles: true, cancelable: true}));
		return null;
	})()`, &none)
	tab.Until(`document.querySelector('.tray .said').innerText === 'uploaded'`)
	if d.files["dropped.png"] != "x" {
		t.Error("the file that was dropped is not there")
	}
}
