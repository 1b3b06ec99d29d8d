package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
)

// TestDueIsOfTheBucketAlone: two processes on one emulator leave each other's documents alone.
func TestDueIsOfTheBucketAlone(t *testing.T) {
	t.Parallel()
	memory := documenttest.NewMemory()
	begin := time.Now()
	for i, bucket := range []string{"theirs", "theirs", "ours", "theirs", "theirs", "theirs", "ours", "ours"} {
		rec := &document.Record{Bucket: bucket, Name: fmt.Sprint(i), Generation: 1, Status: document.StatusRetrying,
			Due: begin.Add(time.Duration(i) * time.Minute), WindowStart: begin}
		if _, err := document.Update(t.Context(), memory, rec.Object().ID(), document.Unread(),
			func(*document.Record) (*document.Change, error) {
				return &document.Change{Record: rec, Stamps: document.StampCreated}, nil
			}); err != nil {
			t.Fatal(err)
		}
	}
	all := struct {
		document.Store
		document.Watcher
		document.Lister
	}{Store: memory}
	for _, c := range []struct {
		since, now time.Duration
		limit      int
		want       string
	}{
		{0, time.Hour, 10, "2 6 7 "}, {0, time.Hour, 1, "2 "}, {0, time.Hour, 2, "2 6 "},
		{3 * time.Minute, time.Hour, 10, "6 7 "}, {0, time.Minute, 1, ""},
	} {
		due, err := ofBucket{all, "ours"}.Due(t.Context(), begin.Add(c.since), begin.Add(c.now), c.limit)
		got := ""
		for _, s := range due {
			got += s.Name + " "
		}
		if err != nil || got != c.want {
			t.Errorf("%+v: %q, %v, want %q", c, got, err, c.want)
		}
	}
}
