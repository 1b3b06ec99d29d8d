//go:build integration

package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

func firestoreOffice(t *testing.T) *office {
	host, project, bucket := gcptest.Firestore(t), gcptest.Project(t), gcptest.NewBucket(t, "acme-scans")
	records := firestore.New(firestore.Config{Project: project, Collection: "ocr_documents", Emulator: host})
	t.Cleanup(func() { records.Close() })
	o := &office{t: t, records: records, bucket: "acme-scans", env: map[string]string{
		"FIRESTORE_EMULATOR_HOST": host, "GOOGLE_CLOUD_PROJECT": project, "STORAGE_EMULATOR_HOST": bucket.Host(),
	}}
	o.put = func(name string, data []byte) document.Object {
		return document.Object{Bucket: "acme-scans", Name: name, Generation: bucket.Put(name, data, "image/png", nil)}
	}
	o.fill = func(names []string) {
		for _, name := range names {
			bucket.Put(name, []byte("x"), "image/png", nil)
		}
	}
	return o
}

// TestBackfillTopic: the real way for millions: events are published, a push subscription delivers them to the served
// function, and every object ends done, read once.
func TestBackfillTopic(t *testing.T) {
	c := newCloud(t)
	const n = 25
	for i := range n {
		c.Bucket.Put(fmt.Sprintf("%s%02d ü.png", strings.Repeat("ö", 180), i), apptest.PNG(20+i), "image/png", nil)
	}
	s := start(t, c)
	pushes := gcptest.PubSub(t)
	gcptest.NewPush(t, c.Project, s.url)
	o := &office{t: t, records: c.Records, bucket: "acme-scans", env: maps.Clone(c.Settings)}
	o.env["PUBSUB_EMULATOR_HOST"] = pushes
	o.want(exitGood, []string{"published", "25"}, "backfill", "gs://acme-scans", "--topic",
		"projects/"+c.Project+"/topics/events")
	done := 0
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Records.Watch(ctx, func(_ string, r *document.Record) error {
		if r.Status == document.StatusDone {
			done++
		}
		if done == n {
			cancel()
		}
		return nil
	})
	if cancel(); err != nil || done != n {
		t.Errorf("%d done, %v", done, err)
	}
	if calls := len(c.OCR.Requests()); calls != n {
		t.Errorf("%d OCR calls for %d objects", calls, n)
	}
	o.want(exitGood, []string{"done or failed already"}, "backfill", "gs://acme-scans", "--topic",
		"projects/"+c.Project+"/topics/events")
	c.Bucket.Put("new.png", apptest.PNG(90), "image/png", nil)
	o.want(exitFailed, []string{"no such topic"}, "backfill", "gs://acme-scans", "--topic",
		"projects/"+c.Project+"/topics/nothing")
	o.want(exitUsage, []string{"is not a topic"}, "backfill", "gs://acme-scans", "--topic", "events")
}

// TestCommandsOverFirestore: every command works over Firestore as it does in a folder.
func TestCommandsOverFirestore(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, o *office){
		"show": testShow, "stats": testStats, "watch": testWatch, "retry many": testRetryMany,
		"retry selects": testRetrySelects,
		"list":          testList, "delete": testDelete, "export": testExport, "page deletes": testPageDelete,
		"page exports":  testPageExport,
		"backfill says": testBackfillSays,
		"reconcile":     testReconcileByHand,
		"backfill many": func(t *testing.T, o *office) { testBackfillMany(t, o, 1500) },
	} {
		t.Run(name, func(t *testing.T) { test(t, firestoreOffice(t)) })
	}
}
