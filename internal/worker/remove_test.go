package worker_test

import (
	"context"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// TestDeletionKeepsOrErases: with ON_DELETE=keep nothing is written, with erase a marker is left.
func TestDeletionKeepsOrErases(t *testing.T) {
	for _, c := range []struct {
		name  string
		erase bool
		// run delivers events in some order and returns the last outcome.
		run    func(w *world, p *worker.Worker) document.Outcome
		out    document.Outcome
		status document.Status // empty: no record
		calls  int64
	}{
		{"kept", false, func(w *world, p *worker.Worker) document.Outcome {
			p.Process(w.t.Context(), w.bucket.Put("a.png", picture(31)))
			return p.Process(w.t.Context(), w.bucket.Delete("a.png")).Outcome
		}, document.OutcomeFiltered, document.StatusDone, 1},
		{"erased", true, func(w *world, p *worker.Worker) document.Outcome {
			p.Process(w.t.Context(), w.bucket.Put("a.png", picture(31)))
			return p.Process(w.t.Context(), w.bucket.Delete("a.png")).Outcome
		}, document.OutcomeDeleted, document.StatusDeleted, 1},
		{"never seen, and a late finalize", true, func(w *world, p *worker.Worker) document.Outcome {
			ev := w.bucket.Put("a.png", picture(31))
			if out := p.Process(w.t.Context(), w.bucket.Delete("a.png")).Outcome; out != document.OutcomeDeleted {
				w.t.Errorf("the delete: %s", out)
			}
			return p.Process(w.t.Context(), ev).Outcome
		}, document.OutcomeDuplicate, document.StatusDeleted, 0},
		{"twice", true, func(w *world, p *worker.Worker) document.Outcome {
			p.Process(w.t.Context(), w.bucket.Put("a.png", picture(31)))
			del := w.bucket.Delete("a.png")
			p.Process(w.t.Context(), del)
			return p.Process(w.t.Context(), del).Outcome
		}, document.OutcomeDeleted, document.StatusDeleted, 1},
		{"an overwrite's, after the new one", true, func(w *world, p *worker.Worker) document.Outcome {
			p.Process(w.t.Context(), w.bucket.Put("a.png", picture(31)))
			del := w.bucket.Delete("a.png")
			p.Process(w.t.Context(), w.bucket.Put("a.png", picture(32)))
			return p.Process(w.t.Context(), del).Outcome
		}, document.OutcomeSuperseded, document.StatusDone, 2},
		{"an overwrite's, before the new one", true, func(w *world, p *worker.Worker) document.Outcome {
			p.Process(w.t.Context(), w.bucket.Put("a.png", picture(31)))
			p.Process(w.t.Context(), w.bucket.Delete("a.png"))
			return p.Process(w.t.Context(), w.bucket.Put("a.png", picture(32))).Outcome
		}, document.OutcomeDone, document.StatusDone, 2},
		{"an overwrite's with a higher number, while the lower one lives", true,
			func(w *world, p *worker.Worker) document.Outcome {
				p.Process(w.t.Context(), w.bucket.PutAs("a.png", 9, picture(31)))
				del := w.bucket.Delete("a.png")
				p.Process(w.t.Context(), w.bucket.PutAs("a.png", 4, picture(32)))
				return p.Process(w.t.Context(), del).Outcome
			}, document.OutcomeSuperseded, document.StatusDone, 2},
		{"of a newer one whose finalize was lost", true, func(w *world, p *worker.Worker) document.Outcome {
			p.Process(w.t.Context(), w.bucket.Put("a.png", picture(31)))
			w.bucket.Put("a.png", picture(32))
			return p.Process(w.t.Context(), w.bucket.Delete("a.png")).Outcome
		}, document.OutcomeDeleted, document.StatusDeleted, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.options.Erase = c.erase
				if out := c.run(w, w.worker()); out != c.out {
					t.Errorf("outcome %s, want %s\n%s", out, c.out, w.log)
				}
				r := w.want("a.png", c.status, "")
				if c.status == document.StatusDeleted &&
					(r.Text != "" || r.Attempt != 0 || r.Metadata != nil || r.MarkerExpires.IsZero()) {
					t.Errorf("the marker holds more than it should: %+v", r)
				}
				if w.calls.Load() != c.calls {
					t.Errorf("%d calls", w.calls.Load())
				}
			})
		})
	}
}

// TestErasedRecordStaysErased: the holder's closing write is refused, and the text does not come back.
func TestErasedRecordStaysErased(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.Erase = true
		p := w.worker()
		ev := w.bucket.Put("a.png", picture(31))
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			p.Process(t.Context(), w.bucket.Delete("a.png"))
			return result(text), nil
		}
		if out := p.Process(t.Context(), ev).Outcome; out.Refused() {
			t.Errorf("outcome %s", out)
		}
		if r := w.want("a.png", document.StatusDeleted, ""); r.Text != "" {
			t.Errorf("%+v", r)
		}
	})
}

// TestMarkerClearsPagesAfterACrash: after a crash between writing the marker and clearing the pages, the next event
// that finds the marker clears them.
func TestMarkerClearsPagesAfterACrash(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.options.Erase = true
		p := w.worker()
		ev := w.bucket.Put("a.png", picture(31))
		id := ev.Object.ID()
		document.Update(t.Context(), w.records, id, document.Unread(),
			func(*document.Record) (*document.Change, error) {
				return &document.Change{
					Record: &document.Record{Bucket: "b", Name: "a.png", Generation: ev.Generation,
						Status: document.StatusDone},
					Pages: []document.Page{{Page: 1, Generation: ev.Generation, Text: "secret"}},
				}, nil
			})
		w.records.Before = func(_ context.Context, op, _ string) error {
			if op == "clear" {
				return document.ErrStoreUnavailable
			}
			return nil
		}
		if out := p.Process(t.Context(), w.bucket.Delete("a.png")).Outcome; out != document.OutcomeRetry {
			t.Errorf("the delete that could not clear: %s", out)
		}
		w.records.Before = nil
		if out := p.Process(t.Context(), ev).Outcome; out != document.OutcomeDuplicate {
			t.Errorf("the late finalize: %s", out)
		}
		if pages, _ := w.records.Pages(t.Context(), id, ev.Generation); len(pages) != 0 {
			t.Errorf("pages under the marker: %v", pages)
		}
	})
}
