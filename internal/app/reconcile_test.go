package app_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// aged is a store whose listing shows documents as written some hours ago.
type aged struct{ apptest.Records }

func (a aged) List(ctx context.Context, q document.Query, fn func(*document.Stored) error) error {
	return a.Records.List(ctx, q, func(s *document.Stored) error {
		s.Updated = s.Updated.Add(-3 * time.Hour)
		return fn(s)
	})
}

// TestLostEventsAreFound: one finalize event in ten and one deletion event in ten are lost. After one reconciliation
// every object has its text, and every document its object; nothing was read twice.
func TestLostEventsAreFound(t *testing.T) { testLostEventsAreFound(t, apptest.Options{}, 60) }

func testLostEventsAreFound(t *testing.T, o apptest.Options, n int) {
	o.Settings = map[string]string{"RECONCILE_BUCKETS": "acme-scans", "ON_DELETE": "erase", "EXCLUDE": "drafts/**"}
	c := apptest.New(t, o)
	c.Records = aged{c.Records}
	c.OCR.Default(ocrtest.Text("text"))
	f := c.Serve()
	var live, gone []document.Event
	for i := range n {
		ev := c.Put(fmt.Sprintf("in/%04d.png", i), apptest.PNG(20+i))
		live = append(live, ev)
		if i%10 != 3 {
			answers(t, f, c.Encode(ev), 200, "done")
		}
	}
	c.Put("drafts/a.png", apptest.PNG(9))
	for i := 0; i < n; i += 4 {
		ev := live[i]
		ev.Kind = document.KindDeleted
		c.Bucket.Delete(ev.Name)
		gone = append(gone, ev)
		if i%10 != 8 {
			answers(t, f, c.Encode(ev), 200, "deleted")
		}
	}
	overwritten := c.Put("in/0001.png", apptest.PNG(500)) // whose event is lost
	live[1] = overwritten
	c.Bucket.Age(2 * time.Hour)
	young := c.Put("in/young.png", apptest.PNG(10))
	read := c.OCR.Counts().Requests

	answers(t, f, event.Reconcile("r", time.Now(), time.Time{}), 200, "done")
	lost := 1
	for i, ev := range live {
		rec := c.Record(ev.Object)
		switch {
		case i%4 == 0:
		case rec == nil || rec.Status != document.StatusDone || rec.Generation != ev.Generation || rec.Text != "text":
			t.Errorf("%s: %+v", ev.Name, rec)
		case i%10 == 3:
			lost++
		}
	}
	for _, ev := range gone {
		if rec := c.Record(ev.Object); rec != nil && rec.Status != document.StatusDeleted {
			t.Errorf("%s is gone and %s", ev.Name, rec.Status)
		}
	}
	equal(t, "pages read by the reconciliation", c.OCR.Counts().Requests-read, lost)
	if rec := c.Record(young.Object); rec != nil {
		t.Errorf("a young object was taken: %+v", rec)
	}
	line := only(t, "reconcile lines", f.Log.Lines(t), func(l map[string]any) bool {
		return l["message"] == "reconcile done"
	})
	equal(t, "line: missing", line["missing"], any(float64(lost)))
	equal(t, "line: severity", line["severity"], any("WARNING"))
	equal(t, "line: left", line["leftSeconds"], any(float64(0)))
	equal(t, "line: complete", line["complete"], any(true))

	before := c.OCR.Counts().Requests
	answers(t, f, event.Reconcile("r", time.Now(), time.Time{}), 200, "done")
	equal(t, "pages read by the next one", c.OCR.Counts().Requests-before, 0)
}

// TestWhatWasThereBeforeIsNotLost: objects created before the time in the event are left to a backfill. With an invalid
// time nothing is read, since it would be everything.
func TestWhatWasThereBeforeIsNotLost(t *testing.T) {
	t.Parallel()
	c := apptest.New(t, apptest.Options{Settings: map[string]string{"RECONCILE_BUCKETS": "acme-scans"}})
	c.OCR.Default(ocrtest.Text("text"))
	f := c.Serve()
	before := c.Put("before.png", apptest.PNG(40))
	c.Bucket.Age(48 * time.Hour)
	lost := c.Put("lost.png", apptest.PNG(50))
	c.Bucket.Age(2 * time.Hour)

	wrong := event.Reconcile("r", time.Now(), time.Time{})
	wrong.SetExtension("since", "yesterday")
	answers(t, f, wrong, 200, "filtered")
	line := only(t, "reconcile lines", f.Log.Lines(t), func(l map[string]any) bool {
		return l["message"] == "reconciliation ignored"
	})
	equal(t, "severity", line["severity"], any("ERROR"))
	if rec := c.Record(lost.Object); rec != nil {
		t.Errorf("without a time: %+v", rec)
	}

	answers(t, f, event.Reconcile("r", time.Now(), time.Now().Add(-24*time.Hour)), 200, "done")
	if rec := c.Record(lost.Object); rec == nil || rec.Status != document.StatusDone {
		t.Errorf("the lost one: %+v", rec)
	}
	if rec := c.Record(before.Object); rec != nil {
		t.Errorf("the one that was there before: %+v", rec)
	}
	line = only(t, "reconcile lines", f.Log.Lines(t), func(l map[string]any) bool {
		return l["message"] == "reconcile done"
	})
	equal(t, "line: missing", line["missing"], any(float64(1)))
}

// TestReconcileWithoutBuckets: the event is acknowledged, and the log says what is missing.
func TestReconcileWithoutBuckets(t *testing.T) {
	t.Parallel()
	f := apptest.New(t, apptest.Options{}).Serve()
	answers(t, f, event.Reconcile("r", time.Now(), time.Time{}), 200, "filtered")
	if !strings.Contains(f.Log.String(), "RECONCILE_BUCKETS") {
		t.Errorf("the log does not say why: %s", f.Log)
	}
}

// TestReconcileSaysWhatIsWrong: a missing bucket needs the operator, and the others are reconciled all the same.
func TestReconcileSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	c := apptest.New(t, apptest.Options{Settings: map[string]string{"RECONCILE_BUCKETS": "no-such-bucket, acme-scans"}})
	c.OCR.Default(ocrtest.Text("text"))
	f := c.Serve()
	ev := c.Put("a.png", apptest.PNG(20))
	c.Bucket.Age(2 * time.Hour)
	answers(t, f, event.Reconcile("r", time.Now(), time.Time{}), 503, "retry")
	line := only(t, "reconcile lines", f.Log.Lines(t), func(l map[string]any) bool {
		return l["message"] == "reconcile failed"
	})
	equal(t, "severity", line["severity"], any("ERROR"))
	equal(t, "code", line["code"], any(document.CodeStorageMisconfigured))
	if rec := c.Record(ev.Object); rec == nil || rec.Status != document.StatusDone {
		t.Errorf("the other bucket: %+v", rec)
	}
}

// TestTwoReconciliationsAtOnceReadNothingTwice: even if neither knows of the other, as with a manual one.
func TestTwoReconciliationsAtOnceReadNothingTwice(t *testing.T) {
	for name, blind := range map[string]bool{"by their pass": false, "by the leases alone": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 40
			c := apptest.New(t, apptest.Options{Settings: map[string]string{"RECONCILE_BUCKETS": "acme-scans"}})
			c.OCR.Default(ocrtest.Delay(20*time.Millisecond, ocrtest.Text("text")))
			for i := range n {
				c.Put(fmt.Sprintf("%04d.png", i), apptest.PNG(20+i))
			}
			c.Bucket.Age(2 * time.Hour)
			var runs sync.WaitGroup
			outcomes := make(chan string, 2)
			for range 2 {
				f := c.Serve()
				if blind {
					c.Turns = documenttest.NewMemory() // of the next one
				}
				runs.Go(func() {
					_, outcome := f.Post(event.Reconcile("r", time.Now(), time.Time{}))
					outcomes <- outcome
				})
			}
			runs.Wait()
			switch both := <-outcomes + <-outcomes; {
			case both == "donedone": // the second may have come after the first
			case blind, both != "doneretry" && both != "retrydone":
				t.Errorf("outcomes %s", both)
			}
			equal(t, "pages read", c.OCR.Counts().Requests, n)
			tally, err := c.Records.Tally(t.Context())
			equal(t, "documents that are done", tally.Records[document.StatusDone], n)
			equal(t, "error", err, nil)
		})
	}
}
