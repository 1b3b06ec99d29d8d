package document

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	now   = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	rules = Rules{MaxAttempts: 3, RetryWindow: 24 * time.Hour,
		RetryDelay: func(int) time.Duration { return 15 * time.Minute }}
)

// record returns a record in the given status at generation 5, first claimed an hour ago.
func record(s Status, change ...func(*Record)) *Record {
	r := &Record{Bucket: "b", Name: "n", Generation: 5, Status: s, Attempt: 1,
		WindowStart: now.Add(-time.Hour), Created: now.Add(-time.Hour)}
	if s == StatusProcessing {
		r.Lease = &Lease{ID: "theirs", Expires: now.Add(time.Minute)}
	}
	for _, c := range change {
		c(r)
	}
	return r
}

func expired(r *Record)    { r.Lease.Expires = now }
func windowOver(r *Record) { r.WindowStart = now.Add(-24 * time.Hour) }
func rereading(r *Record)  { r.Rereading = &Rereading{Requested: now, By: "me"}; r.Due = now }
func readAloud(r *Record)  { r.Pages, r.PagesDone = 9, 4 }
func interrupted(n int) func(r *Record) {
	return func(r *Record) { r.Interruptions = n }
}

// expiredAlone sets a lease of a holder that died while it was alone at a page.
func expiredAlone(page int) func(r *Record) {
	return func(r *Record) { r.Lease = &Lease{ID: "theirs", Expires: now, Alone: true, Page: page} }
}

func strikes(page, n int) func(r *Record) {
	return func(r *Record) { r.Strikes = r.Strikes.with(page, Strike{Count: n, Code: "c"}) }
}

func finalized(generation int64) Event {
	return Event{Kind: KindFinalized, ID: "e", Object: Object{Bucket: "b", Name: "n", Generation: generation}}
}

// TestClaim is the table of claims: every status, with the same, a newer and an older generation.
func TestClaim(t *testing.T) {
	type want struct {
		v                      Claimed
		attempt, interruptions int
		strikes                Strikes
		alone                  bool
	}
	struck := func(page, n int, code string) Strikes { return Strikes{page: {Count: n, Code: code}} }
	for _, c := range []struct {
		name  string
		old   *Record
		gen   int64
		claim Claimant
		want  want
	}{
		{"nothing there", nil, 5, Claimant{}, want{v: ClaimGranted, attempt: 1}},

		{"same, done", record(StatusDone), 5, Claimant{}, want{v: ClaimEnded}},
		{"same, failed", record(StatusFailed), 5, Claimant{}, want{v: ClaimEnded}},
		{"same, marker", record(StatusDeleted), 5, Claimant{}, want{v: ClaimEnded}},
		{"same, leased", record(StatusProcessing), 5, Claimant{}, want{v: ClaimLeased}},
		{"same, leased, alone", record(StatusProcessing), 5, Claimant{Alone: true}, want{v: ClaimLeased}},
		{"same, retrying", record(StatusRetrying), 5, Claimant{}, want{v: ClaimGranted, attempt: 2}},
		{"same, retrying, strikes kept", record(StatusRetrying, strikes(7, 2)), 5, Claimant{},
			want{v: ClaimGranted, attempt: 2, strikes: struck(7, 2, "c")}},

		{"the first interruption asks to be alone", record(StatusProcessing, expired), 5, Claimant{},
			want{v: ClaimNeedsAlone}},
		{"the first interruption, alone", record(StatusProcessing, expired), 5, Claimant{Alone: true},
			want{v: ClaimGranted, attempt: 2, interruptions: 1, alone: true}},
		{"released after an interruption asks to be alone", record(StatusRetrying, interrupted(1)), 5, Claimant{},
			want{v: ClaimNeedsAlone}},
		{"released after an interruption, alone", record(StatusRetrying, interrupted(1)), 5, Claimant{Alone: true},
			want{v: ClaimGranted, attempt: 2, interruptions: 1, alone: true}},
		{"died alone at a page", record(StatusProcessing, expiredAlone(7), interrupted(1)), 5, Claimant{Alone: true},
			want{v: ClaimGranted, attempt: 2, interruptions: 2, strikes: struck(7, 1, CodeInterrupted), alone: true}},
		{"died alone before any page", record(StatusProcessing, expiredAlone(0), interrupted(1)), 5,
			Claimant{Alone: true},
			want{v: ClaimGranted, attempt: 2, interruptions: 2, strikes: struck(0, 1, CodeInterrupted), alone: true}},
		{"the page's last strike is for the holder to tell",
			record(StatusProcessing, expiredAlone(7), interrupted(3), strikes(7, 2)), 5, Claimant{Alone: true},
			want{v: ClaimGranted, attempt: 2, interruptions: 4, strikes: struck(7, 3, CodeInterrupted), alone: true}},
		{"the object's last strike", record(StatusProcessing, expiredAlone(0), interrupted(3), strikes(0, 2)), 5,
			Claimant{},
			want{v: ClaimExhausted, attempt: 1, interruptions: 4, strikes: struck(0, 3, CodeInterrupted)}},
		{"the last interruption, nothing read", record(StatusProcessing, expired, interrupted(4)), 5, Claimant{},
			want{v: ClaimExhausted, attempt: 1, interruptions: 5}},
		{"the last interruption, pages read", record(StatusProcessing, expired, interrupted(4), readAloud), 5,
			Claimant{Alone: true},
			want{v: ClaimGranted, attempt: 2, interruptions: 5, alone: true}},
		{"interrupted after the window", record(StatusProcessing, expired, windowOver), 5, Claimant{Alone: true},
			want{v: ClaimGranted, attempt: 2, interruptions: 1, alone: true}},

		{"read again", record(StatusDone, rereading), 5, Claimant{}, want{v: ClaimGranted, attempt: 2}},
		{"read again elsewhere",
			record(StatusDone, rereading, func(r *Record) { r.Lease = &Lease{ID: "theirs", Expires: now.Add(1)} }), 5,
			Claimant{}, want{v: ClaimLeased}},
		{"read again by one that died", record(StatusDone, rereading, expiredAlone(3)), 5, Claimant{Alone: true},
			want{v: ClaimGranted, attempt: 2, interruptions: 1, strikes: struck(3, 1, CodeInterrupted), alone: true}},
		{"could not be read again",
			record(StatusDone, rereading, func(r *Record) { r.Rereading.Error = &Error{Code: "c"} }), 5, Claimant{},
			want{v: ClaimEnded}},

		{"newer over done", record(StatusDone), 6, Claimant{}, want{v: ClaimGranted, attempt: 1}},
		{"newer over failed", record(StatusFailed, strikes(1, 3)), 6, Claimant{}, want{v: ClaimGranted, attempt: 1}},
		{"newer over a lease", record(StatusProcessing), 6, Claimant{}, want{v: ClaimGranted, attempt: 1}},
		{"newer over retrying", record(StatusRetrying, strikes(1, 2), interrupted(3)), 6, Claimant{},
			want{v: ClaimGranted, attempt: 1}},
		{"newer over a marker", record(StatusDeleted), 6, Claimant{}, want{v: ClaimGranted, attempt: 1}},

		{"older under done", record(StatusDone), 4, Claimant{}, want{v: ClaimOlder}},
		{"older under failed", record(StatusFailed), 4, Claimant{}, want{v: ClaimOlder}},
		{"older under a lease", record(StatusProcessing), 4, Claimant{}, want{v: ClaimOlder}},
		{"older under retrying", record(StatusRetrying), 4, Claimant{}, want{v: ClaimOlder}},
		{"older under a marker", record(StatusDeleted), 4, Claimant{}, want{v: ClaimOlder}},
		{"lower number, but it lives", record(StatusDone), 4, Claimant{Beaten: 5}, want{v: ClaimGranted, attempt: 1}},
		{"lower number, lives, under a lease", record(StatusProcessing), 4, Claimant{Beaten: 5},
			want{v: ClaimGranted, attempt: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.claim.Now, c.claim.Lease = now, "ours"
			before := ""
			if c.old != nil {
				before = dump(c.old)
			}
			ch, v := rules.Claim(c.old, finalized(c.gen), c.claim)
			if v != c.want.v {
				t.Fatalf("verdict %q, want %q", v, c.want.v)
			}
			if c.old != nil && dump(c.old) != before {
				t.Error("the old record was changed")
			}
			writes := v == ClaimGranted || v == ClaimExhausted
			if (ch != nil) != writes {
				t.Fatalf("change %v with verdict %q", ch, v)
			}
			if ch == nil {
				return
			}
			got := want{
				v, ch.Record.Attempt, ch.Record.Interruptions, ch.Record.Strikes, ch.Record.Lease != nil &&
					ch.Record.Lease.Alone}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			checkShape(t, ch.Record)
			if v == ClaimGranted &&
				(ch.Record.Generation != c.gen || !ch.Record.Lease.Expires.Equal(now.Add(LeaseTime))) {
				t.Errorf("claimed %+v", ch.Record)
			}
		})
	}
}

// checkShape checks what must be true of every record in a store.
func checkShape(t *testing.T, r *Record) {
	t.Helper()
	if leased := r.Lease != nil; leased != (r.Status == StatusProcessing) && !(leased && r.rereads()) {
		t.Errorf("status %s with lease %v", r.Status, r.Lease)
	}
	if r.Due.IsZero() == r.Open() {
		t.Errorf("status %s with due %v", r.Status, r.Due)
	}
	if r.Status == StatusDone && r.Error != nil || r.Status == StatusFailed && r.Error == nil {
		t.Errorf("status %s with error %v", r.Status, r.Error)
	}
}

// TestFreshForgets: a successor's claim keeps nothing of an older generation, especially not its text.
func TestFreshForgets(t *testing.T) {
	old := record(StatusDone, strikes(1, 1), interrupted(1), rereading)
	old.Text, old.TextInPages, old.Pages, old.PagesDone, old.Blank = "old", true, 3, 3, true
	old.Warnings, old.Model, old.Usage = []string{WarnTruncated}, "m", Usage{1, 2}
	old.Retried, old.RetriedBy, old.Finished = now, "me", now
	ch, _ := rules.Claim(old, finalized(6), Claimant{Now: now, Lease: "ours"})
	want := record(StatusProcessing)
	want.Generation, want.EventID, want.WindowStart = 6, "e", now
	want.Lease = &Lease{ID: "ours", Expires: now.Add(LeaseTime)}
	want.Due = now.Add(LeaseTime + DueGrace)
	if dump(ch.Record) != dump(want) {
		t.Errorf("got  %s\nwant %s", dump(ch.Record), dump(want))
	}
	if ch.Stamps != StampStarted {
		t.Errorf("stamps %b", ch.Stamps)
	}
}

// TestRelease is the table of classes: which faults end a record.
func TestRelease(t *testing.T) {
	for _, c := range []struct {
		name   string
		old    *Record
		class  Class
		status Status
	}{
		{"final", record(StatusProcessing), ClassFinal, StatusFailed},
		{"a suspect", record(StatusProcessing), ClassSuspect, StatusRetrying},
		{"a suspect, window over", record(StatusProcessing, windowOver), ClassSuspect, StatusFailed},
		{"the service's", record(StatusProcessing), ClassService, StatusRetrying},
		{"the service's, window over", record(StatusProcessing, windowOver), ClassService, StatusFailed},
		{"ours", record(StatusProcessing), ClassOurs, StatusRetrying},
		{"ours, window over", record(StatusProcessing, windowOver), ClassOurs, StatusRetrying},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Fault{Code: "c", Class: c.class, Message: "m"}
			if last := rules.Last(c.old, f, now); last != (c.status == StatusFailed) {
				t.Errorf("last: %v", last)
			}
			ch := rules.Release(c.old, f, Reading{Total: 4, Done: 2, Model: "m", Strikes: Strikes{3: {Code: "c"}}}, now)
			r := ch.Record
			if r.Status != c.status || r.Pages != 4 || r.PagesDone != 2 || r.Model != "m" || r.Strikes[3].Code != "c" {
				t.Errorf("%+v", r)
			}
			if r.Error == nil || r.Error.Code != "c" || r.Error.Retryable != (c.class != ClassFinal) {
				t.Errorf("error %+v", r.Error)
			}
			if want := (ch.Stamps & StampFinished) != 0; want != (c.status == StatusFailed) {
				t.Errorf("stamps %b at %s", ch.Stamps, c.status)
			}
			checkShape(t, r)

			c.old.Status, c.old.Text, c.old.Pages, c.old.PagesDone = StatusDone, "before", 1, 1
			rereading(c.old)
			ch = rules.Release(c.old, f, Reading{Total: 4, Done: 2, Model: "m", Strikes: Strikes{3: {Code: "c"}}}, now)
			r = ch.Record
			if r.Status != StatusDone || r.Text != "before" || r.Pages != 1 || r.PagesDone != 1 || r.Error != nil ||
				ch.Stamps != 0 ||
				(r.Rereading.Error != nil) != (c.status == StatusFailed) {
				t.Errorf("read again: %+v, %+v", r, r.Rereading)
			}
			checkShape(t, r)
		})
	}
}

// TestProgressKeepsWhatCountsAgainstPages: whatever other pages are read.
func TestProgressKeepsWhatCountsAgainstPages(t *testing.T) {
	old := record(StatusProcessing, interrupted(2), func(r *Record) { r.Error = &Error{Code: "c"} })
	ch := Rules{}.Progress(old, Reading{Total: 9, Done: 2, Strikes: Strikes{3: {Count: 1}}, Page: 4},
		[]Page{{Page: 1}, {Page: 4}}, now)
	if r := ch.Record; r.Strikes[3].Count != 1 || r.Interruptions != 2 || r.Error != nil || r.Pages != 9 ||
		r.PagesDone != 2 || r.Lease.Page != 4 {
		t.Errorf("%+v", ch.Record)
	}
	ch = Rules{}.Progress(old, Reading{Total: 9, Done: 1}, []Page{{Page: 1, Error: &Error{Code: "c"}}}, now)
	if r := ch.Record; r.Error == nil || r.PagesDone != 1 {
		t.Errorf("a failed page is no progress: %+v", ch.Record)
	}
	moving := Rules{FromProgress: true}
	for _, c := range []struct {
		rules Rules
		page  Page
		want  time.Time
	}{
		{moving, Page{Page: 1}, now},
		{moving, Page{Page: 1, Error: &Error{Code: "c"}}, old.WindowStart},
		{Rules{}, Page{Page: 1}, old.WindowStart},
	} {
		ch := c.rules.Progress(old, Reading{Total: 9, Done: 1}, []Page{c.page}, now)
		if !ch.Record.WindowStart.Equal(c.want) {
			t.Errorf("%+v: the window begins %v, want %v", c, ch.Record.WindowStart, c.want)
		}
	}
	checkShape(t, ch.Record)
}

// TestRejectedRecordIsVisible: a record that the store refuses ends as failed, without the uploader's attributes; an
// existing record stays.
func TestRejectedRecordIsVisible(t *testing.T) {
	ev := finalized(5)
	ev.ContentType, ev.Size, ev.Metadata = "image/png", 7, map[string]string{"a": "b"}
	f := Fault{Code: CodeStoreRejected, Class: ClassFinal, Message: "m"}
	for name, old := range map[string]*Record{"nothing": nil,
		"older": record(StatusDone, func(r *Record) { r.Generation = 4 })} {
		r := Reject(old, ev, f, Claimant{Now: now, Lease: "ours"}).Record
		if r.Status != StatusFailed || r.Error.Code != CodeStoreRejected || r.Metadata != nil || r.ContentType != "" ||
			r.Size != 7 {
			t.Errorf("over %s: %+v", name, r)
		}
		checkShape(t, r)
	}
	for _, old := range []*Record{record(StatusProcessing), record(StatusDone),
		record(StatusDone, func(r *Record) { r.Generation = 6 })} {
		if ch := Reject(old, ev, f, Claimant{Now: now, Lease: "ours"}); ch != nil {
			t.Errorf("over %s of generation %d: %+v", old.Status, old.Generation, ch.Record)
		}
	}
}

// TestOldRecordsAreReadAsWhatTheyMean: schema 1 counted faults of the whole object, without a control page.
func TestOldRecordsAreReadAsWhatTheyMean(t *testing.T) {
	const head = `{"bucket":"b","name":"n","generation":5,"size":1,"write":"w",`
	for doc, want := range map[string]int{
		`"status":"retrying","faults":4,"doubts":19,"error":{"code":"ocr_timeout","message":"m","retryable":true},"schema":1}`:                                              0,
		`"status":"retrying","doubts":2,"error":{"code":"interrupted","message":"m","retryable":true},"schema":1}`:                                                          1,
		`"status":"retrying","error":{"code":"interrupted","message":"m","retryable":true},"schema":1}`:                                                                     0,
		`"status":"failed","doubts":20,"error":{"code":"interrupted","message":"m","retryable":true},"schema":1}`:                                                           0,
		`"status":"retrying","doubts":2,"interruptions":3,"error":{"code":"interrupted","message":"m","retryable":true},"strikes":{"7":{"count":1,"code":"c"}},"schema":2}`: 3,
	} {
		r, err := DecodeRecord([]byte(head + doc))
		if err != nil || r.Interruptions != want || len(r.Strikes) > 0 && r.Strikes[7].Count != 1 {
			t.Errorf("%s: %+v, %v", doc, r, err)
		}
	}
	for _, doc := range []string{`"status":"done","schema":3}`, `"status":"done"}`} {
		if _, err := DecodeRecord([]byte(head + doc)); err == nil {
			t.Errorf("%s was read", doc)
		}
	}
}

func TestOwns(t *testing.T) {
	for name, c := range map[string]struct {
		old  *Record
		want bool
	}{
		"ours": {record(StatusProcessing, func(r *Record) { r.Lease.ID = "ours" }), true},
		"ours, expired": {record(StatusProcessing, func(r *Record) {
			r.Lease = &Lease{ID: "ours", Expires: now.Add(-1)}
		}), true},
		"theirs":   {record(StatusProcessing), false},
		"nothing":  {nil, false},
		"released": {record(StatusRetrying), false},
		"ended":    {record(StatusDone), false},
		"other generation": {record(StatusProcessing, func(r *Record) { r.Lease.ID = "ours"; r.Generation = 6 }),
			false},
	} {
		if Owns(c.old, 5, "ours") != c.want {
			t.Errorf("%s: want %v", name, c.want)
		}
	}
}

func TestCompleteAndPauseAndErase(t *testing.T) {
	ch := Complete(record(StatusProcessing, strikes(1, 2), interrupted(2)),
		Contents{Pages: 1, Read: 1, Text: "t", Model: "m"})
	if r := ch.Record; r.Status != StatusDone || r.Text != "t" || r.Strikes != nil || r.Interruptions != 0 ||
		r.PagesDone != 1 || ch.Stamps != StampFinished {
		t.Errorf("%+v", r)
	}
	checkShape(t, ch.Record)
	ch = rules.Release(record(StatusProcessing, interrupted(2), windowOver), Fault{}, Reading{Total: 3, Done: 1}, now)
	if r := ch.Record; r.Status != StatusRetrying || r.Error != nil || r.Interruptions != 2 {
		t.Errorf("without a fault: %+v", r)
	}
	checkShape(t, ch.Record)
	again := record(StatusDone, rereading, func(r *Record) {
		r.Text, r.Lease = "before", &Lease{ID: "ours", Expires: now.Add(1)}
	})
	if r := Complete(again, Contents{Pages: 1, Read: 1, Text: "after"}).Record; r.Status != StatusDone ||
		r.Text != "after" || r.Rereading != nil {
		t.Errorf("read again: %+v", r)
	}
	ch = erase(record(StatusDone), Event{Object: Object{"b", "n", 5}}, now)
	if r := ch.Record; r.Status != StatusDeleted || r.Attempt != 0 || !r.MarkerExpires.Equal(now.Add(7*24*time.Hour)) ||
		r.Created.IsZero() {
		t.Errorf("%+v", r)
	}
	checkShape(t, ch.Record)
}

// TestEveryStateEveryEvent is the whole table: each state a record can be in, against each event that can meet it.
// States not listed for an event have its otherwise; an expected status is written, and a word with a hyphen is the
// reason why nothing is. Every written record has a shape that a listener can trust.
func TestEveryStateEveryEvent(t *testing.T) {
	ours := func(r *Record) { r.Lease.ID = "ours" }
	states := map[string]*Record{
		"nothing":         nil,
		"leased":          record(StatusProcessing),
		"ours":            record(StatusProcessing, ours),
		"expired":         record(StatusProcessing, expired),
		"expired at last": record(StatusProcessing, expired, interrupted(4)),
		"expired alone":   record(StatusProcessing, expiredAlone(1), interrupted(2)),
		"interrupted":     record(StatusRetrying, interrupted(1), func(r *Record) { r.Due = now }),
		"read again":      record(StatusDone, rereading),
		"read again, ours": record(StatusDone, rereading, func(r *Record) {
			r.Lease = &Lease{ID: "ours", Expires: now.Add(time.Minute)}
		}),
		"not read again":   record(StatusDone, func(r *Record) { r.Rereading = &Rereading{Error: &Error{Code: "c"}} }),
		"expired long ago": record(StatusProcessing, func(r *Record) { r.Lease.Expires = now.Add(-DueGrace) }),
		"retrying":         record(StatusRetrying, func(r *Record) { r.Due = now }),
		"done":             record(StatusDone),
		"failed":           record(StatusFailed, func(r *Record) { r.Error = &Error{Code: "c"} }),
		"marker":           record(StatusDeleted),
	}
	type want map[string]string
	type event func(*Record) (*Change, string)
	claim := func(generation int64, live, alone bool) event {
		return func(old *Record) (*Change, string) {
			ch, v := rules.Claim(old, finalized(generation),
				Claimant{Now: now, Lease: "new", Beaten: beaten(old, live), Alone: alone})
			return ch, string(v)
		}
	}
	del := func(generation int64, gone bool) event {
		return func(old *Record) (*Change, string) {
			ch, v := Remove(old, finalized(generation), gone, now)
			return ch, string(v)
		}
	}
	commit := func(f func(*Record) *Change) event {
		return func(old *Record) (*Change, string) {
			if !Owns(old, 5, "ours") {
				return nil, "lost"
			}
			return f(old), "written"
		}
	}
	fault := func(c Class) func(*Record) *Change {
		f := Fault{Class: c}
		if c != "" {
			f.Code = "c"
		}
		return func(old *Record) *Change { return rules.Release(old, f, Reading{}, now) }
	}
	for name, test := range map[string]struct {
		do        event
		otherwise string
		want      want
	}{
		"finalize, same (delivery or sweep)": {claim(5, false, false), "-needs alone", want{
			"nothing": "processing", "retrying": "processing", "read again": "done", "expired at last": "failed",
			"leased": "-leased", "ours": "-leased", "read again, ours": "-leased",
			"done": "-ended", "failed": "-ended", "marker": "-ended", "not read again": "-ended"}},
		"finalize, same, alone": {claim(5, false, true), "processing", want{
			"leased": "-leased", "ours": "-leased", "read again, ours": "-leased", "read again": "done",
			"expired at last": "failed",
			"done":            "-ended", "failed": "-ended", "marker": "-ended", "not read again": "-ended"}},
		"finalize, newer":       {claim(6, false, false), "processing", nil},
		"finalize, older":       {claim(4, false, false), "-older", want{"nothing": "processing"}},
		"finalize, older, live": {claim(4, true, false), "processing", nil},

		"delete, same":                {del(5, false), "deleted", want{"marker": "-marked"}},
		"delete, newer":               {del(6, false), "-ask", want{"nothing": "deleted", "marker": "deleted"}},
		"delete, newer, ours is gone": {del(6, true), "deleted", nil},
		"delete, older":               {del(4, false), "-newer", want{"nothing": "deleted"}},

		"renew": {commit(func(r *Record) *Change { return Renew(r, now) }), "-lost",
			want{"ours": "processing", "read again, ours": "done"}},
		"page finished": {commit(func(r *Record) *Change {
			return Rules{}.Progress(r, Reading{Total: 2, Done: 1}, []Page{{Page: 1}}, now)
		}), "-lost",
			want{"ours": "processing", "read again, ours": "done"}},
		"complete": {commit(func(r *Record) *Change { return Complete(r, Contents{Pages: 1, Read: 1}) }),
			"-lost", want{"ours": "done", "read again, ours": "done"}},
		"no fault":        {commit(fault("")), "-lost", want{"ours": "retrying", "read again, ours": "done"}},
		"final fault":     {commit(fault(ClassFinal)), "-lost", want{"ours": "failed", "read again, ours": "done"}},
		"suspect":         {commit(fault(ClassSuspect)), "-lost", want{"ours": "retrying", "read again, ours": "done"}},
		"service's fault": {commit(fault(ClassService)), "-lost", want{"ours": "retrying", "read again, ours": "done"}},
		"our fault":       {commit(fault(ClassOurs)), "-lost", want{"ours": "retrying", "read again, ours": "done"}},

		"retry": {func(old *Record) (*Change, string) {
			ch, err := retry(old, retrial{now: now, by: "me"})
			if err != nil {
				return nil, "refused"
			}
			return ch, "written"
		}, "-refused", want{"expired long ago": "retrying", "retrying": "retrying", "interrupted": "retrying",
			"failed": "retrying",
			"done":   "done", "read again": "done", "not read again": "done"}},
	} {
		for state := range test.want {
			if _, ok := states[state]; !ok {
				t.Errorf("%s: no state is called %q", name, state)
			}
		}
		for state, old := range states {
			t.Run(name+" at "+state, func(t *testing.T) {
				wanted, named := test.want[state]
				if !named {
					wanted = test.otherwise
				}
				ch, why := test.do(old)
				got := "-" + why
				if ch != nil {
					got = string(ch.Record.Status)
					checkShape(t, ch.Record)
					if old != nil && ch.Record.Generation == old.Generation && ch.Record.Status != StatusDeleted &&
						ch.Record.Attempt < old.Attempt {
						t.Errorf("the attempt went from %d down to %d", old.Attempt, ch.Record.Attempt)
					}
				}
				if got != wanted {
					t.Errorf("got %s, want %s", got, wanted)
				}
			})
		}
	}
}

// beaten returns the generation that, according to the bucket, is replaced by the event's.
func beaten(old *Record, live bool) int64 {
	if live && old != nil {
		return old.Generation
	}
	return 0
}

// TestSum: the order in which pages were finished does not matter.
func TestSum(t *testing.T) {
	long := func(n int) Page { return Page{Text: strings.Repeat("x", n)} }
	for _, c := range []struct {
		name  string
		pages map[int]Page
		want  Contents // without pages, model and the text of long ones
	}{
		{"texts and usage", map[int]Page{2: {Text: "b", Usage: Usage{1, 2}}, 1: {Text: "a", Usage: Usage{10, 20}}},
			Contents{Text: "a\n\f\nb", Usage: Usage{11, 22}}},
		{"a warning of two pages", map[int]Page{1: {Warnings: []string{"z", "a"}}, 2: {Warnings: []string{"a"}}},
			Contents{Text: "\n\f\n", Warnings: []string{"a", "z"}}},
		{"all blank", map[int]Page{1: {Blank: true}, 2: {Blank: true}}, Contents{Text: "\n\f\n", Blank: true}},
		{"the first is not blank", map[int]Page{1: {Text: "a"}, 2: {Blank: true}}, Contents{Text: "a\n\f\n"}},
		{"as long as the record holds", map[int]Page{1: long(MaxTextBytes - 4), 2: long(1)},
			Contents{Text: strings.Repeat("x", MaxTextBytes-4) + "\n\f\nx"}},
		{"a byte longer", map[int]Page{1: long(MaxTextBytes - 4), 2: long(2)}, Contents{InPages: true}},
	} {
		c.want.Pages, c.want.Read, c.want.Model = len(c.pages), len(c.pages), "m"
		if got := Sum(c.pages, len(c.pages), len(c.pages), "m"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %d bytes in pages %v, %+v", c.name, len(got.Text), got.InPages, got.Warnings)
		}
	}
}

// TestSumOfTheFirstPages: skipped pages are counted, with a warning.
func TestSumOfTheFirstPages(t *testing.T) {
	pages := map[int]Page{1: {Blank: true}, 2: {Blank: true, Warnings: []string{"turned"}},
		4: {Text: "of another setting"}}
	want := Contents{Pages: 5, Read: 2, Text: "\n\f\n", Warnings: []string{WarnPagesSkipped, "turned"}, Model: "m"}
	got := Sum(pages, 2, 5, "m")
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	rec := Complete(record(StatusProcessing), got).Record
	if rec.Pages != 5 || rec.PagesDone != 2 || rec.Blank || len(SplitPages(rec)) != 2 {
		t.Errorf("%+v, %d pages of its text", rec, len(SplitPages(rec)))
	}
}

// TestReleaseIsDueAfterTheDelay: the sweep leaves the platform time to redeliver.
func TestReleaseIsDueAfterTheDelay(t *testing.T) {
	r := Rules{MaxAttempts: 3, RetryWindow: time.Hour * 24,
		RetryDelay: func(attempt int) time.Duration { return time.Duration(attempt) * time.Minute }}
	old := record(StatusProcessing, func(r *Record) { r.Attempt = 3 })
	for name, ch := range map[string]*Change{
		"release": r.Release(old, Fault{Code: "c", Class: ClassService}, Reading{}, now),
		"pause":   r.Release(old, Fault{}, Reading{}, now),
	} {
		if !ch.Record.Due.Equal(now.Add(3 * time.Minute)) {
			t.Errorf("%s: due %v", name, ch.Record.Due)
		}
	}
}

// TestLast: what ends a record, in its window and afterwards.
func TestLast(t *testing.T) {
	rules := Rules{RetryWindow: time.Hour}
	for _, c := range []struct {
		fault         Fault
		before, after bool
	}{
		{Fault{Code: CodeCorrupt, Class: ClassFinal}, true, true},
		{Fault{Code: CodeStoreRejected, Class: ClassFinal}, true, true},
		{Fault{Code: CodeOCRTimeout, Class: ClassSuspect}, false, true},
		{Fault{Code: CodeOCRUnavailable, Class: ClassService}, false, true},
		{Fault{Code: CodeStorageUnavailable, Class: ClassService}, false, true},
		{Fault{Code: CodeStoreUnavailable, Class: ClassService}, false, false},
		{Fault{Code: CodeStoreMisconfigured, Class: ClassService}, false, false},
		{Fault{Code: CodeDeadline, Class: ClassOurs}, false, false},
	} {
		rec := &Record{WindowStart: now}
		before, after := rules.Last(rec, c.fault, now.Add(time.Hour-1)), rules.Last(rec, c.fault, now.Add(time.Hour))
		if before != c.before || after != c.after {
			t.Errorf("%s: %v in the window and %v after it, want %v and %v", c.fault.Code, before, after, c.before,
				c.after)
		}
	}
}
