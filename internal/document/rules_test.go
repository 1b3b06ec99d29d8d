package document

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

var (
	now   = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	rules = Rules{MaxAttempts: 5, MaxDoubts: 20, RetryWindow: 24 * time.Hour,
		RetryDelay: func(int) time.Duration { return 15 * time.Minute }}
)

// record is one in the given status at generation 5, first claimed an hour ago.
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

func expired(r *Record)            { r.Lease.Expires = now }
func expiredAlone(r *Record)       { r.Lease = &Lease{ID: "theirs", Expires: now, Alone: true} }
func interrupted(r *Record)        { r.Error = &Error{Code: CodeInterrupted} }
func faults(n int) func(r *Record) { return func(r *Record) { r.Faults = n } }
func doubts(n int) func(r *Record) { return func(r *Record) { r.Doubts = n } }
func windowOver(r *Record)         { r.WindowStart = now.Add(-24 * time.Hour) }

func finalized(generation int64) Event {
	return Event{Kind: KindFinalized, ID: "e", Object: Object{Bucket: "b", Name: "n", Generation: generation}}
}

// TestClaim is the table of claims: every status, with the same, a newer and an older generation.
func TestClaim(t *testing.T) {
	type want struct {
		v                       Claimed
		attempt, faults, doubts int
		alone                   bool
	}
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
		{"same, retrying after a shutdown", record(StatusRetrying, interrupted), 5, Claimant{}, want{v: ClaimGranted, attempt: 2}},
		{"same, retrying, budgets kept", record(StatusRetrying, faults(3), doubts(4)), 5, Claimant{},
			want{v: ClaimGranted, attempt: 2, faults: 3, doubts: 4}},

		{"first interruption", record(StatusProcessing, expired), 5, Claimant{}, want{v: ClaimGranted, attempt: 2, doubts: 1}},
		{"second asks to be alone", record(StatusProcessing, expired, interrupted, doubts(1)), 5, Claimant{}, want{v: ClaimNeedsAlone}},
		{"second, alone", record(StatusProcessing, expired, interrupted, doubts(1)), 5, Claimant{Alone: true},
			want{v: ClaimGranted, attempt: 2, doubts: 2, alone: true}},
		{"third asks to be alone", record(StatusProcessing, expiredAlone, interrupted, doubts(2)), 5, Claimant{}, want{v: ClaimNeedsAlone}},
		{"third is proven", record(StatusProcessing, expiredAlone, interrupted, doubts(2)), 5, Claimant{Alone: true},
			want{v: ClaimGranted, attempt: 2, faults: 1, doubts: 2, alone: true}},
		{"last proven", record(StatusProcessing, expiredAlone, interrupted, faults(4)), 5, Claimant{},
			want{v: ClaimExhausted, attempt: 1, faults: 5}},
		{"last doubt", record(StatusProcessing, expired, doubts(19)), 5, Claimant{}, want{v: ClaimExhausted, attempt: 1, doubts: 20}},
		{"a doubt is no fault", record(StatusProcessing, expired, faults(4), doubts(4)), 5, Claimant{},
			want{v: ClaimGranted, attempt: 2, faults: 4, doubts: 5}},
		{"interrupted after the window", record(StatusProcessing, expired, windowOver), 5, Claimant{},
			want{v: ClaimExhausted, attempt: 1, doubts: 1}},

		{"newer over done", record(StatusDone), 6, Claimant{}, want{v: ClaimGranted, attempt: 1}},
		{"newer over failed", record(StatusFailed, faults(5)), 6, Claimant{}, want{v: ClaimGranted, attempt: 1}},
		{"newer over a lease", record(StatusProcessing), 6, Claimant{}, want{v: ClaimGranted, attempt: 1}},
		{"newer over retrying", record(StatusRetrying, faults(3), doubts(3)), 6, Claimant{}, want{v: ClaimGranted, attempt: 1}},
		{"newer over a marker", record(StatusDeleted), 6, Claimant{}, want{v: ClaimGranted, attempt: 1}},

		{"older under done", record(StatusDone), 4, Claimant{}, want{v: ClaimOlder}},
		{"older under failed", record(StatusFailed), 4, Claimant{}, want{v: ClaimOlder}},
		{"older under a lease", record(StatusProcessing), 4, Claimant{}, want{v: ClaimOlder}},
		{"older under retrying", record(StatusRetrying), 4, Claimant{}, want{v: ClaimOlder}},
		{"older under a marker", record(StatusDeleted), 4, Claimant{}, want{v: ClaimOlder}},
		{"lower number, but it lives", record(StatusDone), 4, Claimant{Beaten: 5}, want{v: ClaimGranted, attempt: 1}},
		{"lower number, lives, under a lease", record(StatusProcessing), 4, Claimant{Beaten: 5}, want{v: ClaimGranted, attempt: 1}},
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
			got := want{v, ch.Record.Attempt, ch.Record.Faults, ch.Record.Doubts, ch.Record.Lease != nil && ch.Record.Lease.Alone}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			checkShape(t, ch.Record)
			if v == ClaimGranted && (ch.Record.Generation != c.gen || !ch.Record.Lease.Expires.Equal(now.Add(LeaseTime))) {
				t.Errorf("claimed %+v", ch.Record)
			}
		})
	}
}

// checkShape holds what must be true of every record in a store.
func checkShape(t *testing.T, r *Record) {
	t.Helper()
	if (r.Lease != nil) != (r.Status == StatusProcessing) {
		t.Errorf("status %s with lease %v", r.Status, r.Lease)
	}
	if r.Due.IsZero() != r.Status.Ended() {
		t.Errorf("status %s with due %v", r.Status, r.Due)
	}
	if r.Status == StatusDone && r.Error != nil || r.Status == StatusFailed && r.Error == nil {
		t.Errorf("status %s with error %v", r.Status, r.Error)
	}
}

// TestFreshForgets: nothing of an older generation stays at its successor's claim, the text least of all.
func TestFreshForgets(t *testing.T) {
	old := record(StatusDone, faults(1), doubts(1))
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

// TestRelease is the table of classes and budgets.
func TestRelease(t *testing.T) {
	for _, c := range []struct {
		name           string
		old            *Record
		class          Class
		status         Status
		faults, doubts int
	}{
		{"final", record(StatusProcessing), ClassFinal, StatusFailed, 0, 0},
		{"proven once", record(StatusProcessing), ClassObject, StatusRetrying, 1, 0},
		{"proven, last but one", record(StatusProcessing, faults(3)), ClassObject, StatusRetrying, 4, 0},
		{"proven, last", record(StatusProcessing, faults(4)), ClassObject, StatusFailed, 5, 0},
		{"doubt once", record(StatusProcessing), ClassDoubt, StatusRetrying, 0, 1},
		{"doubts do not add to faults", record(StatusProcessing, faults(4), doubts(5)), ClassDoubt, StatusRetrying, 4, 6},
		{"doubt, last", record(StatusProcessing, doubts(19)), ClassDoubt, StatusFailed, 0, 20},
		{"the service's", record(StatusProcessing, faults(4), doubts(19)), ClassService, StatusRetrying, 4, 19},
		{"the service's, window over", record(StatusProcessing, windowOver), ClassService, StatusFailed, 0, 0},
		{"doubt, window over", record(StatusProcessing, windowOver), ClassDoubt, StatusFailed, 0, 1},
		{"proven, window over", record(StatusProcessing, windowOver), ClassObject, StatusFailed, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			ch := rules.Release(c.old, Fault{Code: "c", Class: c.class, Message: "m"}, nil, now)
			r := ch.Record
			if r.Status != c.status || r.Faults != c.faults || r.Doubts != c.doubts {
				t.Errorf("%s, %d faults, %d doubts", r.Status, r.Faults, r.Doubts)
			}
			if r.Error == nil || r.Error.Code != "c" || r.Error.Retryable != (c.class != ClassFinal) {
				t.Errorf("error %+v", r.Error)
			}
			if want := (ch.Stamps & StampFinished) != 0; want != (c.status == StatusFailed) {
				t.Errorf("stamps %b at %s", ch.Stamps, c.status)
			}
			checkShape(t, r)
		})
	}
}

// TestReleasePage: one page of several that used up the budget fails alone, except when the window is over.
func TestReleasePage(t *testing.T) {
	pg := &Page{Page: 2, Generation: 5, Error: &Error{Code: "c"}}
	f := Fault{Code: "c", Class: ClassObject}
	ch := rules.Release(record(StatusProcessing, faults(4)), f, pg, now)
	if ch.Record.Status != StatusRetrying || ch.Record.Faults != 0 || len(ch.Pages) != 1 || ch.Record.PagesDone != 1 {
		t.Errorf("%+v", ch.Record)
	}
	if ch = rules.Release(record(StatusProcessing, faults(3)), f, pg, now); len(ch.Pages) != 0 || ch.Record.Faults != 4 {
		t.Errorf("below the budget: %+v", ch.Record)
	}
	if ch = rules.Release(record(StatusProcessing, faults(4), windowOver), f, pg, now); ch.Record.Status != StatusFailed {
		t.Errorf("after the window: %+v", ch.Record)
	}
}

// TestProgressClears: a finished page takes back what counted against the object; a failed one does not.
func TestProgressClears(t *testing.T) {
	old := record(StatusProcessing, faults(3), doubts(7), interrupted)
	ch := Progress(old, 9, 2, []Page{{Page: 1}, {Page: 4}}, now)
	if r := ch.Record; r.Faults != 0 || r.Doubts != 0 || r.Error != nil || r.Pages != 9 || r.PagesDone != 2 {
		t.Errorf("%+v", ch.Record)
	}
	ch = Progress(old, 9, 1, []Page{{Page: 1, Error: &Error{Code: "c"}}}, now)
	if r := ch.Record; r.Faults != 3 || r.Doubts != 7 || r.PagesDone != 1 {
		t.Errorf("%+v", ch.Record)
	}
	checkShape(t, ch.Record)
}

func TestOwns(t *testing.T) {
	for name, c := range map[string]struct {
		old  *Record
		want bool
	}{
		"ours":             {record(StatusProcessing, func(r *Record) { r.Lease.ID = "ours" }), true},
		"ours, expired":    {record(StatusProcessing, func(r *Record) { r.Lease = &Lease{ID: "ours", Expires: now.Add(-1)} }), true},
		"theirs":           {record(StatusProcessing), false},
		"nothing":          {nil, false},
		"released":         {record(StatusRetrying), false},
		"ended":            {record(StatusDone), false},
		"other generation": {record(StatusProcessing, func(r *Record) { r.Lease.ID = "ours"; r.Generation = 6 }), false},
	} {
		if Owns(c.old, 5, "ours") != c.want {
			t.Errorf("%s: want %v", name, c.want)
		}
	}
}

func TestCompleteAndPauseAndErase(t *testing.T) {
	ch := Complete(record(StatusProcessing, faults(2), interrupted), Contents{Pages: 1, Text: "t", Model: "m"})
	if r := ch.Record; r.Status != StatusDone || r.Text != "t" || r.Faults != 0 || r.PagesDone != 1 || ch.Stamps != StampFinished {
		t.Errorf("%+v", r)
	}
	checkShape(t, ch.Record)
	ch = rules.Pause(record(StatusProcessing, faults(2), interrupted), now)
	if r := ch.Record; r.Status != StatusRetrying || r.Error != nil || r.Faults != 2 {
		t.Errorf("%+v", r)
	}
	checkShape(t, ch.Record)
	ch = erase(record(StatusDone), Event{Object: Object{"b", "n", 5}}, now)
	if r := ch.Record; r.Status != StatusDeleted || r.Attempt != 0 || !r.MarkerExpires.Equal(now.Add(7*24*time.Hour)) || r.Created.IsZero() {
		t.Errorf("%+v", r)
	}
	checkShape(t, ch.Record)
}

// TestEveryStateEveryEvent is the whole table: each state a record can be in, against each event that can meet it. What an
// event does not name for a state is its otherwise; a status is written, and a word with a hyphen says why none is. Every
// record that is written has a shape that a listener can trust.
func TestEveryStateEveryEvent(t *testing.T) {
	ours := func(r *Record) { r.Lease.ID = "ours" }
	states := map[string]*Record{
		"nothing":          nil,
		"leased":           record(StatusProcessing),
		"ours":             record(StatusProcessing, ours),
		"expired":          record(StatusProcessing, expired),
		"expired twice":    record(StatusProcessing, expired, interrupted, doubts(1)),
		"expired alone":    record(StatusProcessing, expiredAlone, interrupted, doubts(2)),
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
			ch, v := rules.Claim(old, finalized(generation), Claimant{Now: now, Lease: "new", Beaten: beaten(old, live), Alone: alone})
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
		return func(old *Record) *Change { return rules.Release(old, Fault{Code: "c", Class: c}, nil, now) }
	}
	for name, test := range map[string]struct {
		do        event
		otherwise string
		want      want
	}{
		"finalize, same (delivery or sweep)": {claim(5, false, false), "processing", want{
			"leased": "-leased", "ours": "-leased", "expired twice": "-needs alone", "expired alone": "-needs alone",
			"done": "-ended", "failed": "-ended", "marker": "-ended"}},
		"finalize, same, alone": {claim(5, false, true), "processing", want{
			"leased": "-leased", "ours": "-leased", "done": "-ended", "failed": "-ended", "marker": "-ended"}},
		"finalize, newer":       {claim(6, false, false), "processing", nil},
		"finalize, older":       {claim(4, false, false), "-older", want{"nothing": "processing"}},
		"finalize, older, live": {claim(4, true, false), "processing", nil},

		"delete, same":                {del(5, false), "deleted", want{"marker": "-marked"}},
		"delete, newer":               {del(6, false), "-ask", want{"nothing": "deleted", "marker": "deleted"}},
		"delete, newer, ours is gone": {del(6, true), "deleted", nil},
		"delete, older":               {del(4, false), "-newer", want{"nothing": "deleted"}},

		"renew":           {commit(func(r *Record) *Change { return Renew(r, now) }), "-lost", want{"ours": "processing"}},
		"page finished":   {commit(func(r *Record) *Change { return Progress(r, 2, 1, []Page{{Page: 1}}, now) }), "-lost", want{"ours": "processing"}},
		"complete":        {commit(func(r *Record) *Change { return Complete(r, Contents{Pages: 1}) }), "-lost", want{"ours": "done"}},
		"pause":           {commit(func(r *Record) *Change { return rules.Pause(r, now) }), "-lost", want{"ours": "retrying"}},
		"final fault":     {commit(fault(ClassFinal)), "-lost", want{"ours": "failed"}},
		"object's fault":  {commit(fault(ClassObject)), "-lost", want{"ours": "retrying"}},
		"doubt":           {commit(fault(ClassDoubt)), "-lost", want{"ours": "retrying"}},
		"service's fault": {commit(fault(ClassService)), "-lost", want{"ours": "retrying"}},

		"retry": {func(old *Record) (*Change, string) {
			ch, err := retry(old, retrial{now: now, by: "me"})
			if err != nil {
				return nil, "refused"
			}
			return ch, "written"
		}, "-refused", want{"expired long ago": "retrying", "retrying": "retrying", "done": "retrying", "failed": "retrying"}},
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
					if old != nil && ch.Record.Generation == old.Generation && ch.Record.Status != StatusDeleted && ch.Record.Attempt < old.Attempt {
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

// beaten is the generation of which the bucket said that the event's lives instead.
func beaten(old *Record, live bool) int64 {
	if live && old != nil {
		return old.Generation
	}
	return 0
}

// TestSum: the order in which pages were finished does not show.
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
		c.want.Pages, c.want.Model = len(c.pages), "m"
		if got := Sum(c.pages, len(c.pages), "m"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %d bytes in pages %v, %+v", c.name, len(got.Text), got.InPages, got.Warnings)
		}
	}
}

// TestReleaseIsDueAfterTheDelay: the sweep leaves the platform the time to redeliver.
func TestReleaseIsDueAfterTheDelay(t *testing.T) {
	r := Rules{MaxAttempts: 5, MaxDoubts: 20, RetryWindow: time.Hour * 24,
		RetryDelay: func(attempt int) time.Duration { return time.Duration(attempt) * time.Minute }}
	old := record(StatusProcessing, func(r *Record) { r.Attempt = 3 })
	for name, ch := range map[string]*Change{
		"release": r.Release(old, Fault{Code: "c", Class: ClassService}, nil, now),
		"pause":   r.Pause(old, now),
	} {
		if !ch.Record.Due.Equal(now.Add(3 * time.Minute)) {
			t.Errorf("%s: due %v", name, ch.Record.Due)
		}
	}
}
