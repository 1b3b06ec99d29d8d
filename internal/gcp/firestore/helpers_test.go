package firestore

import (
	"context"
	"testing"

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

// plus adds one to Interruptions, with a page that says which.
func plus(old *document.Record) (*document.Change, error) {
	next := *old
	next.Interruptions++
	return &document.Change{Record: &next,
		Pages: []document.Page{{Page: next.Interruptions, Generation: old.Generation}}}, nil
}
