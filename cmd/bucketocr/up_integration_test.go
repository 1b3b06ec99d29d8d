//go:build integration

package main

import (
	"testing"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// TestUpWithFirestore: the documents go to the emulator where there is one.
func TestUpWithFirestore(t *testing.T) {
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	host, project := gcptest.Firestore(t), gcptest.Project(t)
	d.env["FIRESTORE_EMULATOR_HOST"], d.env["GOOGLE_CLOUD_PROJECT"] = host, project
	d.ocr.Default(ocrtest.Text("read"))
	code, out := d.up(t.Context(), "--once")
	if code != exitGood {
		t.Fatalf("%d\n%s", code, out)
	}
	want(t, out, "Firestore at "+host, "1 done")
	records := firestore.New(firestore.Config{Project: project, Collection: "ocr_documents", Emulator: host})
	defer records.Close()
	r, err := records.Get(t.Context(), document.Object{Bucket: "My scans", Name: "a.png"}.ID())
	if err != nil || r == nil || r.Text != "read" {
		t.Errorf("%v %v", r, err)
	}
}
