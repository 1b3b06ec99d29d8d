package firestore

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

func storeAt(t testing.TB, host string, opts ...grpc.DialOption) *Store {
	t.Helper()
	c := Config{Emulator: host, Project: gcptest.Project(t), Database: "(default)", Collection: "ocr_documents"}
	r := newStore(func(ctx context.Context) (*conn, error) { return dial(ctx, c, opts...) })
	t.Cleanup(func() { r.Close() })
	return r
}

// page1 is the object of most tests here.
var page1 = document.Object{Bucket: "acme-scans", Name: "inbox/page 1.png", Generation: 1795428131470921}

func claim(old *document.Record) (*document.Change, error) {
	if old != nil {
		return nil, errTaken
	}
	return &document.Change{
		Record: &document.Record{
			Bucket: page1.Bucket, Name: page1.Name, Generation: page1.Generation, Status: document.StatusProcessing,
			Attempt: 1, Lease: &document.Lease{ID: "lease-1", Expires: time.Now().Add(time.Minute)},
		},
		Stamps: document.StampCreated | document.StampStarted,
	}, nil
}

var errTaken = errors.New("the record is taken")

func complete(old *document.Record) (*document.Change, error) {
	if old == nil || old.Lease == nil || old.Lease.ID != "lease-1" {
		return nil, errTaken
	}
	next := *old
	next.Status, next.Text, next.Lease = document.StatusDone, "# Page 1", nil
	return &document.Change{Record: &next, Stamps: document.StampFinished}, nil
}

// plus adds one to Faults, with a page that says which.
func plus(old *document.Record) (*document.Change, error) {
	next := *old
	next.Faults++
	return &document.Change{Record: &next, Pages: []document.Page{{Page: next.Faults, Generation: old.Generation}}}, nil
}
