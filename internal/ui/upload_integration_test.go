//go:build integration

package ui

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/browsertest"
)

// drop drops files with these names on the page, as a mouse would.
func drop(tab *browsertest.Tab, names ...string) {
	list, _ := json.Marshal(names)
	browsertest.Eval[any](tab, `(() => {
		const carried = new DataTransfer();
		for (const name of `+string(list)+`) carried.items.add(new File(['x'], name));
		window.dispatchEvent(new DragEvent('drop', {dataTransfer: carried, bubbles: true, cancelable: true}));
		return null;
	})()`)
}

const (
	trayTotal = `document.querySelector('.tray .total')?.textContent`
	trayFiles = `[...document.querySelectorAll('.tray .file')]`
)

// TestUploadTray: the tray sums up; a file disappears from it when its document has appeared, and no earlier. For files
// that already exist it asks what to do, one by one or for all, with the safe answer first; the focus stays where a
// person is typing.
func TestUploadTray(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for i := range 4 {
		d.files[fmt.Sprintf("there-%d.png", i)] = "old"
	}
	d.files["there-0 (2).png"] = "older"
	tab := browsertest.New(t, 1200, 800)
	tab.Open(d.url)
	tab.Until(`document.querySelector('#connection').innerText === 'live'`)
	drop(tab, "a.png", "b.png", "there-0.png", "there-1.png", "there-2.png", "note.txt", "c.png")
	tab.Until(trayTotal + ` === '3 of 7 uploaded, 3 need an answer, 1 refused'`)
	tab.Until(`document.activeElement.textContent === 'Keep both' && document.activeElement.closest('.asks')`)
	if first := browsertest.Eval[string](tab,
		trayFiles+`.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map((f) => f.className).join()`); first != "file asks,file asks,file asks,file wrong,file,file,file" {
		t.Errorf("in the order of %s", first)
	}
	d.write("a.png", text("x"))
	d.write("b.png", text("x"))
	tab.Until(trayFiles + `.every((f) => !/^[ab]\.png/.test(f.innerText)) && ` + trayFiles +
		`.some((f) => f.innerText.startsWith('c.png'))`)
	tab.Key("\t", "\t", "\r") // skips the first
	tab.Until(trayTotal +
		` === '3 of 7 uploaded, 2 need an answer, 1 refused' && document.activeElement.textContent === 'Keep both'`)
	tab.Click(`[data-act="all-both"]`)
	tab.Until(trayTotal + ` === '5 of 7 uploaded, 1 refused'`)
	drop(tab, "there-3.png")
	tab.Until(trayTotal + ` === '6 of 8 uploaded, 1 refused'`) // of the same count: it is answered
	for _, name := range []string{"there-1 (2).png", "there-2 (2).png", "there-3 (2).png", "c.png"} {
		d.write(name, text("x"))
	}
	tab.Until(trayFiles + `.length === 1`)
	tab.Click(`.tray .wrong button`)
	tab.Until(`document.querySelector('#tray').hidden`)

	tab.Click("#search")
	drop(tab, "there-0.png", "there-1.png")
	// the answer before was for those before
	tab.Until(trayTotal + ` === '0 of 2 uploaded, 2 need an answer' && document.activeElement.id === 'search'`)
	tab.Click(`[data-act="all-replace"]`)
	tab.Until(trayTotal + ` === '2 of 2 uploaded'`)
	d.write("there-0.png", text("x"))
	d.write("there-1.png", text("x"))
	tab.Until(`document.querySelector('#tray').hidden`)
	drop(tab, "there-0.png")
	tab.Until(`document.querySelector('.tray .asks')`)
	tab.Click(`.tray .asks button`) // keep both: the next name is taken, too
	tab.Until(`document.querySelector('.tray .asks .name')?.textContent === 'there-0 (2).png'`)
	tab.Click(`.tray .asks button:nth-child(3)`)
	tab.Until(`document.querySelector('#tray').hidden`)
	if d.files["there-1.png"] != "x" || d.files["there-2.png"] != "old" || d.files["there-0 (2).png"] != "older" {
		t.Errorf("%v", d.files)
	}
	if wide := browsertest.Eval[int](tab, `document.documentElement.scrollWidth`); wide > 1200 {
		t.Errorf("%d pixels wide", wide)
	}
}

// TestUploadOfMany: of many files only those are shown that something can be said of, and all are sent.
func TestUploadOfMany(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	tab := browsertest.New(t, 1200, 800)
	tab.Open(d.url)
	tab.Until(`document.querySelector('#connection').innerText === 'live'`)
	names := make([]string, 60)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%03d.png", strings.Repeat("<b>", 3), i)
	}
	drop(tab, names...)
	tab.Until(trayTotal + ` === '60 of 60 uploaded'`)
	if n := browsertest.Eval[int](tab, `document.querySelectorAll('.tray b').length`); n != 0 {
		t.Error("a name became HTML")
	}
	for _, name := range names {
		d.write(name, text("x"))
	}
	tab.Until(`document.querySelector('#tray').hidden && ` + rows + ` === 60`)
}
