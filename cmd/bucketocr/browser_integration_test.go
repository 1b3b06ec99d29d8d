//go:build integration

package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/browsertest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

var pageURL = regexp.MustCompile(`(?m)(?:^page +| at )(http://127\.0\.0\.1:\d+)/\?key=(\w+)$`)

// serving runs a command that serves a page until the test ends, admits the browser, and returns the page's address.
func (d *desk) serving(tab *browsertest.Tab, until string, args ...string) string {
	d.t.Helper()
	ctx, stop := context.WithCancelCause(context.Background())
	out := newOutput()
	code := make(chan int)
	lookup := func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }
	go func() {
		code <- run(ctx, system{out, out, lookup, func(int) time.Duration { return 0 }, nil, ""}, args)
	}()
	d.t.Cleanup(func() {
		stop(signaled{os.Interrupt})
		if c := <-code; c != exitInterrupted {
			d.t.Errorf("exit code %d\n%s", c, out)
		}
	})
	out.until(d.t, until)
	found := pageURL.FindStringSubmatch(out.String())
	if found == nil {
		d.t.Fatalf("no page:\n%s", out)
	}
	if tab != nil {
		tab.Open(found[1] + "/?key=" + found[2])
		tab.Until(`location.search === '' && document.querySelector('#connection')`)
	}
	return found[1]
}

// drop drops a file on the page, as a mouse would.
func dropOn(tab *browsertest.Tab, name string, data []byte) {
	browsertest.Eval[any](tab, fmt.Sprintf(`(() => {
		const bytes = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0)), carried = new DataTransfer();
		carried.items.add(new File([bytes], %q));
		window.dispatchEvent(new DragEvent('drop', {dataTransfer: carried, bubbles: true, cancelable: true}));
		return null;
	})()`, base64.StdEncoding.EncodeToString(data), name))
}

func statusOf(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('.row')].find((r) => r.querySelector('.name').textContent === %q)?.dataset.status`,
		name)
}

// TestPageOverBothStores: a file is dropped on the page, moves to done, and is opened, its image beside its text;
// another one fails, shows the reason, and is retried with success. An existing file is not overwritten without asking.
func TestPageOverBothStores(t *testing.T) {
	for _, store := range []string{"folder", "firestore"} {
		t.Run(store, func(t *testing.T) {
			tab := browsertest.New(t, 1200, 800)
			d := newDesk(t, nil)
			if store == "firestore" {
				d.env["FIRESTORE_EMULATOR_HOST"], d.env["GOOGLE_CLOUD_PROJECT"] = gcptest.Firestore(t),
					gcptest.Project(t)
			}
			d.ocr.For(apptest.PNG(60), ocrtest.Text("# Dropped\n\n$x^2$"))
			// to bad.png, however it is sent
			d.ocr.Default(ocrtest.LlamaError(400, "invalid_request_error", "Failed to load image"))
			url := d.serving(tab, "page ", "up", "--create", "--page", "0", d.dir)
			tab.Open(url)
			tab.Until(`document.querySelector('#empty').innerText.includes('Drop an image')`)

			dropOn(tab, "dropped.png", apptest.PNG(60))
			tab.Until(statusOf("dropped.png") + ` === 'done'`)
			tab.Click(`.row`)
			tab.Until(`document.querySelector('.reading h1')?.textContent === 'Dropped' && document.querySelector('.reading math msup')`)
			tab.Until(`document.querySelector('.scan img').naturalWidth === 60`)

			dropOn(tab, "dropped.png", apptest.PNG(62))
			tab.Until(`document.querySelector('.tray .said')?.innerText.includes('already exists')`)
			tab.Click(`.tray .choices button:nth-child(3)`)
			dropOn(tab, "notes.txt", []byte("no image"))
			tab.Until(`document.querySelector('.tray .wrong')?.innerText.includes('neither an image nor a PDF')`)

			dropOn(tab, "bad.png", apptest.PNG(61))
			tab.Until(statusOf("bad.png") + ` === 'failed'`)
			tab.Until(`[...document.querySelectorAll('.row .note')].some((n) => n.innerText.includes('cannot read this image'))`)
			d.ocr.For(apptest.PNG(61), ocrtest.Text("read after all"))
			browsertest.Eval[any](tab,
				`([...document.querySelectorAll('.row')].find((r) => r.dataset.status === 'failed').click(), null)`)
			tab.Until(`document.querySelector('.view .reason')?.innerText.includes('ocr_rejected')`)
			tab.Click(`[data-act="retry"]`)
			tab.Until(`document.querySelector('.reading')?.innerText.includes('read after all')`)
			tab.Key("a")
			tab.Until(`document.querySelector('[data-act="card-service"] .big').innerText === '0 of at most 8' && document.querySelector('[data-act="card-passes"] .big').innerText.endsWith('ago')`)
			tab.Until(`Number(document.querySelector('[data-act="card-today"] .big span').innerText) >= 2 && document.querySelector('.calm')?.innerText === 'Nothing needs your attention.'`)
			tab.Key("\x1b")
			tab.Until(`document.querySelector('#view').hidden && document.querySelectorAll('.thumb img').length === 2`)
			tab.Key("/", "after")
			if store == "folder" {
				tab.Until(`document.querySelectorAll('.row').length === 1 && document.querySelector('.row mark')?.textContent === 'after' && document.querySelector('.row .name').textContent === 'bad.png'`)
			} else {
				tab.Until(`document.querySelectorAll('.row').length === 0 && document.querySelector('#found').innerText.includes('Only names are searched')`)
			}
			tab.Key("\x1b")
			browsertest.Eval[any](tab,
				`(() => { const s = document.querySelector('#search'); s.value = ''; s.dispatchEvent(new Event('input')); return null; })()`)
			tab.Until(`document.querySelectorAll('.row').length === 2`)
			if zip := browsertest.Eval[string](tab, `new Promise((ready) => {
				HTMLAnchorElement.prototype.click = function () { fetch(this.href).then((r) => r.text()).then(ready); };
				document.querySelector('#all').click();
				document.querySelector('[data-act="bulk-export"]').click(); })`); !strings.HasPrefix(zip, "PK") || !strings.Contains(zip, "bad.png.md") || !strings.Contains(zip, "dropped.png.md") {
				t.Errorf("exported: %.100q", zip)
			}
			tab.Click(`[data-act="bulk-delete"]`)
			tab.Click("#ask-yes")
			tab.Until(`document.querySelectorAll('.row').length === 0 && document.querySelector('[data-kind="deleted"] .count').textContent === '2'`)
			if b, err := os.ReadFile(filepath.Join(d.dir, "dropped.png")); err != nil ||
				string(b) != string(apptest.PNG(60)) {
				t.Errorf("the first file: %v", err)
			}
		})
	}
}

// TestUIOverCloud: the page over Firestore and a bucket, with no worker: what is there is seen, images come from the
// bucket, and a failed document is put back for the sweep.
func TestUIOverCloud(t *testing.T) {
	tab := browsertest.New(t, 1200, 800)
	host, project := gcptest.Firestore(t), gcptest.Project(t)
	bucket := gcptest.NewBucket(t, "scans")
	records := firestore.New(firestore.Config{Project: project, Collection: "ocr_documents", Emulator: host})
	defer records.Close()
	put := func(name string, change func(*document.Record)) document.Object {
		o := document.Object{Bucket: "scans", Name: name,
			Generation: bucket.Put(name, apptest.PNG(70), "image/png", nil)}
		_, err := document.Update(t.Context(), records, o.ID(), document.Unread(),
			func(*document.Record) (*document.Change, error) {
				r := &document.Record{Bucket: o.Bucket, Name: o.Name, Generation: o.Generation, Pages: 1, PagesDone: 1,
					Attempt: 1}
				change(r)
				return &document.Change{Record: r,
					Stamps: document.StampCreated | document.StampStarted | document.StampFinished}, nil
			})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	put("old.png", func(r *document.Record) { r.Status, r.Text = document.StatusDone, "old" })
	o := put("a.png", func(r *document.Record) {
		r.Status, r.Error = document.StatusFailed, &document.Error{Code: document.CodeOCRTimeout}
	})
	d := &desk{
		t: t, env: map[string]string{"FIRESTORE_EMULATOR_HOST": host, "GOOGLE_CLOUD_PROJECT": project,
			"STORAGE_EMULATOR_HOST": bucket.Host(), "USER": "ada"}}
	tab.Open(d.serving(tab, " at http://", "ui", "--listen", "0", "--newest", "1") + "/#" + o.ID())
	tab.Until(`document.querySelector('.scan img')?.naturalWidth === 70 && document.querySelector('#add').hidden`)
	tab.Until(`document.querySelectorAll('.row').length === 1 && document.querySelector('#connection').innerText.includes('newest 1')`)
	tab.Click(`[data-act="retry"]`)
	tab.Until(`document.querySelector('.view .state').dataset.status === 'retrying'`)
	if r, err := records.Get(t.Context(), o.ID()); err != nil || r.Status != document.StatusRetrying ||
		r.RetriedBy != "ada, on the page" {
		t.Errorf("%+v %v", r, err)
	}

	// The operator's view: what only the function's instances know is not known here, a reconciliation is read from its
	// record.
	passes := firestore.New(firestore.Config{Project: project, Collection: app.Turns("ocr_documents"), Emulator: host})
	defer passes.Close()
	_, err := document.Update(t.Context(), passes, "reconcile-scans", document.Unread(),
		func(*document.Record) (*document.Change, error) {
			return &document.Change{Record: &document.Record{Bucket: "scans", Status: document.StatusRetrying},
				Stamps: document.StampCreated | document.StampFinished}, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	tab.Key("a")
	tab.Until(`document.querySelector('[data-act="card-service"]').innerText.includes('bucketocr.pace') && document.querySelector('[data-act="card-passes"] dd').innerText.endsWith(' ago')`)
	tab.Until(`document.querySelector('[data-act="oldest"]').innerText === 'a.png' && document.querySelector('.partial').innerText.includes('newest 1')`)

	// A newer document displaces it.
	put("new.png", func(r *document.Record) { r.Status, r.Text = document.StatusDone, "new" })
	tab.Until(`!document.querySelector('[data-act="oldest"]')`)
	tab.Key("a")
	tab.Until(`[...document.querySelectorAll('.row .name')].map((r) => r.textContent).join() === 'new.png'`)
}

// TestUIBesideUp: the page of another process over the folder in which up works.
func TestUIBesideUp(t *testing.T) {
	tab := browsertest.New(t, 1200, 800)
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(71)})
	d.ocr.Default(ocrtest.Text("read"))
	d.serving(nil, "done ", "up", "--page", "0", d.dir)
	id := document.Object{Bucket: "My scans", Name: "a.png"}.ID()
	tab.Open(d.serving(tab, " at http://", "ui", "--local", d.dir, "--listen", "0") + "/#" + id)
	tab.Until(`document.querySelector('.reading')?.innerText.includes('read') && document.querySelector('.scan img').naturalWidth === 71`)
}

// TestPagePort: a port in use and an invalid address end the command before it does anything.
func TestPagePort(t *testing.T) {
	d := newDesk(t, nil)
	for _, at := range []string{"127.0.0.1:99999", "nonsense", "192.0.2.1:80"} {
		if code, out := d.up(t.Context(), "--create", "--page", at); code != exitUsage {
			t.Errorf("%s: %d %s", at, code, out)
		}
	}
}
