package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// sweepLine returns the log line of the world's only sweep.
func (w *world) sweepLine() map[string]any {
	w.t.Helper()
	var found []map[string]any
	for line := range strings.Lines(w.log.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			w.t.Fatal(err)
		}
		if msg, _ := fields["msg"].(string); strings.HasPrefix(msg, "sweep ") {
			found = append(found, fields)
		}
	}
	if len(found) != 1 {
		w.t.Fatalf("%d lines of a sweep:\n%s", len(found), w.log)
	}
	return found[0]
}

// leaveOver creates n records that were due an hour ago, within their window or past it.
func (w *world) leaveOver(n int, window time.Duration) {
	for i := range n {
		ev := w.bucket.Put(fmt.Sprintf("%d.png", i), picture(30+i))
		then := time.Now().Add(-time.Hour)
		_, err := document.Update(w.t.Context(), w.records, ev.Object.ID(), document.Unread(),
			func(*document.Record) (*document.Change, error) {
				return &document.Change{Record: &document.Record{
					Bucket: ev.Bucket, Name: ev.Name, Generation: ev.Generation, Status: document.StatusRetrying,
					Attempt:     1,
					WindowStart: time.Now().Add(-window), Due: then,
				}}, nil
			})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestSweepLineSaysWhatIsLeft: the log line of a sweep has the numbers of records taken, still due, and unfinished past
// their window.
func TestSweepLineSaysWhatIsLeft(t *testing.T) {
	commits := func(_ context.Context, op, _ string) error {
		if op == "commit" {
			return fmt.Errorf("%w: down", document.ErrStoreUnavailable)
		}
		return nil
	}
	for _, tt := range []struct {
		name    string
		records int
		window  time.Duration // since it began
		prepare func(w *world)
		want    string
	}{
		{"nothing is due", 0, 0, nil, "INFO sweep done: 0 taken, 0 done, 0 retry, 0 due since 0 s, 0 past"},
		{"all is taken", 3, time.Hour, nil, "INFO sweep done: 3 taken, 3 done, 0 retry, 0 due since 0 s, 0 past"},
		{"also past the window", 3, 25 * time.Hour, nil,
			"INFO sweep done: 3 taken, 3 done, 0 retry, 0 due since 0 s, 0 past"},
		{"no claim gets through", 2, time.Hour, func(w *world) { w.records.Before = commits },
			"INFO sweep done: 2 taken, 0 done, 2 retry, 2 due since 3600 s, 0 past"},
		{"none, past the window", 2, 25 * time.Hour, func(w *world) { w.records.Before = commits },
			"WARN sweep done: 2 taken, 0 done, 2 retry, 2 due since 3600 s, 2 past"},
		{"no time", 7, 25 * time.Hour, func(w *world) { w.options.ProcessTimeout = 1 },
			"WARN sweep done: 0 taken, 0 done, 0 retry, 7 due since 3600 s, 7 past"},
		{"the store is down", 1, 25 * time.Hour, func(w *world) {
			w.records.Before = func(context.Context, string, string) error { return document.ErrStoreUnavailable }
		}, "WARN sweep failed: 0 taken, 0 done, 0 retry, 0 due since 0 s, 0 past store_unavailable"},
		{"reading is denied", 1, 25 * time.Hour, func(w *world) {
			w.records.Before = func(context.Context, string, string) error { return document.ErrStoreMisconfigured }
		}, "ERROR sweep failed: 0 taken, 0 done, 0 retry, 0 due since 0 s, 0 past store_misconfigured"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.leaveOver(tt.records, tt.window)
				if tt.prepare != nil {
					tt.prepare(w)
				}
				swept := w.worker().Sweep(t.Context())
				l := w.sweepLine()
				outcomes, _ := l["outcomes"].(map[string]any)
				got := strings.TrimSpace(
					fmt.Sprintf("%v %v: %v taken, %v done, %v retry, %v due since %v s, %v past %v", l["level"],
						l["msg"],
						l["taken"], outcomes["done"], outcomes["retry"], l["due"], l["overdueSeconds"], l["pastWindow"],
						l["code"]))
				if got != tt.want || swept.Fault.Code != l["code"] || len(outcomes) != 6 {
					t.Errorf("%v, %v\ngot  %s\nwant %s", swept, outcomes, got, tt.want)
				}
			})
		})
	}
}

// TestSweepPassesWhatIsStuck: more stuck records than a batch holds do not hide later ones.
func TestSweepPassesWhatIsStuck(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.leaveOver(120, time.Hour)
		stuck := map[string]bool{}
		for n := range 110 {
			stuck[document.Object{Bucket: "b", Name: fmt.Sprintf("%d.png", n)}.ID()] = true
		}
		w.records.Before = func(_ context.Context, op, id string) error {
			if op == "commit" && stuck[id] {
				return document.ErrStoreUnavailable
			}
			return nil
		}
		swept := w.worker().Sweep(t.Context())
		if swept.Taken != 120 || swept.Outcomes[document.OutcomeDone] != 10 || swept.Due != 50 { // 50 or more
			t.Errorf("%d taken, %v, %d due", swept.Taken, swept.Outcomes, swept.Due)
		}
	})
}

// TestSweepEndsWithinTheTimeOfADelivery: even if the last record uses all of its time.
func TestSweepEndsWithinTheTimeOfADelivery(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.leaveOver(5, time.Hour)
		w.answer = func(ctx context.Context, text string) (ocr.Result, error) {
			if w.calls.Load() > 4 {
				return hang(ctx, text)
			}
			time.Sleep(200 * time.Second)
			return result(text), nil
		}
		start := time.Now()
		swept := w.worker().Sweep(t.Context())
		if took := time.Since(start); swept.Taken != 5 || took != 450*time.Second {
			t.Errorf("%d taken, %v", swept.Taken, took)
		}
	})
}

// TestSweepIsAsWideAsThePlaces: one slow record does not hold up the others, and the backlog of an outage is read as
// fast as the service bears.
func TestSweepIsAsWideAsThePlaces(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.leaveOver(12, time.Hour)
		w.options.OCRPlaces = 6
		w.answer = func(_ context.Context, text string) (ocr.Result, error) {
			time.Sleep(10 * time.Second)
			return result(text), nil
		}
		start := time.Now()
		if w.worker().Sweep(t.Context()); time.Since(start) != 20*time.Second {
			t.Errorf("twelve records of 10 s each took %v", time.Since(start))
		}
	})
}
