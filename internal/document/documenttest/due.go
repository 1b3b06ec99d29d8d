package documenttest

import (
	"context"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// due: records that the sweep finds.
var due = []check{
	{"due in order, up to now", dueInOrder},
	{"due up to the limit", dueLimit},
	{"due since a time", dueSince},
	{"due forgets the ended", dueEnded},
	{"due returns what Update takes", dueUpdates},
}

// dueNames returns the names of the due records.
func dueNames(t *testing.T, ctx context.Context, s document.Store, since, now time.Time, limit int) []string {
	t.Helper()
	got, err := s.Due(ctx, since, now, limit)
	if err != nil {
		t.Fatalf("Due: %v", err)
	}
	names := make([]string, len(got))
	for i, r := range got {
		names[i] = r.Name
	}
	return names
}

func dueInOrder(t *testing.T, ctx context.Context, s document.Store) {
	mustCreateDue(t, ctx, s, map[string]int{"c": 3, "a": 1, "e": 5, "b": 2, "d": 4})
	same(t, "Due", []string{"a", "b", "c"}, dueNames(t, ctx, s, time.Time{}, at(3), 100))
	earlier := at(3).Add(-time.Microsecond)
	same(t, "Due a microsecond earlier", []string{"a", "b"}, dueNames(t, ctx, s, time.Time{}, earlier, 100))
	elsewhere := at(3).In(time.FixedZone("UTC+9", 9*60*60))
	same(t, "Due in another zone", []string{"a", "b", "c"}, dueNames(t, ctx, s, time.Time{}, elsewhere, 100))
	same(t, "Due before all", nil, dueNames(t, ctx, s, time.Time{}, at(0), 100))
}

func dueLimit(t *testing.T, ctx context.Context, s document.Store) {
	mustCreateDue(t, ctx, s, map[string]int{"c": 3, "a": 1, "e": 5, "b": 2, "d": 4})
	same(t, "Due", []string{"a", "b"}, dueNames(t, ctx, s, time.Time{}, at(100), 2))
}

func dueSince(t *testing.T, ctx context.Context, s document.Store) {
	mustCreateDue(t, ctx, s, map[string]int{"c": 3, "a": 1, "e": 5, "b": 2, "d": 4})
	for since, want := range map[time.Time][]string{
		at(2):                              {"b", "c", "d"},
		at(2).Add(time.Microsecond):        {"c", "d"},
		at(4):                              {"d"},
		at(4).Add(time.Microsecond):        nil,
		at(2).In(time.FixedZone("", 3600)): {"b", "c", "d"},
	} {
		same(t, "Due since "+since.String(), want, dueNames(t, ctx, s, since, at(4), 100))
	}
}

func dueEnded(t *testing.T, ctx context.Context, s document.Store) {
	first := mustCreate(t, ctx, s, claimed("ending"))
	mustCreate(t, ctx, s, done("done", "text"))
	mustCreate(t, ctx, s, marker())
	same(t, "Due", []string{"ending"}, dueNames(t, ctx, s, time.Time{}, at(100), 10))
	ended := done("ending", "text")
	mustUpdate(t, ctx, s, first.Object().ID(), document.Seen(first), set(document.Change{Record: &ended}))
	same(t, "Due after the end", nil, dueNames(t, ctx, s, time.Time{}, at(100), 10))
}

func dueUpdates(t *testing.T, ctx context.Context, s document.Store) {
	stored := mustCreate(t, ctx, s, claimed("sweep me"))
	got, err := s.Due(ctx, time.Time{}, at(100), 1)
	if err != nil || len(got) != 1 {
		t.Fatalf("Due = %v, %v; want one record", got, err)
	}
	same(t, "Due", stored, got[0])
	if next := mustUpdate(t, ctx, s, stored.Object().ID(), document.Seen(got[0]), plus); next.Interruptions != 1 {
		t.Errorf("faults = %d, want 1", next.Interruptions)
	}
}
