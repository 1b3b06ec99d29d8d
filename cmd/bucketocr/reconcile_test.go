package main

import (
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// TestReconcileFindsWhatLostEventsLeft: by hand it delivers what is missing and old enough, and nothing in a dry run.
func TestReconcileFindsWhatLostEventsLeft(t *testing.T) { testReconcileByHand(t, folderOffice(t)) }

func testReconcileByHand(t *testing.T, o *office) {
	o.fill([]string{"in/a.png", "in/b.png", "out/c.png"})
	o.write(o.record("in/gone.png", document.StatusDone))
	d := newStubFunction(o)
	call := func(code int, words []string, args ...string) {
		t.Helper()
		o.want(code, words, append(append([]string{"reconcile", "--to", d.server.URL}, o.source()...), args...)...)
	}
	call(exitGood, []string{"3", "too young for --older-than", "to deliver", "0"}, "--dry-run")
	call(exitGood, []string{"to deliver", "3", "to erase", "1"}, "--dry-run", "--erase", "--older-than", "0s")
	if d.requests != 0 {
		t.Fatalf("a dry run made %d requests", d.requests)
	}
	if o.now("in/gone.png") == nil {
		t.Fatal("a dry run erased")
	}
	call(exitGood, []string{"done", "3", "4 requests"}, "--erase", "--older-than", "0s")
	if len(d.taken) != 4 || d.taken["in/gone.png"] != 1 {
		t.Errorf("delivered: %v", d.taken)
	}
	call(exitGood, []string{"done or failed already", "3"}, "--older-than",
		time.Now().Add(time.Hour).Format(time.RFC3339))
	call(exitUsage, []string{"-topic"}, "--topic", "projects/p/topics/t")
	o.want(exitUsage, nil, "reconcile", "s3://x")
}
