package pipeline

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var (
	now   = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	rules = Rules{MaxAttempts: 5, MaxDoubts: 20, RetryWindow: 24 * time.Hour,
		Redeliver: func(int) time.Duration { return 15 * time.Minute }}
)

// record is one in the given status at generation 5, first claimed an hour ago.
func record(s Status, change ...func(*Record)) *Record {
	r := &Record{Bucket: "b", Name: "n", Generation: 5, Status: s, Attempt: 1,
		WindowStart: now.Add(-time.Hour), Created: now.Add(-time.Hour)}
	if s == Processing {
		r.Lease = &Lease{ID: "theirs", Expires: now.Add(time.Minute)}
	}
	for _, c := range change {
		c(r)
	}
	return r
}

func expired(r *Record)            { r.Lease.Expires = now }
func expiredAlone(r *Record)       { r.Lease = &Lease{ID: "theirs", Expires: now, Alone: true} }
func interrupted(r *Record)        { r.Error = &RecordError{Code: CodeInterrupted} }
func faults(n int) func(r *Record) { return func(r *Record) { r.Faults = n } }
func doubts(n int) func(r *Record) { return func(r *Record) { r.Doubts = n } }
func windowOver(r *Record)         { r.WindowStart = now.Add(-24 * time.Hour) }

func finalized(generation int64) Event {
	return Event{Kind: Finalized, ID: "e", Object: Object{Bucket: "b", Name: "n", Generation: generation}}
}

// TestClaim is the table of claims: every status, with the same, a newer and an older generation.
func TestClaim(t *testing.T) {
	type want struct {
		v                       verdict
		attempt, faults, doubts int
		alone                   bool
	}
	for _, c := range []struct {
		name   string
		old    *Record
		gen    int64
		ticket ticket
		want   want
	}{
		{"nothing there", nil, 5, ticket{}, want{v: claimed, attempt: 1}},

		{"same, done", record(Done), 5, ticket{}, want{v: ended}},
		{"same, failed", record(Failed), 5, ticket{}, want{v: ended}},
		{"same, marker", record(Erased), 5, ticket{}, want{v: ended}},
		{"same, leased", record(Processing), 5, ticket{}, want{v: leased}},
		{"same, leased, alone", record(Processing), 5, ticket{alone: true}, want{v: leased}},
		{"same, retrying", record(Retrying), 5, ticket{}, want{v: claimed, attempt: 2}},
		{"same, retrying after a shutdown", record(Retrying, interrupted), 5, ticket{}, want{v: claimed, attempt: 2}},
		{"same, retrying, budgets kept", record(Retrying, faults(3), doubts(4)), 5, ticket{},
			want{v: claimed, attempt: 2, faults: 3, doubts: 4}},

		{"first interruption", record(Processing, expired), 5, ticket{}, want{v: claimed, attempt: 2, doubts: 1}},
		{"second asks to be alone", record(Processing, expired, interrupted, doubts(1)), 5, ticket{}, want{v: wantAlone}},
		{"second, alone", record(Processing, expired, interrupted, doubts(1)), 5, ticket{alone: true},
			want{v: claimed, attempt: 2, doubts: 2, alone: true}},
		{"third asks to be alone", record(Processing, expiredAlone, interrupted, doubts(2)), 5, ticket{}, want{v: wantAlone}},
		{"third is proven", record(Processing, expiredAlone, interrupted, doubts(2)), 5, ticket{alone: true},
			want{v: claimed, attempt: 2, faults: 1, doubts: 2, alone: true}},
		{"last proven", record(Processing, expiredAlone, interrupted, faults(4)), 5, ticket{},
			want{v: exhausted, attempt: 1, faults: 5}},
		{"last doubt", record(Processing, expired, doubts(19)), 5, ticket{}, want{v: exhausted, attempt: 1, doubts: 20}},
		{"a doubt is no fault", record(Processing, expired, faults(4), doubts(4)), 5, ticket{},
			want{v: claimed, attempt: 2, faults: 4, doubts: 5}},
		{"interrupted after the window", record(Processing, expired, windowOver), 5, ticket{},
			want{v: exhausted, attempt: 1, doubts: 1}},

		{"newer over done", record(Done), 6, ticket{}, want{v: claimed, attempt: 1}},
		{"newer over failed", record(Failed, faults(5)), 6, ticket{}, want{v: claimed, attempt: 1}},
		{"newer over a lease", record(Processing), 6, ticket{}, want{v: claimed, attempt: 1}},
		{"newer over retrying", record(Retrying, faults(3), doubts(3)), 6, ticket{}, want{v: claimed, attempt: 1}},
		{"newer over a marker", record(Erased), 6, ticket{}, want{v: claimed, attempt: 1}},

		{"older under done", record(Done), 4, ticket{}, want{v: older}},
		{"older under failed", record(Failed), 4, ticket{}, want{v: older}},
		{"older under a lease", record(Processing), 4, ticket{}, want{v: older}},
		{"older under retrying", record(Retrying), 4, ticket{}, want{v: older}},
		{"older under a marker", record(Erased), 4, ticket{}, want{v: older}},
		{"lower number, but it lives", record(Done), 4, ticket{beaten: 5}, want{v: claimed, attempt: 1}},
		{"lower number, lives, under a lease", record(Processing), 4, ticket{beaten: 5}, want{v: claimed, attempt: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.ticket.now, c.ticket.lease = now, "ours"
			before := ""
			if c.old != nil {
				before = dump(c.old)
			}
			ch, v := rules.claim(c.old, finalized(c.gen), c.ticket)
			if v != c.want.v {
				t.Fatalf("verdict %q, want %q", v, c.want.v)
			}
			if c.old != nil && dump(c.old) != before {
				t.Error("the old record was changed")
			}
			writes := v == claimed || v == exhausted
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
			if v == claimed && (ch.Record.Generation != c.gen || !ch.Record.Lease.Expires.Equal(now.Add(LeaseTime))) {
				t.Errorf("claimed %+v", ch.Record)
			}
		})
	}
}

// checkShape holds what must be true of every record that stands in a store.
func checkShape(t *testing.T, r *Record) {
	t.Helper()
	if (r.Lease != nil) != (r.Status == Processing) {
		t.Errorf("status %s with lease %v", r.Status, r.Lease)
	}
	if r.Due.IsZero() != r.Status.Ended() {
		t.Errorf("status %s with due %v", r.Status, r.Due)
	}
	if r.Status == Done && r.Error != nil || r.Status == Failed && r.Error == nil {
		t.Errorf("status %s with error %v", r.Status, r.Error)
	}
}

// TestFreshForgets: nothing of an older generation stays at its successor's claim, the text least of all.
func TestFreshForgets(t *testing.T) {
	old := record(Done, faults(1), doubts(1))
	old.Text, old.TextInPages, old.Pages, old.PagesDone, old.Blank = "old", true, 3, 3, true
	old.Warnings, old.Model, old.Usage = []string{WarnTruncated}, "m", Usage{1, 2}
	old.Retried, old.RetriedBy, old.Finished = now, "me", now
	ch, _ := rules.claim(old, finalized(6), ticket{now: now, lease: "ours"})
	want := record(Processing)
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
		{"final", record(Processing), Final, Failed, 0, 0},
		{"proven once", record(Processing), OfObject, Retrying, 1, 0},
		{"proven, last but one", record(Processing, faults(3)), OfObject, Retrying, 4, 0},
		{"proven, last", record(Processing, faults(4)), OfObject, Failed, 5, 0},
		{"doubt once", record(Processing), Doubt, Retrying, 0, 1},
		{"doubts do not add to faults", record(Processing, faults(4), doubts(5)), Doubt, Retrying, 4, 6},
		{"doubt, last", record(Processing, doubts(19)), Doubt, Failed, 0, 20},
		{"somebody else's", record(Processing, faults(4), doubts(19)), Service, Retrying, 4, 19},
		{"somebody else's, window over", record(Processing, windowOver), Service, Failed, 0, 0},
		{"doubt, window over", record(Processing, windowOver), Doubt, Failed, 0, 1},
		{"proven, window over", record(Processing, windowOver), OfObject, Failed, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			ch := rules.release(c.old, Fault{Code: "c", Class: c.class, Message: "m"}, nil, now)
			r := ch.Record
			if r.Status != c.status || r.Faults != c.faults || r.Doubts != c.doubts {
				t.Errorf("%s, %d faults, %d doubts", r.Status, r.Faults, r.Doubts)
			}
			if r.Error == nil || r.Error.Code != "c" || r.Error.Retryable != (c.class != Final) {
				t.Errorf("error %+v", r.Error)
			}
			if want := (ch.Stamps & StampFinished) != 0; want != (c.status == Failed) {
				t.Errorf("stamps %b at %s", ch.Stamps, c.status)
			}
			checkShape(t, r)
		})
	}
}

// TestReleasePage: one page of several that used up the budget fails alone, except when the window is over.
func TestReleasePage(t *testing.T) {
	pg := &PageRecord{Page: 2, Generation: 5, Error: &RecordError{Code: "c"}}
	f := Fault{Code: "c", Class: OfObject}
	ch := rules.release(record(Processing, faults(4)), f, pg, now)
	if ch.Record.Status != Retrying || ch.Record.Faults != 0 || len(ch.Pages) != 1 || ch.Record.PagesDone != 1 {
		t.Errorf("%+v", ch.Record)
	}
	if ch = rules.release(record(Processing, faults(3)), f, pg, now); len(ch.Pages) != 0 || ch.Record.Faults != 4 {
		t.Errorf("below the budget: %+v", ch.Record)
	}
	if ch = rules.release(record(Processing, faults(4), windowOver), f, pg, now); ch.Record.Status != Failed {
		t.Errorf("after the window: %+v", ch.Record)
	}
}

// TestProgressClears: a finished page takes back what counted against the object; a failed one does not.
func TestProgressClears(t *testing.T) {
	old := record(Processing, faults(3), doubts(7), interrupted)
	ch := progress(old, 9, []PageRecord{{Page: 1}, {Page: 4}}, now)
	if r := ch.Record; r.Faults != 0 || r.Doubts != 0 || r.Error != nil || r.Pages != 9 || r.PagesDone != 2 {
		t.Errorf("%+v", ch.Record)
	}
	ch = progress(old, 9, []PageRecord{{Page: 1, Error: &RecordError{Code: "c"}}}, now)
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
		"ours":             {record(Processing, func(r *Record) { r.Lease.ID = "ours" }), true},
		"ours, expired":    {record(Processing, func(r *Record) { r.Lease = &Lease{ID: "ours", Expires: now.Add(-1)} }), true},
		"theirs":           {record(Processing), false},
		"nothing":          {nil, false},
		"released":         {record(Retrying), false},
		"ended":            {record(Done), false},
		"other generation": {record(Processing, func(r *Record) { r.Lease.ID = "ours"; r.Generation = 6 }), false},
	} {
		if owns(c.old, 5, "ours") != c.want {
			t.Errorf("%s: want %v", name, c.want)
		}
	}
}

func TestCompleteAndPauseAndErase(t *testing.T) {
	ch := complete(record(Processing, faults(2), interrupted), document{pages: 1, text: "t", model: "m"})
	if r := ch.Record; r.Status != Done || r.Text != "t" || r.Faults != 0 || r.PagesDone != 1 || ch.Stamps != StampFinished {
		t.Errorf("%+v", r)
	}
	checkShape(t, ch.Record)
	ch = rules.pause(record(Processing, faults(2), interrupted), now)
	if r := ch.Record; r.Status != Retrying || r.Error != nil || r.Faults != 2 {
		t.Errorf("%+v", r)
	}
	checkShape(t, ch.Record)
	ch = erase(record(Done), Event{Object: Object{"b", "n", 5}}, now)
	if r := ch.Record; r.Status != Erased || r.Attempt != 0 || !r.MarkerExpires.Equal(now.Add(7*24*time.Hour)) || r.Created.IsZero() {
		t.Errorf("%+v", r)
	}
	checkShape(t, ch.Record)
}

func TestSentinelsAreDistinct(t *testing.T) {
	for i, s := range sentinels {
		for _, u := range sentinels[i+1:] {
			if errors.Is(s.err, u.err) || errors.Is(u.err, s.err) {
				t.Errorf("%v and %v cannot be told apart", s.err, u.err)
			}
		}
	}
}

// TestEveryStateEveryEvent is the whole table: each state a record can be in, against each event that can meet it. What
// is not written is "-"; every record that is written has a shape that a listener can trust.
func TestEveryStateEveryEvent(t *testing.T) {
	ours := func(r *Record) { r.Lease.ID = "ours" }
	states := []struct {
		name string
		old  *Record
	}{
		{"nothing", nil},
		{"leased", record(Processing)},
		{"ours", record(Processing, ours)},
		{"expired", record(Processing, expired)},
		{"expired twice", record(Processing, expired, interrupted, doubts(1))},
		{"expired alone", record(Processing, expiredAlone, interrupted, doubts(2))},
		{"retrying", record(Retrying, func(r *Record) { r.Due = now })},
		{"done", record(Done)},
		{"failed", record(Failed, func(r *Record) { r.Error = &RecordError{Code: "c"} })},
		{"marker", record(Erased)},
		{"expired long ago", record(Processing, func(r *Record) { r.Lease.Expires = now.Add(-DueGrace) })},
	}
	claim := func(generation int64, living, alone bool) func(*Record) (*Change, string) {
		return func(old *Record) (*Change, string) {
			ch, v := rules.claim(old, finalized(generation), ticket{now: now, lease: "new", beaten: beaten(old, living), alone: alone})
			return ch, string(v)
		}
	}
	del := func(generation int64, gone bool) func(*Record) (*Change, string) {
		return func(old *Record) (*Change, string) {
			ch, v := remove(old, finalized(generation), gone, now)
			return ch, string(v)
		}
	}
	commit := func(f func(*Record) *Change) func(*Record) (*Change, string) {
		return func(old *Record) (*Change, string) {
			if !owns(old, 5, "ours") {
				return nil, "lost"
			}
			return f(old), "written"
		}
	}
	fault := func(c Class) func(*Record) *Change {
		return func(old *Record) *Change { return rules.release(old, Fault{Code: "c", Class: c}, nil, now) }
	}
	events := []struct {
		name string
		do   func(*Record) (*Change, string)
		want string // one word for each state: the status written, or "-" and why not
	}{
		{"finalize, same (delivery or sweep)", claim(5, false, false),
			"processing -leased -leased processing -want_alone -want_alone processing -ended -ended -ended processing"},
		{"finalize, same, alone", claim(5, false, true),
			"processing -leased -leased processing processing processing processing -ended -ended -ended processing"},
		{"finalize, newer", claim(6, false, false),
			"processing processing processing processing processing processing processing processing processing processing processing"},
		{"finalize, older", claim(4, false, false),
			"processing -older -older -older -older -older -older -older -older -older -older"},
		{"finalize, older, lives", claim(4, true, false),
			"processing processing processing processing processing processing processing processing processing processing processing"},
		{"delete, same", del(5, false),
			"deleted deleted deleted deleted deleted deleted deleted deleted deleted -claimed deleted"},
		{"delete, newer", del(6, false),
			"deleted -older -older -older -older -older -older -older -older deleted -older"},
		{"delete, newer, ours is gone", del(6, true),
			"deleted deleted deleted deleted deleted deleted deleted deleted deleted deleted deleted"},
		{"delete, older", del(4, false),
			"deleted -ended -ended -ended -ended -ended -ended -ended -ended -ended -ended"},
		{"renew", commit(func(r *Record) *Change { return renew(r, now) }),
			"-lost -lost processing -lost -lost -lost -lost -lost -lost -lost -lost"},
		{"page finished", commit(func(r *Record) *Change { return progress(r, 2, []PageRecord{{Page: 1}}, now) }),
			"-lost -lost processing -lost -lost -lost -lost -lost -lost -lost -lost"},
		{"complete", commit(func(r *Record) *Change { return complete(r, document{pages: 1}) }),
			"-lost -lost done -lost -lost -lost -lost -lost -lost -lost -lost"},
		{"pause", commit(func(r *Record) *Change { return rules.pause(r, now) }),
			"-lost -lost retrying -lost -lost -lost -lost -lost -lost -lost -lost"},
		{"retry", func(old *Record) (*Change, string) {
			ch, v := retry(old, retrial{now: now, by: "me"})
			return ch, string(v)
		}, "-ended -leased -leased -leased -leased -leased retrying retrying retrying -ended retrying"},
		{"final fault", commit(fault(Final)), "-lost -lost failed -lost -lost -lost -lost -lost -lost -lost -lost"},
		{"object's fault", commit(fault(OfObject)), "-lost -lost retrying -lost -lost -lost -lost -lost -lost -lost -lost"},
		{"doubt", commit(fault(Doubt)), "-lost -lost retrying -lost -lost -lost -lost -lost -lost -lost -lost"},
		{"service's fault", commit(fault(Service)), "-lost -lost retrying -lost -lost -lost -lost -lost -lost -lost -lost"},
	}
	for _, e := range events {
		words := strings.Fields(e.want)
		for i, s := range states {
			ch, why := e.do(s.old)
			got := "-" + strings.ReplaceAll(why, " ", "_")
			if ch != nil {
				got = string(ch.Record.Status)
				checkShape(t, ch.Record)
				if s.old != nil && ch.Record.Generation == s.old.Generation && ch.Record.Status != Erased && ch.Record.Attempt < s.old.Attempt {
					t.Errorf("%s at %s: attempt went down", e.name, s.name)
				}
			}
			if got != words[i] {
				t.Errorf("%s at %s: %s, want %s", e.name, s.name, got, words[i])
			}
		}
	}
}

// beaten is the generation of which the bucket said that the event's lives instead.
func beaten(old *Record, living bool) int64 {
	if living && old != nil {
		return old.Generation
	}
	return 0
}
