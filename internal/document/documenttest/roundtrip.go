package documenttest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// roundTrip: a record reads as it was written.
var roundTrip = []check{
	{"missing", missing},
	{"every field", everyField},
	{"done", doneRecord},
	{"zero fields stay absent", zeroFields},
	{"fields do not outlive a replacement", replaced},
	{"marker", markerRecord},
	{"stamps are the store's and never go back", stamps},
	{"times without a stamp are kept", unstamped},
	{"times finer than the store's", fineTimes},
	{"versions and write ids differ", versions},
	{"every answer tells the store's time", readTimes},
	{"what is handed out is the caller's", handedOut},
	{"text of the limit", bigText},
	{"ended context", endedContext},
}

func missing(t *testing.T, ctx context.Context, s document.Store) {
	if got, err := s.Get(ctx, idOf("a")); got != nil || err != nil {
		t.Errorf("Get of nothing = %+v, %v; want nil, nil", got, err)
	}
	if got, err := s.Pages(ctx, "nothing", 1); len(got) != 0 || err != nil {
		t.Errorf("Pages of nothing = %+v, %v; want none, nil", got, err)
	}
	if got, err := s.Due(ctx, time.Time{}, at(0), 10); len(got) != 0 || err != nil {
		t.Errorf("Due of nothing = %+v, %v; want none, nil", got, err)
	}
	if err := s.ClearPages(ctx, "nothing", 0); err != nil {
		t.Errorf("ClearPages of nothing: %v", err)
	}
}

// roundTripped stores c and compares the results of Update and Get with it, and with one another.
func roundTripped(t *testing.T, ctx context.Context, s document.Store, c document.Change) *document.Stored {
	t.Helper()
	id := c.Record.Object().ID()
	updated := mustUpdate(t, ctx, s, id, document.Unread(), set(c))
	sameRecord(t, "Update", *c.Record, updated.Record)
	got := mustGet(t, ctx, s, id)
	same(t, "Get against Update", updated, got)
	return got
}

func everyField(t *testing.T, ctx context.Context, s document.Store) {
	r := full()
	roundTripped(t, ctx, s, document.Change{Record: &r})
}

func doneRecord(t *testing.T, ctx context.Context, s document.Store) {
	for _, body := range []string{"# Rechnung\n\n| a | b |\n|---|---|\n\f\nSeite 2", ""} {
		r := done("page"+body, body)
		roundTripped(t, ctx, s, document.Change{Record: &r})
	}
}

func zeroFields(t *testing.T, ctx context.Context, s document.Store) {
	r := document.Record{Bucket: "b", Name: "n", Generation: 1, Status: document.StatusRetrying}
	got := roundTripped(t, ctx, s, document.Change{Record: &r})
	if !got.Created.IsZero() || !got.Due.IsZero() || got.Lease != nil || got.Error != nil {
		t.Errorf("absent fields came back: %+v", got.Record)
	}
}

func replaced(t *testing.T, ctx context.Context, s document.Store) {
	r := full()
	first := mustCreate(t, ctx, s, r)
	next := document.Record{Bucket: r.Bucket, Name: r.Name, Generation: 5, Status: document.StatusFailed}
	mustUpdate(t, ctx, s, r.Object().ID(), document.Seen(first), set(document.Change{Record: &next}))
	sameRecord(t, "Get", next, mustGet(t, ctx, s, r.Object().ID()).Record)
}

func markerRecord(t *testing.T, ctx context.Context, s document.Store) {
	r := full()
	r.Name, r.Generation = marker().Name, marker().Generation
	mustCreate(t, ctx, s, r)
	m := marker()
	m.Due, m.Notified = at(6), new(false)
	roundTripped(t, ctx, s, document.Change{Record: &m})
}

func stamps(t *testing.T, ctx context.Context, s document.Store) {
	r := claimed("stamped")
	r.Created, r.Started, r.Finished, r.Updated = at(-100), at(-100), at(-100), at(-100)
	all := document.StampCreated | document.StampStarted | document.StampFinished
	stored := mustUpdate(t, ctx, s, r.Object().ID(), document.Unread(), set(document.Change{Record: &r, Stamps: all}))
	now := stored.Updated
	if now.IsZero() || now.Equal(at(-100)) {
		t.Errorf("Updated = %v, want the store's time", now)
	}
	same(t, "stamps of one commit", []time.Time{now, now, now},
		[]time.Time{stored.Created, stored.Started, stored.Finished})
	for range 20 {
		next := mustUpdate(t, ctx, s, r.Object().ID(), document.Seen(stored), plus)
		if next.Updated.Before(stored.Updated) {
			t.Errorf("Updated went back from %v to %v", stored.Updated, next.Updated)
		}
		stored = next
	}
	same(t, "Get against Update", stored, mustGet(t, ctx, s, r.Object().ID()))
}

func unstamped(t *testing.T, ctx context.Context, s document.Store) {
	first := mustCreate(t, ctx, s, claimed("kept"))
	finish := func(old *document.Record) (*document.Change, error) {
		next := *old
		return &document.Change{Record: &next, Stamps: document.StampFinished}, nil
	}
	got := mustUpdate(t, ctx, s, first.Object().ID(), document.Seen(first), finish)
	if !got.Created.Equal(first.Created) || !got.Started.Equal(first.Started) {
		t.Errorf("created, started = %v, %v; want %v, %v", got.Created, got.Started, first.Created, first.Started)
	}
	if got.Finished.IsZero() {
		t.Error("finished is not set")
	}
}

// A store may truncate a time to the microsecond, but Update and Get must agree.
func fineTimes(t *testing.T, ctx context.Context, s document.Store) {
	r := claimed("fine")
	r.EventTime = at(0).Add(999 * time.Nanosecond)
	updated := mustUpdate(t, ctx, s, idOf("fine"), document.Unread(), set(document.Change{Record: &r}))
	got := mustGet(t, ctx, s, idOf("fine"))
	same(t, "Get against Update", updated, got)
	same(t, "the time to the microsecond", at(0), got.EventTime.Truncate(time.Microsecond))
}

func versions(t *testing.T, ctx context.Context, s document.Store) {
	stored := mustCreate(t, ctx, s, claimed("versions"))
	seen, writes := map[int64]bool{}, map[string]bool{}
	for range 50 {
		if seen[stored.Version] {
			t.Fatalf("version %d is that of two states", stored.Version)
		}
		if stored.Write == "" || writes[stored.Write] {
			t.Fatalf("write id %q is not fresh", stored.Write)
		}
		seen[stored.Version], writes[stored.Write] = true, true
		stored = mustUpdate(t, ctx, s, stored.Object().ID(), document.Seen(stored), plus)
	}
}

// ReadAt is the time of the commit or the read, not the time when the state was written.
func readTimes(t *testing.T, ctx context.Context, s document.Store) {
	first := mustCreate(t, ctx, s, claimed("first"))
	id := first.Object().ID()
	check := func(what string, got *document.Stored, notBefore time.Time) {
		t.Helper()
		if got == nil || got.ReadAt.IsZero() || got.ReadAt.Before(got.Updated) || got.ReadAt.Before(notBefore) {
			t.Errorf("%s: read at %v a state of %v; want it not before %v", what, got.ReadAt, got.Updated, notBefore)
		}
	}
	check("the first commit", first, time.Time{})
	second := mustCreate(t, ctx, s, claimed("second"))
	check("the second commit", second, first.ReadAt)
	check("Get", mustGet(t, ctx, s, id), second.ReadAt)
	due, err := s.Due(ctx, time.Time{}, at(100), 10)
	if err != nil || len(due) != 2 {
		t.Fatalf("Due = %d records, %v; want 2", len(due), err)
	}
	check("Due", due[0], second.ReadAt)
	third := mustUpdate(t, ctx, s, second.Object().ID(), document.Seen(second), plus)
	check("a change", third, second.ReadAt)
	got := mustUpdate(t, ctx, s, id, document.Seen(first), func(*document.Record) (*document.Change, error) {
		return nil, nil
	})
	check("Update that changes nothing", got, third.ReadAt)
	if l, ok := s.(document.Lister); ok {
		heads, err := l.Heads(ctx, []string{id})
		if err != nil {
			t.Fatalf("Heads: %v", err)
		}
		check("Heads", heads[0], third.ReadAt)
		if err := l.List(ctx, document.Query{Status: document.StatusProcessing}, func(s *document.Stored) error {
			check("List", s, third.ReadAt)
			return nil
		}); err != nil {
			t.Fatalf("List: %v", err)
		}
	}
}

func handedOut(t *testing.T, ctx context.Context, s document.Store) {
	r := full()
	id := r.Object().ID()
	stored := mustUpdate(t, ctx, s, id, document.Unread(), set(document.Change{Record: &r}))
	for _, got := range []*document.Record{stored.Record, mustGet(t, ctx, s, id).Record, &r} {
		got.Metadata["uploader"], got.Warnings[0] = "mallory", "forged"
		got.Lease.ID, got.Error.Code, got.Status = "stolen", "forged", document.StatusFailed
	}
	sameRecord(t, "Get after the callers scribbled", full(), mustGet(t, ctx, s, id).Record)
}

func bigText(t *testing.T, ctx context.Context, s document.Store) {
	r := done("big", text(document.MaxTextBytes))
	p := onePage(r.Generation, 1)
	p.Text = text(document.MaxTextBytes)
	roundTripped(t, ctx, s, document.Change{Record: &r, Pages: []document.Page{p}})
	got := mustPages(t, ctx, s, r.Object().ID(), r.Generation)
	if len(got) != 1 || got[0].Text != p.Text {
		t.Errorf("the page's text of %d bytes did not come back", len(p.Text))
	}
}

func endedContext(t *testing.T, ctx context.Context, s document.Store) {
	r := claimed("late")
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err := document.Update(ended, s, r.Object().ID(), document.Unread(), set(document.Change{Record: &r}))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update on an ended context: %v, want context.Canceled", err)
	}
	if _, err := s.Get(ended, r.Object().ID()); !errors.Is(err, context.Canceled) {
		t.Errorf("Get on an ended context: %v, want context.Canceled", err)
	}
	if got, err := s.Get(ctx, r.Object().ID()); got != nil || err != nil {
		t.Errorf("Get = %v, %v; want nothing written", got, err)
	}
}
