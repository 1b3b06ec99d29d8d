package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// noon is a moment of a day without a change of the clocks.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// told returns a ledger after putting records into it in sequence.
func told(records ...*document.Record) *ledger {
	l := newLedger()
	for _, r := range records {
		l.put(r.Object().ID(), r, noon)
	}
	return l
}

func record(name string, status document.Status, change func(*document.Record)) *document.Record {
	r := &document.Record{Bucket: "b", Name: name, Generation: 7, Status: status, Updated: noon.Add(-30 * time.Second)}
	change(r)
	return r
}

// TestWhatIsReadIsCountedOnce: pages count when they were read, once, whether the change was seen or only its end; so
// do tokens; what is retried or read again counts as read again.
func TestWhatIsReadIsCountedOnce(t *testing.T) {
	t.Parallel()
	const m = time.Minute
	done := func(age time.Duration, pages, tokens int) func(*document.Record) {
		return func(r *document.Record) {
			r.Pages, r.PagesDone, r.Finished, r.Updated = pages, pages, noon.Add(-age), noon.Add(-age)
			r.Usage = document.Usage{PromptTokens: 10 * tokens, CompletionTokens: tokens}
		}
	}
	reading := func(pages int) *document.Record {
		return record("a", document.StatusProcessing, func(r *document.Record) { r.Pages, r.PagesDone = 9, pages })
	}
	again := func(pages int) *document.Record {
		return record("a", document.StatusDone, func(r *document.Record) {
			done(2*time.Hour, 9, 5)(r)
			r.Updated = noon.Add(-10 * time.Second)
			r.Rereading = &document.Rereading{Pages: []int{2, 3, 4}, PagesDone: pages}
		})
	}
	for _, c := range []struct {
		name                       string
		records                    []*document.Record
		minute, hour, today, words int
	}{
		{"nothing", nil, 0, 0, 0, 0},
		{"done before the page was opened", []*document.Record{record("a", document.StatusDone, done(5*m, 3, 8))}, 0, 3,
			3, 8},
		{"this morning", []*document.Record{record("a", document.StatusDone, done(5*time.Hour, 3, 8))}, 0, 0, 3, 8},
		{"yesterday", []*document.Record{record("a", document.StatusDone, done(13*time.Hour, 3, 8))}, 0, 0, 0, 0},
		{"last week", []*document.Record{record("a", document.StatusDone, done(170*time.Hour, 3, 8))}, 0, 0, 0, 0},
		{"page by page, and its end",
			[]*document.Record{reading(0), reading(4), reading(9), record("a", document.StatusDone, done(0, 9, 5))}, 9,
			9, 9, 5},
		{"told twice", []*document.Record{reading(4), reading(4)}, 4, 4, 4, 0},
		{"announced later", []*document.Record{record("a", document.StatusDone, func(r *document.Record) {
			done(50*m, 3, 8)(r)
			r.Updated = noon
		})}, 0, 3, 3, 8},
		{"failed pages are retried", []*document.Record{reading(9), reading(7), reading(9)}, 11, 11, 11, 0},
		{"it failed, and was retried", []*document.Record{
			record("a", document.StatusFailed, func(r *document.Record) { done(0, 1, 0)(r) }), reading(0),
			record("a", document.StatusDone, done(0, 1, 0)),
		}, 1, 1, 1, 0},
		{"another generation",
			[]*document.Record{reading(9), func() *document.Record { r := reading(2); r.Generation = 8; return r }()},
			11, 11, 11, 0},
		{"read again", []*document.Record{again(0), again(1),
			record("a", document.StatusDone, func(r *document.Record) { done(0, 9, 7)(r) })}, 3, 3, 12, 7},
	} {
		f, _ := told(c.records...).figures(noon, noon.Truncate(24*time.Hour), 0)
		if f.Minute != c.minute || f.Hour != c.hour || f.Today.Pages != c.today ||
			f.Today.CompletionTokens != c.words || f.Today.PromptTokens != 10*c.words {
			t.Errorf("%s: %d in the last minute, %d in the last hour, today %+v; want %d, %d, %d and %d tokens", c.name,
				f.Minute, f.Hour, f.Today, c.minute, c.hour, c.today, c.words)
		}
		sum := 0
		for _, n := range f.Minutes {
			sum += n
		}
		if sum != f.Hour {
			t.Errorf("%s: the minutes sum up to %d, the hour to %d", c.name, sum, f.Hour)
		}
	}
}

// TestLedgerForgets: amounts read are kept for a day, however many there are.
func TestLedgerForgets(t *testing.T) {
	t.Parallel()
	l := newLedger()
	for i := range 30_000 {
		now := noon.Add(time.Duration(i) * slotTime)
		l.put("a", &document.Record{Generation: 1, PagesDone: i + 1, Status: document.StatusProcessing, Updated: now},
			now)
	}
	if n, most := len(l.read), int(keptTime/slotTime)+spareSlots; n > most {
		t.Errorf("%d slots are kept, want %d at most", n, most)
	}
}

// TestQueueAndReasons: waiting, processing and overdue documents are counted separately; failures are counted by reason
// with the sentences in the table of codes; problems for an operator come first.
func TestQueueAndReasons(t *testing.T) {
	t.Parallel()
	l := told(
		record("held.pdf", document.StatusProcessing, func(r *document.Record) {
			r.Lease, r.Due, r.WindowStart = &document.Lease{}, noon.Add(time.Minute), noon.Add(-time.Hour)
		}),
		record("dead.pdf", document.StatusProcessing, func(r *document.Record) {
			r.Lease, r.Due, r.WindowStart = &document.Lease{}, noon.Add(-12*time.Minute), noon.Add(-20*time.Minute)
		}),
		record("soon.png", document.StatusRetrying, func(r *document.Record) {
			r.Due, r.WindowStart, r.Error = noon.Add(time.Minute), noon.Add(-2*time.Minute),
				&document.Error{Code: document.CodeOCRMisconfigured}
		}),
		record("a.png", document.StatusFailed, func(r *document.Record) {
			r.Error = &document.Error{Code: document.CodeCorrupt}
		}),
		record("b.png", document.StatusFailed, func(r *document.Record) {
			r.Error = &document.Error{Code: document.CodeCorrupt}
		}),
		record("c.png", document.StatusFailed, func(r *document.Record) {
			r.Error = &document.Error{Code: "of a later version"}
		}),
		record("d.png", document.StatusDone, func(r *document.Record) {
			r.Error = &document.Error{Code: document.CodeInternal}
		}),
	)
	f, buckets := l.figures(noon, noon, 5*time.Minute)
	q := f.Queue
	if q.Waiting != 2 || q.Working != 1 || q.Late != 1 || q.Name != "dead.pdf" || q.Arrived != -1 ||
		!slices.Equal(buckets, []string{"b"}) {
		t.Errorf("%+v %v", q, buckets)
	}
	var rows []string
	for _, row := range f.Failures {
		rows = append(rows, fmt.Sprintf("%s %d %d", row.Code, row.Failed, row.Waiting))
		if info := document.Code(row.Code); info.Code != "" && (row.Says != info.Summary || row.Do != info.Advice) {
			t.Errorf("%+v", row)
		}
	}
	if want := []string{"corrupt 2 0", "of a later version 1 0", "ocr_misconfigured 0 1"}; !slices.Equal(rows, want) {
		t.Errorf("%q, want %q", rows, want)
	}
	s := New(Config{Operation: Operation{Sweep: 5 * time.Minute}})
	s.ledger, s.idle.ledger = l, l
	f.Passes = []pass{{Bucket: "b", Ended: millis(noon.Add(-72 * time.Hour))}, {Bucket: "never"},
		{Bucket: "fine", Ended: millis(noon)}}
	s.idle.asked = time.Now().Add(time.Hour) // it says nothing
	var said []string
	for _, a := range s.attention(noon, f) {
		said = append(said, a.Says+" "+a.Do)
	}
	if len(said) != 3 || !strings.Contains(said[0], "(1 waiting)") ||
		!strings.Contains(said[0], document.Code(document.CodeOCRMisconfigured).Advice) ||
		!strings.Contains(said[1], "1 document has been due") ||
		!strings.Contains(said[2], "Bucket b was last compared with its documents 3 days ago") {
		t.Errorf("%q", said)
	}
}

// TestIdleOverFirestore: that the sweep does not run is said where documents are overdue and nothing at all was written
// meanwhile; not where the function is busy, where nothing is overdue, or where the time between sweeps is not known.
func TestIdleOverFirestore(t *testing.T) {
	t.Parallel()
	const sweep = 5 * time.Minute
	at := func(due, written time.Duration) *ledger {
		return told(record("a.png", document.StatusRetrying, func(r *document.Record) {
			r.Due, r.Updated = noon.Add(-due), noon.Add(-written)
		}))
	}
	for _, c := range []struct {
		name  string
		l     *ledger
		sweep time.Duration
		want  string
	}{
		{"overdue", at(12*time.Minute, 30*time.Minute), sweep,
			"1 document has been due for 12 min, and the function has not retried it: its sweep, every 5 min, does not seem to run."},
		{"for hours", at(5*time.Hour, 6*time.Hour), sweep, "due for 5 h"},
		{"a sweep may be under way", at(9*time.Minute, 30*time.Minute), sweep, ""},
		{"the function is busy", at(12*time.Minute, time.Minute), sweep, ""},
		{"not due yet", at(-time.Minute, 30*time.Minute), sweep, ""},
		{"nothing is known of sweeps", at(12*time.Minute, 30*time.Minute), 0, ""},
		{
			"it ended", told(record("a.png", document.StatusDone, func(r *document.Record) {
				r.Due, r.Updated = noon.Add(-time.Hour), noon.Add(-time.Hour)
			})), sweep, ""},
	} {
		i := idleness{sweep: c.sweep, ledger: c.l}
		if got := i.find(noon); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	i := idleness{ask: func() string { return "Nothing runs." }, sweep: sweep, ledger: newLedger()}
	if got := i.find(noon); got != "Nothing runs." {
		t.Errorf("%q", got)
	}
}

// TestOperatorAnswers: the figures are behind the page's guard; what is not known here is null and not a zero, and why;
// reconciliations are read seldom, and one that cannot be read hides nothing else.
func TestOperatorAnswers(t *testing.T) {
	d := newDesk(t)
	asked := 0
	d.server.c.Operation = Operation{Elsewhere: "Elsewhere.",
		Passes: func(_ context.Context, bucket string) (Pass, error) {
			asked++
			if bucket == "denied" {
				return Pass{}, fmt.Errorf("%w: SECRET", document.ErrStoreMisconfigured)
			}
			return Pass{Ended: noon}, nil
		}}
	d.write("a.png", failed(document.CodeCorrupt))
	d.known(d.write("b.png", func(r *document.Record) { r.Bucket = "denied" }))
	get := func(change func(*http.Request)) (code int, f figures, body string) {
		code, _, body = d.ask("GET", "/api/operator", "", change)
		if code == 200 {
			if err := json.Unmarshal([]byte(body), &f); err != nil {
				t.Fatal(err)
			}
		}
		return code, f, body
	}
	if code, _, _ := get(func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); code != 403 {
		t.Errorf("another site: %d", code)
	}
	if code, _, _ := get(func(r *http.Request) { r.Host = "evil.example" }); code != 421 {
		t.Errorf("rebinding: %d", code)
	}
	_, f, body := get(nil)
	if f.Service != nil || !strings.Contains(body, `"service":null`) || f.Elsewhere != "Elsewhere." ||
		f.Queue.Arrived != -1 || f.Scanned != 0 {
		t.Errorf("%s", body)
	}
	if len(f.Passes) != 2 || f.Passes[0].Bucket != "denied" || f.Passes[0].Trouble == "" ||
		f.Passes[1].Ended != noon.UnixMilli() || strings.Contains(body, "SECRET") {
		t.Errorf("%+v", f.Passes)
	}
	for range 5 {
		get(nil)
	}
	if asked != 2 {
		t.Errorf("reconciliations were read %d times", asked)
	}
	d.server.c.Operation.Engine = func() Engine {
		return Engine{InFlight: 1, Limit: 2, Most: 4, Arrived: 3, Scanned: noon}
	}
	if _, f, _ := get(nil); f.Service == nil || *f.Service != (service{1, 2, 4}) || f.Queue.Arrived != 3 ||
		f.Scanned != noon.UnixMilli() {
		t.Errorf("%+v", f)
	}
	d.server.c.Key = "a key"
	if code, _, body := get(nil); code != 403 || strings.Contains(body, "corrupt") {
		t.Errorf("without the key: %d %s", code, body)
	}
}
