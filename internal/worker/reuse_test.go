package worker_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// reusing runs f in a world whose workers reuse the text of the same bytes.
func reusing(t *testing.T, f func(t *testing.T, w *world)) {
	bubble(t, func(t *testing.T, w *world) {
		w.reuse()
		f(t, w)
	})
}

func (w *world) reuse() { w.options.Reuse, w.options.Model = true, "m" }

// put makes a new worker read or copy an object.
func (w *world) put(name string, data []byte) *document.Record {
	w.t.Helper()
	ev := w.bucket.Put(name, data)
	if out := w.worker().Process(w.t.Context(), ev).Outcome; out.Refused() {
		w.t.Fatalf("%s: %s\n%s", name, out, w.log)
	}
	return w.record(name)
}

func idOf(name string) string { return document.Object{Bucket: "b", Name: name}.ID() }

// wantCopy fails the test unless the document has that text, copied from the document of from.
func (w *world) wantCopy(name, from, text string) {
	w.t.Helper()
	r := w.want(name, document.StatusDone, "")
	if r.Text != text || r.CopiedFrom != idOf(from) || r.Usage != (document.Usage{}) || r.Model != "m" ||
		r.Lease != nil || !r.Due.IsZero() {
		w.t.Errorf("%s is not a copy of %s: %+v", name, from, r)
	}
	for _, pg := range w.pages(name) {
		if pg.Source != document.SourceCopy || pg.Usage != (document.Usage{}) || !pg.Blank && pg.Model != "m" {
			w.t.Errorf("%s: %+v", name, pg)
		}
	}
}

// TestSameBytesAreReadOnce: a rename, a copy and a re-upload get the text of the object that was read, without asking
// the OCR service.
func TestSameBytesAreReadOnce(t *testing.T) {
	blank := pagetest.TIFF(binary.LittleEndian,
		pagetest.Gray(image.NewGray(image.Rect(0, 0, 41, leastSide)), leastSide), pagetest.Gray(drawn(102), leastSide))
	for name, c := range map[string]struct {
		data []byte
		text string
	}{
		"image":                  {picture(31), "text of 31"},
		"book":                   {book(3), wholeText(3)},
		"book with a blank page": {blank, "\n\f\ntext of 102"},
	} {
		t.Run(name, func(t *testing.T) {
			reusing(t, func(t *testing.T, w *world) {
				w.put("a", c.data)
				calls := w.calls.Load()
				w.put("copy of a", c.data)
				w.wantCopy("copy of a", "a", c.text)
				w.put("a", c.data) // uploaded again
				w.wantCopy("a", "a", c.text)

				w.options.Erase = true
				for _, n := range []string{"a", "copy of a"} {
					w.worker().Process(t.Context(), w.bucket.Delete(n))
				}
				if w.put("b", c.data); w.calls.Load() != 2*calls || w.record("b").CopiedFrom != "" {
					t.Errorf("of what was erased a text is left: %+v", w.record("b"))
				}
				calls = w.calls.Load()
				opens := w.bucket.Opens
				for _, names := range [][2]string{{"b", "c"}, {"c", "d"}, {"d", "e"}} { // renamed again and again
					w.put(names[1], c.data)
					w.worker().Process(t.Context(), w.bucket.Delete(names[0]))
					w.wantCopy(names[1], "b", c.text)
				}
				w.put("e", c.data) // uploaded again, and no other document has it
				w.wantCopy("e", "b", c.text)
				if w.calls.Load() != calls || w.bucket.Opens != opens {
					t.Errorf("%d calls and %d opens for copies", w.calls.Load()-calls, w.bucket.Opens-opens)
				}
				if r := w.put("e", picture(99)); r.Text != "text of 99" || r.CopiedFrom != "" {
					t.Errorf("other bytes under the same name: %+v", r)
				}
			})
		})
	}
}

// TestFolderCopiedTenTimesCostsOne: in pages sent. Each copy's document and log line name its source.
func TestFolderCopiedTenTimesCostsOne(t *testing.T) {
	reusing(t, func(t *testing.T, w *world) {
		w.put("in/a.tiff", book(3))
		w.log.Reset()
		for n := range 10 {
			name := fmt.Sprintf("copy %d/a.tiff", n)
			w.put(name, book(3))
			w.wantCopy(name, "in/a.tiff", wholeText(3))
		}
		if w.calls.Load() != 3 || w.bucket.Opens != 1 {
			t.Errorf("%d pages sent, %d opens", w.calls.Load(), w.bucket.Opens)
		}
		says := fmt.Sprintf(`"copiedFrom":%q`, idOf("in/a.tiff"))
		if log := w.log.String(); strings.Count(log, "\n") != 10 || strings.Count(log, says) != 10 ||
			strings.Contains(log, "text of") {
			t.Error(log)
		}
	})
}

// TestLayoutIsCopied: blocks are in page documents, even for a single page.
func TestLayoutIsCopied(t *testing.T) {
	reusing(t, func(t *testing.T, w *world) {
		w.options.Mode = ocr.ModeLayout
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			r := result(text)
			r.Blocks = []ocr.Block{{Label: "title", Box: [4]int{1, 2, 3, 4}, Text: text}}
			return r, nil
		}
		w.put("a", picture(31))
		w.put("b", picture(31))
		w.wantCopy("b", "a", "text of 31")
		if pages := w.pages("b"); len(pages) != 1 || len(pages[0].Blocks) != 1 ||
			pages[0].Blocks[0].Text != "text of 31" || pages[0].Width != 31 {
			t.Errorf("%+v", pages)
		}
		w.answer = nil
		w.put("plain", picture(41)) // without blocks
		w.put("copy", picture(41))
		w.wantCopy("copy", "plain", "text of 41")
		w.put("plain", picture(41))
		w.wantCopy("plain", "plain", "text of 41")
	})
	for _, before := range []bool{true, false} {
		t.Run(fmt.Sprint("erased meanwhile, before its pages are read ", before), func(t *testing.T) {
			reusing(t, func(t *testing.T, w *world) {
				w.options.Mode, w.options.Erase = ocr.ModeLayout, true
				w.answer = func(_ context.Context, text string) (ocr.Result, error) {
					r := result(text)
					r.Blocks = []ocr.Block{{Label: "title", Text: text}}
					return r, nil
				}
				w.put("a", picture(31))
				eraser := w.worker()
				w.options.Records = between{w.records, func(op string, is bool) {
					if op == "pages" && is == before {
						eraser.Process(t.Context(), w.bucket.Delete("a"))
					}
				}}
				w.put("b", picture(31))
				if pages := w.pages("b"); len(pages) != 1 || len(pages[0].Blocks) != 1 ||
					w.record("b").CopiedFrom != "" {
					t.Errorf("%+v", pages)
				}
			})
		})
	}
}

// profiled is an OCR service of another profile.
type profiled struct {
	worker.Extractor
	name string
}

func (p profiled) Profile() ocr.Profile { return ocr.Profile{Name: p.name, Edge: 1540} }

// TestOnlySoundTextIsReused: objects that differ in bytes, owner or reader are read, and text in doubt is never copied.
func TestOnlySoundTextIsReused(t *testing.T) {
	warning := func(w *world) {
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			r := result(text)
			r.Warnings = []string{document.WarnRepetition}
			return r, nil
		}
	}
	refused := func(w *world) {
		w.answer = func(context.Context, string) (ocr.Result, error) {
			return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
		}
	}
	owned := func(w *world) {
		w.options.Owner = func(name string) string {
			owner, _, _ := strings.Cut(name, "/")
			return strings.TrimPrefix(owner, "shared")
		}
	}
	for name, c := range map[string]struct {
		data     []byte         // of both; nil: an image
		before   func(w *world) // the origin's upload
		between  func(w *world)
		names    [2]string // of origin and object
		event    func(ev *document.Event)
		retrying bool // the object's document was to be retried
		reused   bool
	}{
		"the same":     {reused: true},
		"switched off": {between: func(w *world) { w.options.Reuse = false }},
		"read with the switch off": {before: func(w *world) { w.options.Reuse = false },
			between: func(w *world) { w.options.Reuse = true }, reused: true},
		"another MD5":  {event: func(ev *document.Event) { ev.MD5 = strings.Repeat("0", 32) }},
		"no MD5":       {event: func(ev *document.Event) { ev.MD5 = "" }},
		"another size": {event: func(ev *document.Event) { ev.Size++ }},
		"no size":      {event: func(ev *document.Event) { ev.Size = 0 }},
		"another type declared": {event: func(ev *document.Event) { ev.ContentType = "image/webp" },
			reused: true},
		"the owner's":                       {before: owned, names: [2]string{"u/a", "u/b"}, reused: true},
		"another owner":                     {before: owned, names: [2]string{"u/a", "v/a"}},
		"an owner's, and the object's none": {before: owned, names: [2]string{"u/a", "shared/a"}},
		"none's, and the object has one":    {before: owned, names: [2]string{"shared/a", "u/a"}},
		"another model":                     {between: func(w *world) { w.options.Model = "m2" }},
		"another mode":                      {between: func(w *world) { w.options.Mode = ocr.ModeLayout }},
		"another profile": {between: func(w *world) {
			w.options.OCR = profiled{w, "lightonocr-3-1b"}
		}},
		"text of PDFs is taken now": {between: func(w *world) { w.options.PDFText = true }},
		"text of PDFs was taken": {before: func(w *world) { w.options.PDFText = true },
			between: func(w *world) { w.options.PDFText = false }},
		"a warning":     {before: warning, between: func(w *world) { w.answer = nil }},
		"failed":        {before: refused, between: func(w *world) { w.answer = nil }},
		"a page failed": {data: book(3, 2)},
		"pages skipped": {data: book(3), before: func(w *world) { w.first(2) }},
		"to be read again": {between: func(w *world) {
			document.Retry(w.t.Context(), w.records, w.stored("a"), "me", allPages)
		}},
		"read again in vain": {between: func(w *world) {
			refused(w)
			w.retry("a", allPages)
			w.answer = nil
		}},
		"read again": {between: func(w *world) { w.retry("a", allPages) }, reused: true},
		"read again, with a warning": {between: func(w *world) {
			warning(w)
			w.retry("a", allPages)
			w.answer = nil
		}},
		"retried":                    {retrying: true},
		"overwritten by other bytes": {between: func(w *world) { w.put("a", picture(99)) }},
		"erased": {between: func(w *world) {
			w.options.Erase = true
			w.worker().Process(w.t.Context(), w.bucket.Delete("a"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			reusing(t, func(t *testing.T, w *world) {
				if c.data == nil {
					c.data = picture(31)
				}
				if c.names == [2]string{} {
					c.names = [2]string{"a", "b"}
				}
				if c.before != nil {
					c.before(w)
				}
				w.put(c.names[0], c.data)
				if c.retrying {
					refuse := w.options
					refuse.OCR = extractor{func(context.Context, ocr.Image) (ocr.Result, error) {
						return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
					}}
					refuse.Reuse = false
					newWorker(t, refuse).Process(t.Context(), w.bucket.Put("b", c.data))
					w.want("b", document.StatusFailed, "ocr_rejected")
				}
				if c.between != nil {
					c.between(w)
				}
				opens := w.bucket.Opens
				if c.retrying {
					w.retry("b", nil)
				} else {
					ev := w.bucket.Put(c.names[1], c.data)
					if c.event != nil {
						c.event(&ev)
					}
					w.worker().Process(t.Context(), ev)
				}
				r := w.record(c.names[1])
				if read := w.bucket.Opens > opens; r.Status != document.StatusDone || read == c.reused ||
					read == (r.CopiedFrom != "") {
					t.Errorf("opened: %v, %+v\n%s", read, r, w.log)
				}
			})
		})
	}
}

// TestCopyIsReadOnRequest: bucketocr retry reads the object, whose text is then its own and may be copied in turn.
func TestCopyIsReadOnRequest(t *testing.T) {
	for name, data := range map[string][]byte{"image": picture(31), "book": book(3)} {
		t.Run(name, func(t *testing.T) {
			reusing(t, func(t *testing.T, w *world) {
				w.put("a", data)
				w.put("b", data)
				calls := w.calls.Load()
				w.answer = func(_ context.Context, text string) (ocr.Result, error) {
					return result(text + ", better"), nil
				}
				w.options.Erase = true
				w.worker().Process(t.Context(), w.bucket.Delete("a"))
				w.retry("b", allPages)
				r := w.want("b", document.StatusDone, "")
				if w.calls.Load() != 2*calls || !strings.Contains(r.Text, "better") || r.CopiedFrom != "" ||
					r.Usage.PromptTokens == 0 {
					t.Errorf("%d calls, %+v", w.calls.Load(), r)
				}
				for _, pg := range w.pages("b") {
					if pg.Source != document.SourceOCR {
						t.Errorf("%+v", pg)
					}
				}
				w.put("c", data)
				w.wantCopy("c", "b", r.Text)
			})
		})
	}
	t.Run("one page of a book", func(t *testing.T) {
		reusing(t, func(t *testing.T, w *world) {
			w.put("a", book(3))
			w.put("b", book(3))
			w.retry("b", func(pg document.Page) bool { return pg.Page == 2 })
			r := w.want("b", document.StatusDone, "")
			if pages := w.pages("b"); w.calls.Load() != 4 || r.CopiedFrom != idOf("a") ||
				pages[0].Source != document.SourceCopy || pages[1].Source != document.SourceOCR {
				t.Errorf("%d calls, %+v", w.calls.Load(), r)
			}
			if r.ReuseKey != "" {
				t.Error("what is a copy in part is an origin")
			}
		})
	})
}

// TestOriginThatChangesMeanwhileIsLeft: if the origin changes between any two steps of copying, the object is read, or
// its text is that of one state of the origin, never of two.
func TestOriginThatChangesMeanwhileIsLeft(t *testing.T) {
	changes := map[string]func(w *world){
		"erased": func(w *world) {
			o := w.options
			o.Erase = true
			newWorker(w.t, o).Process(w.t.Context(), w.bucket.Delete("a"))
		},
		"overwritten": func(w *world) { w.put("a", picture(99)) },
		"to be read again": func(w *world) {
			document.Retry(w.t.Context(), w.records, w.stored("a"), "me", allPages)
		},
		"read again": func(w *world) { w.retry("a", allPages) },
		"read again, with a warning": func(w *world) {
			answer := w.answer
			w.answer = func(_ context.Context, text string) (ocr.Result, error) {
				r := result(text + ", again")
				r.Warnings = []string{document.WarnTruncated}
				return r, nil
			}
			w.retry("a", allPages)
			w.answer = answer
		},
	}
	for name, change := range changes {
		for _, data := range [][]byte{picture(31), book(3)} {
			for _, op := range []string{"reusable", "pages", "read", "commit"} {
				for _, after := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, %d bytes, at %s, after it %v", name, len(data), op, after),
						func(t *testing.T) {
							reusing(t, func(t *testing.T, w *world) {
								first := w.put("a", data)
								w.answer = func(_ context.Context, text string) (ocr.Result, error) {
									return result(text + ", again"), nil
								}
								ev := w.bucket.Put("b", data)
								changed := false
								w.options.Records = between{w.records, func(at string, before bool) {
									if at == op && before != after && !changed && w.records.Record(idOf("b")) != nil {
										changed = true
										records := w.options.Records
										w.options.Records = w.records
										change(w)
										w.options.Records = records
									}
								}}
								w.worker().Process(t.Context(), ev)
								r := w.want("b", document.StatusDone, "")
								whole := strings.ReplaceAll(first.Text+"\n", "\n", ", again\n")
								whole = strings.TrimSuffix(strings.ReplaceAll(whole, "\f, again", "\f"), "\n")
								if r.Text != first.Text && r.Text != whole || r.Text == first.Text &&
									r.CopiedFrom != idOf("a") || len(r.Warnings) > 0 {
									t.Errorf("%q, want %q or %q: %+v", r.Text, first.Text, whole, r)
								}
								for n, pg := range w.pages("b") {
									if texts := strings.Split(r.Text, document.PageBreak); pg.Text != texts[n] {
										t.Errorf("page %d is %q of %q", n+1, pg.Text, texts)
									}
								}
							})
						})
				}
			}
		}
	}
}

// TestPagesOfTwoReadingsAreNotMixed: an origin that is read again while its pages are copied temporarily has pages of
// both readings, and the same key before and after.
func TestPagesOfTwoReadingsAreNotMixed(t *testing.T) {
	reusing(t, func(t *testing.T, w *world) {
		w.put("a", book(3))
		replace := func(key string, numbers ...int) {
			c := &document.Change{Stamps: document.StampFinished}
			for _, n := range numbers {
				c.Pages = append(c.Pages,
					document.Page{Page: n, Generation: 1, Text: "of another reading", Source: document.SourceOCR,
						Model: "m"})
			}
			document.Update(t.Context(), w.records, idOf("a"), document.Unread(),
				func(old *document.Record) (*document.Change, error) {
					r := *old
					c.Record, r.ReuseKey = &r, key
					return c, nil
				})
		}
		key := w.record("a").ReuseKey
		time.Sleep(time.Second)
		w.options.Records = between{w.records, func(op string, before bool) {
			switch {
			case op == "pages" && before:
				replace("", 1)
			case op == "pages":
				replace(key, 2, 3)
			}
		}}
		if r := w.put("b", book(3)); r.Text != wholeText(3) || r.CopiedFrom != "" {
			t.Errorf("%+v", r)
		}
	})
}

// between is a store that calls a func before and after each call.
type between struct {
	document.Store
	do func(op string, before bool)
}

func (b between) Reusable(ctx context.Context, key string) (*document.Stored, error) {
	b.do("reusable", true)
	defer b.do("reusable", false)
	return b.Store.Reusable(ctx, key)
}

func (b between) Pages(ctx context.Context, id string, generation int64) ([]document.Page, error) {
	b.do("pages", true)
	defer b.do("pages", false)
	return b.Store.Pages(ctx, id, generation)
}

func (b between) Get(ctx context.Context, id string) (*document.Stored, error) {
	b.do("read", true)
	defer b.do("read", false)
	return b.Store.Get(ctx, id)
}

func (b between) Commit(ctx context.Context, id string, from *document.Stored, c *document.Change) (*document.Stored,
	error) {
	b.do("commit", true)
	defer b.do("commit", false)
	return b.Store.Commit(ctx, id, from, c)
}

// TestCopyThatIsCutConverges: with a fault or a crash at each call, for a copy of another document and of the previous
// generation, the record converges to the whole text with its pages.
func TestCopyThatIsCutConverges(t *testing.T) {
	for _, name := range []string{"a", "b"} {
		for _, dies := range []bool{true, false} {
			for at := range 9 {
				t.Run(fmt.Sprintf("%s, call %d, dies %v", name, at, dies), func(t *testing.T) {
					reusing(t, func(t *testing.T, w *world) {
						p := w.announcing()
						w.put("a", book(3))
						ev := w.bucket.Put(name, book(3))
						w.breaking(func(n int) bool { return n == at || dies && n > at })
						w.worker().Process(t.Context(), ev)
						w.heal()
						if r := w.records.Record(ev.Object.ID()); r != nil && r.Generation == ev.Generation &&
							r.Status != document.StatusDone && (r.CopiedFrom != "" || len(w.pages(name)) > 0) {
							t.Errorf("half a copy: %+v", r)
						}
						time.Sleep(document.LeaseTime + document.DueGrace)
						if out := w.worker().Process(t.Context(), ev).Outcome; out.Refused() {
							t.Errorf("outcome %s\n%s", out, w.log)
						}
						r := w.want(name, document.StatusDone, "")
						if r.Text != wholeText(3) || len(w.pages(name)) != 3 ||
							(r.CopiedFrom == "") != (r.Usage.PromptTokens > 0) {
							t.Errorf("%+v", r)
						}
						if told := p.told[len(p.told)-1]; told.Write == "" || told.Generation != ev.Generation ||
							*r.Notified != true {
							t.Errorf("the end of the copy was not announced: %+v", p.told)
						}
					})
				})
			}
		}
	}
}

// TestReuseNeverKeepsAnObjectFromBeingRead: a failed query costs sending the page, and a log line.
func TestReuseNeverKeepsAnObjectFromBeingRead(t *testing.T) {
	for name, fail := range map[string]func() error{
		"store":  func() error { return fmt.Errorf("%w: no such index", document.ErrStoreMisconfigured) },
		"a bug":  func() error { panic("secret") },
		"others": func() error { return errors.New("secret") },
	} {
		t.Run(name, func(t *testing.T) {
			reusing(t, func(t *testing.T, w *world) {
				w.put("a", picture(31))
				w.records.Before = func(_ context.Context, op, _ string) error {
					if op == "reusable" {
						return fail()
					}
					return nil
				}
				if r := w.put("b", picture(31)); r.Status != document.StatusDone || r.CopiedFrom != "" ||
					w.calls.Load() != 2 {
					t.Errorf("%+v", r)
				}
				if log := w.log.String(); strings.Count(log, `"no text reused"`) != 1 ||
					strings.Contains(log, "secret") != (name == "others") {
					t.Error(log)
				}
			})
		})
	}
}

// TestAttemptsThatReadAlikeMakeAnOrigin: a book that took several attempts is copied if all of them read it in the same
// way.
func TestAttemptsThatReadAlikeMakeAnOrigin(t *testing.T) {
	for name, c := range map[string]struct {
		between func(w *world)
		reused  bool
	}{
		"alike":           {func(*world) {}, true},
		"another mode":    {func(w *world) { w.options.Mode = ocr.ModeLayout }, false},
		"another profile": {func(w *world) { w.options.OCR = profiled{w, "generic"} }, false},
		"another model": {func(w *world) {
			w.options.Model = "m2"
			w.answer = func(_ context.Context, text string) (ocr.Result, error) {
				r := result(text)
				r.Model = "m2"
				return r, nil
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			reusing(t, func(t *testing.T, w *world) {
				w.options.OCRConcurrency = 1
				down := true
				w.answer = func(_ context.Context, text string) (ocr.Result, error) {
					if down && text == "text of 103" {
						return ocr.Result{}, &ocr.Error{Kind: ocr.KindForbidden}
					}
					return result(text), nil
				}
				ev := w.bucket.Put("a", book(3))
				w.worker().Process(t.Context(), ev)
				if r := w.want("a", document.StatusRetrying, "ocr_misconfigured"); r.PagesDone != 2 ||
					r.ReuseKey != "" {
					t.Fatalf("%+v", r)
				}
				down = false
				c.between(w)
				w.worker().Process(t.Context(), ev)
				if r := w.want("a", document.StatusDone, ""); (r.Mode != "") != c.reused && name != "another model" {
					t.Errorf("%+v", r)
				}
				for _, model := range []string{w.options.Model, "m"} {
					w.options.Model = model
					if r := w.put("by "+model, book(3)); (r.CopiedFrom == idOf("a")) != c.reused {
						t.Errorf("%+v\nof %+v", r, w.record("a"))
					}
				}
			})
		})
	}
}

// TestWhatIsInPartAnothersIsNoOrigin: a document is not reused if earlier pages were read in another way than the
// others, or in an unknown way.
func TestWhatIsInPartAnothersIsNoOrigin(t *testing.T) {
	second := func(pg document.Page) bool { return pg.Page == 2 }
	for name, again := range map[string]func(w *world){
		"the first pages by an earlier attempt": func(w *world) {
			down := true
			w.options.OCRConcurrency = 1
			w.answer = func(_ context.Context, text string) (ocr.Result, error) {
				if down && text == "text of 103" {
					return ocr.Result{}, &ocr.Error{Kind: ocr.KindForbidden}
				}
				return result(text), nil
			}
			w.retry("a", allPages)
			if r := w.record("a"); r.Rereading == nil || r.Rereading.PagesDone != 2 {
				w.t.Fatalf("%+v", r)
			}
			down, w.options.Mode = false, ocr.ModeLayout
			time.Sleep(15 * time.Minute)
			w.worker().Sweep(w.t.Context())
		},
		"one page in another mode": func(w *world) {
			w.options.Mode = ocr.ModeLayout
			w.retry("a", second)
		},
		"one page by another model": func(w *world) {
			w.answer = func(_ context.Context, text string) (ocr.Result, error) {
				r := result(text)
				r.Model = "m2"
				return r, nil
			}
			w.retry("a", second)
		},
		"pages of the file": func(w *world) {
			w.resumed(document.SourcePDFText, 1)
		},
		"copied pages": func(w *world) {
			w.resumed(document.SourceCopy, 1)
			if r := w.record("a"); r.CopiedFrom != "the first" {
				w.t.Errorf("%+v", r)
			}
		},
		"copied pages alone": func(w *world) {
			w.resumed(document.SourceCopy, 1, 2, 3)
		},
	} {
		t.Run(name, func(t *testing.T) {
			reusing(t, func(t *testing.T, w *world) {
				w.put("a", book(3))
				again(w)
				if r := w.want("a", document.StatusDone, ""); r.Text != wholeText(3) || r.Rereading != nil ||
					r.ReuseKey != "" {
					t.Errorf("%+v", r)
				}
			})
		})
	}
	t.Run("one page as before", func(t *testing.T) {
		reusing(t, func(t *testing.T, w *world) {
			w.put("a", book(3))
			key := w.record("a").ReuseKey
			w.retry("a", second)
			if r := w.want("a", document.StatusDone, ""); r.ReuseKey != key {
				t.Errorf("%+v", r)
			}
		})
	})
}

// resumed makes an attempt continue where another one left pages of that source.
func (w *world) resumed(source string, numbers ...int) {
	c, model := &document.Change{}, "m"
	if source == document.SourcePDFText {
		model = ""
	}
	for _, n := range numbers {
		c.Pages = append(c.Pages,
			document.Page{Page: n, Generation: 1, Text: fmt.Sprintf("text of %d", 100+n), Source: source, Model: model})
	}
	document.Update(w.t.Context(), w.records, idOf("a"), document.Unread(),
		func(old *document.Record) (*document.Change, error) {
			r := *old
			r.Status, r.Text, r.PagesDone, r.ReuseKey, r.CopiedFrom, r.Due = document.StatusRetrying, "", len(numbers),
				"",
				"the first", time.Now()
			c.Record = &r
			for n := 1; n <= 3; n++ {
				if n > len(numbers) {
					c.Drop = append(c.Drop, n)
				}
			}
			return c, nil
		})
	w.worker().Sweep(w.t.Context())
}

// TestPagesThatWereReadStay: they were paid for, and a copy replaces none.
func TestPagesThatWereReadStay(t *testing.T) {
	reusing(t, func(t *testing.T, w *world) {
		w.put("a", book(3))
		document.Update(t.Context(), w.records, idOf("b"), document.Unread(),
			func(*document.Record) (*document.Change, error) {
				r := *w.record("a")
				ev := w.bucket.Put("b", book(3))
				r.Name, r.Generation, r.Status, r.Text, r.PagesDone, r.ReuseKey, r.Due = "b", ev.Generation,
					document.StatusRetrying, "", 1, "", time.Now()
				first := document.Page{Page: 1, Generation: ev.Generation, Text: "its own", Source: document.SourceOCR,
					Model: "m"}
				return &document.Change{Record: &r, Pages: []document.Page{first}}, nil
			})
		w.worker().Sweep(t.Context())
		r := w.want("b", document.StatusDone, "")
		if r.Text != strings.Replace(wholeText(3), "text of 101", "its own", 1) || w.pages("b")[0].Text != "its own" ||
			w.calls.Load() != 5 {
			t.Errorf("%d calls, %+v", w.calls.Load(), r)
		}
	})
}

// adopting is an OCR service whose first answer reveals another model with another profile.
type adopting struct{ *world }

func (a adopting) Profile() ocr.Profile {
	return ocr.Profile{Name: fmt.Sprint("profile ", min(a.calls.Load(), 1)), Edge: 1540}
}

// TestTextOfTwoProfilesIsNotReused: neither by workers with the first profile nor by those with the second.
func TestTextOfTwoProfilesIsNotReused(t *testing.T) {
	reusing(t, func(t *testing.T, w *world) {
		w.options.OCR = adopting{w}
		w.put("a", picture(31))
		for n := range 2 {
			w.options.OCR = profiled{w, fmt.Sprint("profile ", n)}
			if r := w.put(fmt.Sprint(n), picture(31)); r.CopiedFrom != "" {
				t.Errorf("%+v", r)
			}
		}
	})
}

// TestModelIsTheOneThatAnswers: if the service answers with another model name than requested, an instance learns it
// from the first answer.
func TestModelIsTheOneThatAnswers(t *testing.T) {
	reusing(t, func(t *testing.T, w *world) {
		w.options.Model = "alias"
		p := w.worker()
		for _, name := range []string{"a", "b", "c"} {
			p.Process(t.Context(), w.bucket.Put(name, picture(31)))
			w.want(name, document.StatusDone, "")
		}
		if w.calls.Load() != 1 {
			t.Errorf("%d calls", w.calls.Load())
		}
	})
}
