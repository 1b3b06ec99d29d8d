package documenttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/bucketocr/bucketocr/internal/document"
)

// listing: lists, heads and tallies.
var listing = []check{
	{"list by status, warning and model", listSelects},
	{"list by name", listByName},
	{"list many", listMany},
	{"list what is overdue", listOverdue},
	{"list ends with fn", listEnds},
	{"list while it is written", listWhileWriting},
	{"heads in the order of ids", headsInOrder},
	{"tally", tallies},
}

// lister returns the store as a Lister, or skips the test.
func lister(t *testing.T, s document.Store) document.Lister {
	t.Helper()
	l, ok := s.(document.Lister)
	if !ok {
		t.Skip("this store cannot be listed")
	}
	return l
}

// listed returns the names of the selected records; in order if the query promises one, and else sorted.
func listed(t *testing.T, ctx context.Context, s document.Store, q document.Query) []string {
	t.Helper()
	var names []string
	err := lister(t, s).List(ctx, q, func(r *document.Stored) error {
		if r.Text != "" {
			t.Errorf("%s comes with its text", r.Name)
		}
		names = append(names, r.Name)
		return nil
	})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	if q.DueBy.IsZero() && q.Names == nil {
		slices.Sort(names)
	}
	return names
}

// end stores an ended record, with the stamp of its end.
func end(t *testing.T, ctx context.Context, s document.Store, name string,
	change func(*document.Record)) *document.Stored {
	t.Helper()
	r := done(name, "its text")
	change(&r)
	return mustUpdate(t, ctx, s, r.Object().ID(), document.Unread(),
		set(document.Change{Record: &r, Stamps: document.StampCreated | document.StampFinished}))
}

func listSelects(t *testing.T, ctx context.Context, s document.Store) {
	end(t, ctx, s, "clean", func(r *document.Record) { r.Model = "m1" })
	end(t, ctx, s, "cut", func(r *document.Record) { r.Model, r.Warnings = "m1", []string{document.WarnTruncated} })
	last := end(t, ctx, s, "cut and looping", func(r *document.Record) {
		r.Model, r.Warnings = "m2", []string{document.WarnRepetition, document.WarnTruncated}
	})
	end(t, ctx, s, "failed", func(r *document.Record) {
		r.Status, r.Text, r.Error = document.StatusFailed, "", &document.Error{Code: document.CodeCorrupt}
	})
	mustCreate(t, ctx, s, claimed("at work"))
	m := marker()
	mustCreate(t, ctx, s, m)
	for _, c := range []struct {
		what string
		q    document.Query
		want []string
	}{
		{"all", document.Query{}, []string{"at work", "clean", "cut", "cut and looping", "failed", m.Name}},
		{"failed", document.Query{Status: document.StatusFailed}, []string{"failed"}},
		{"done", document.Query{Status: document.StatusDone}, []string{"clean", "cut", "cut and looping"}},
		{"cut", document.Query{Status: document.StatusDone, Warning: document.WarnTruncated},
			[]string{"cut", "cut and looping"}},
		{"by m1", document.Query{Status: document.StatusDone, Model: "m1"}, []string{"clean", "cut"}},
		{"cut, by m2", document.Query{Status: document.StatusDone, Warning: document.WarnTruncated, Model: "m2"},
			[]string{"cut and looping"}},
		{"finished lately", document.Query{Status: document.StatusDone, FinishedSince: last.Finished},
			[]string{"cut and looping"}},
		{"none", document.Query{Status: document.StatusRetrying}, nil},
	} {
		same(t, c.what, c.want, listed(t, ctx, s, c.q))
	}
}

// listByName: a range of names includes both its ends and is in byte order, whatever the bucket, batch or status.
func listByName(t *testing.T, ctx context.Context, s document.Store) {
	for _, name := range []string{"b", "a/b", "B", "é", "a", "c", "\U0001F99C", "a b"} {
		mustCreate(t, ctx, s, claimed(name))
	}
	other := claimed("b")
	other.Bucket = "another"
	mustCreate(t, ctx, s, other)
	mark := marker()
	mark.Name = "bb"
	mustCreate(t, ctx, s, mark)
	for _, c := range []struct {
		what  string
		names document.Names
		want  []string
	}{
		{"all", document.Names{}, []string{"B", "a", "a b", "a/b", "b", "b", "bb", "c", "é", "\U0001F99C"}},
		{"from one to another", document.Names{From: "a b", To: "b"}, []string{"a b", "a/b", "b", "b"}},
		{"from one on", document.Names{From: "bc"}, []string{"c", "é", "\U0001F99C"}},
		{"none", document.Names{From: "d", To: "e"}, nil},
	} {
		same(t, c.what, c.want, listed(t, ctx, s, document.Query{Names: &c.names}))
	}
}

func listMany(t *testing.T, ctx context.Context, s document.Store) {
	const n = 650 // more than any batch
	var want []string
	for i := range n {
		name := fmt.Sprintf("%04d", i)
		want = append(want, name)
		r := claimed(name)
		r.Due = at(i % 7) // many at the same time
		mustCreate(t, ctx, s, r)
	}
	same(t, "all", want, listed(t, ctx, s, document.Query{}))
	same(t, "of a status", want, listed(t, ctx, s, document.Query{Status: document.StatusProcessing}))
	overdue := listed(t, ctx, s, document.Query{DueBy: at(100)})
	slices.Sort(overdue)
	same(t, "overdue", want, overdue)
	same(t, "by name", want[5:601], listed(t, ctx, s, document.Query{Names: &document.Names{From: "0005", To: "0600"}}))
}

func listOverdue(t *testing.T, ctx context.Context, s document.Store) {
	mustCreateDue(t, ctx, s, map[string]int{"c": 3, "a": 1, "e": 5, "b": 2, "d": 4})
	end(t, ctx, s, "ended", func(*document.Record) {})
	same(t, "overdue", []string{"a", "b", "c"}, listed(t, ctx, s, document.Query{DueBy: at(3)}))
}

func listEnds(t *testing.T, ctx context.Context, s document.Store) {
	mustCreate(t, ctx, s, claimed("a"))
	mustCreate(t, ctx, s, claimed("b"))
	n := 0
	err := lister(t, s).List(ctx, document.Query{}, func(*document.Stored) error { n++; return errOwn })
	if !errors.Is(err, errOwn) || n != 1 {
		t.Errorf("List = %v after %d records, want fn's own error after one", err, n)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if err := lister(t, s).List(ctx, document.Query{}, func(*document.Stored) error { return nil }); !errors.Is(err,
		context.Canceled) {
		t.Errorf("List on a dead context = %v", err)
	}
}

// listWhileWriting: listed records can be written from within fn, and none is then listed twice.
func listWhileWriting(t *testing.T, ctx context.Context, s document.Store) {
	for _, name := range []string{"a", "b", "c"} {
		mustCreate(t, ctx, s, claimed(name))
	}
	seen := map[string]int{}
	err := lister(t, s).List(ctx, document.Query{Status: document.StatusProcessing}, func(r *document.Stored) error {
		seen[r.Name]++
		_, err := document.Update(ctx, s, r.Object().ID(), document.Unread(), plus)
		return err
	})
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	same(t, "times seen", map[string]int{"a": 1, "b": 1, "c": 1}, seen)
}

func headsInOrder(t *testing.T, ctx context.Context, s document.Store) {
	mustCreate(t, ctx, s, claimed("a"))
	b := end(t, ctx, s, "b", func(*document.Record) {})
	got, err := lister(t, s).Heads(ctx, []string{idOf("b"), idOf("missing"), idOf("a")})
	if err != nil || len(got) != 3 || got[0] == nil || got[1] != nil || got[2] == nil {
		t.Fatalf("Heads = %v, %v", got, err)
	}
	if got[2].Name != "a" {
		t.Errorf("the last is %s", got[2].Name)
	}
	b.Text = ""
	same(t, "the head", b, got[0])
	if none, err := lister(t, s).Heads(ctx, nil); err != nil || len(none) != 0 {
		t.Errorf("Heads of missing records = %v, %v", none, err)
	}
}

func tallies(t *testing.T, ctx context.Context, s document.Store) {
	for i := range 3 {
		end(t, ctx, s, fmt.Sprint(i), func(r *document.Record) {
			r.PagesDone, r.Usage = 2, document.Usage{PromptTokens: 100, CompletionTokens: 7}
		})
	}
	mustCreate(t, ctx, s, claimed("at work"))
	mustCreate(t, ctx, s, marker())
	got, err := lister(t, s).Tally(ctx)
	if err != nil {
		t.Fatalf("Tally: %v", err)
	}
	for status, want := range map[document.Status]int64{
		document.StatusDone: 3, document.StatusProcessing: 1, document.StatusDeleted: 1, document.StatusFailed: 0,
		document.StatusRetrying: 0,
	} {
		if got.Records[status] != want {
			t.Errorf("%d records are %s, want %d", got.Records[status], status, want)
		}
	}
	same(t, "pages", int64(6), got.Pages)
	same(t, "usage", document.Usage{PromptTokens: 300, CompletionTokens: 21}, got.Usage)
}
