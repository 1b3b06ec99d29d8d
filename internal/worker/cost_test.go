package worker_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// TestCallsOfEachDelivery: the cost of each kind of delivery in calls, as in the table of docs/capacity.md.
func TestCallsOfEachDelivery(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(w *world, ev document.Event)
		want    string
		data    []byte // nil: an image
	}{
		{"clean run", nil, "commit 2, open 1", nil},
		{"clean run, announced", func(w *world, _ document.Event) { w.announcing() }, "commit 3, open 1", nil},
		{"duplicate", func(w *world, ev document.Event) { w.worker().Process(w.t.Context(), ev) }, "read 1, refused 1",
			nil},
		{"leased elsewhere", func(w *world, ev document.Event) { w.die(ev) }, "read 1, refused 1", nil},
		{"after a crash", func(w *world, ev document.Event) { w.die(ev); time.Sleep(document.LeaseTime) },
			"read 1, commit 3, refused 1, clear 1, open 1", nil},
		{"redelivered after a fault", func(w *world, ev document.Event) {
			w.answer = func(context.Context, string) (ocr.Result, error) {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
			}
			w.worker().Process(w.t.Context(), ev)
			w.answer = nil
		}, "read 1, commit 2, refused 1, clear 1, open 1", nil},
		{"over an older generation", func(w *world, ev document.Event) {
			old := ev
			old.Generation--
			document.Update(w.t.Context(), w.records, ev.Object.ID(), document.Unread(),
				func(*document.Record) (*document.Change, error) {
					return &document.Change{Record: &document.Record{Bucket: "b", Name: ev.Name,
						Generation: old.Generation,
						Status:     document.StatusDone}}, nil
				})
		}, "read 1, commit 2, refused 1, clear 1, open 1", nil},
		{"superseded", func(w *world, ev document.Event) {
			w.worker().Process(w.t.Context(), w.bucket.Put(ev.Name, picture(32)))
		}, "read 1, refused 1, live 1", nil},
		{"fault", func(w *world, _ document.Event) {
			w.answer = func(context.Context, string) (ocr.Result, error) {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindUnavailable}
			}
		}, "commit 2, open 4", nil},
		{"70 s of reading", func(w *world, _ document.Event) {
			w.answer = func(_ context.Context, text string) (ocr.Result, error) {
				time.Sleep(70 * time.Second)
				return result(text), nil
			}
		}, "commit 4, open 1", nil},
		{"reuse, no such bytes", func(w *world, _ document.Event) { w.reuse() }, "reusable 1, commit 2, open 1", nil},
		{"copied, one page", func(w *world, _ document.Event) {
			w.reuse()
			w.put("first", picture(31))
		}, "reusable 1, commit 2", nil},
		{"copied, three pages", func(w *world, _ document.Event) {
			w.reuse()
			w.put("first", book(3))
		}, "reusable 1, read 1, commit 2, pages 1", book(3)},
		{"uploaded again", func(w *world, ev document.Event) {
			w.reuse()
			w.worker().Process(w.t.Context(), ev)
			document.Update(w.t.Context(), w.records, ev.Object.ID(), document.Unread(),
				func(old *document.Record) (*document.Change, error) {
					before := *old
					before.Generation--
					return &document.Change{Record: &before}, nil
				})
		}, "read 1, commit 2, refused 1, clear 1", nil},
		{"copied, announced", func(w *world, _ document.Event) {
			w.reuse()
			w.announcing()
			w.put("first", picture(31))
		}, "reusable 1, commit 3", nil},
		{"retried, with reuse", func(w *world, ev document.Event) {
			w.reuse()
			w.answer = func(context.Context, string) (ocr.Result, error) {
				return ocr.Result{}, &ocr.Error{Kind: ocr.KindBadImage}
			}
			w.worker().Process(w.t.Context(), ev)
			w.answer = nil
			if _, err := document.Retry(w.t.Context(), w.records, w.stored(ev.Name), "me", nil); err != nil {
				w.t.Fatal(err)
			}
		}, "read 1, commit 2, refused 1, clear 1, open 1", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				if c.data == nil {
					c.data = picture(31)
				}
				ev := w.bucket.Put("a.png", c.data)
				if c.prepare != nil {
					c.prepare(w, ev)
				}
				calls, applied := map[string]int{}, w.records.Commits
				var mu sync.Mutex
				count := func(op string) error {
					mu.Lock()
					defer mu.Unlock()
					calls[op]++
					return nil
				}
				w.records.Before = func(_ context.Context, op, _ string) error { return count(op) }
				w.bucket.Before = func(_ context.Context, op string, _ document.Object) error { return count(op) }
				w.worker().Process(t.Context(), ev)
				applied = w.records.Commits - applied
				calls["commit"], calls["refused"] = applied, calls["commit"]-applied
				got := ""
				for _, op := range []string{"reusable", "read", "commit", "refused", "pages", "clear", "live", "open"} {
					if calls[op] > 0 {
						got += fmt.Sprintf(", %s %d", op, calls[op])
					}
				}
				if got != ", "+c.want {
					t.Errorf("it cost %s, want %s", got[2:], c.want)
				}
			})
		})
	}
}
