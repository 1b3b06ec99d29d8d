//go:build integration

package main

import (
	"os"
	"path/filepath"
	"strings"
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
	records := firestore.New(firestore.Config{Project: project, Collection: "ocr_documents", Emulator: host})
	defer records.Close()
	diary := filepath.Join(filepath.Dir(d.dir), "diary.md")
	if err := os.WriteFile(diary, []byte("dear diary"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The emulator may hold documents of others, under any names that Cloud Storage allows.
	for name, status := range map[string]document.Status{"../../../notes": document.StatusDone,
		"../../../diary": document.StatusDeleted} {
		foreign := &document.Record{Bucket: "My scans", Name: name, Generation: 1, Status: status,
			Text: "by whoever made the page", Pages: 1}
		_, err := document.Update(t.Context(), records, foreign.Object().ID(), document.Unread(),
			func(*document.Record) (*document.Change, error) {
				return &document.Change{Record: foreign}, nil
			})
		if err != nil {
			t.Fatal(err)
		}
	}
	code, out := d.up(t.Context(), "--once")
	if code != exitGood {
		t.Fatalf("%d\n%s", code, out)
	}
	want(t, out, "Firestore at "+host, "1 done", "not a valid name for a file in this folder")
	if _, err := os.Stat(filepath.Join(filepath.Dir(d.dir), "notes.md")); err == nil {
		t.Error("a file outside of the folder was written")
	}
	if b, err := os.ReadFile(diary); err != nil || string(b) != "dear diary" {
		t.Errorf("a file outside of the folder is now %q, %v", b, err)
	}
	// What was delivered to one store is delivered to another, too.
	for _, other := range []map[string]string{
		{"FIRESTORE_EMULATOR_HOST": host, "GOOGLE_CLOUD_PROJECT": gcptest.Project(t)}, {},
	} {
		other["OCR_URL"] = d.ocr.URL
		there := &desk{t: t, dir: d.dir, ocr: d.ocr, env: other}
		code, out := there.up(t.Context(), "--once")
		if code != exitGood {
			t.Errorf("exit code %d", code)
		}
		want(t, out, "1 done, 0 failed\n")
	}
	r, err := records.Get(t.Context(), document.Object{Bucket: "My scans", Name: "a.png"}.ID())
	if err != nil || r == nil || r.Text != "read" {
		t.Errorf("%v %v", r, err)
	}
	// The commands find the documents there, and leave out those of other buckets.
	o := &office{t: t, records: records, bucket: "My scans", env: d.env, args: []string{"--local", d.dir}}
	o.write(document.Record{Bucket: "another", Name: "a.png", Generation: 1, Status: document.StatusDone, Text: "x",
		Pages: 1, PagesDone: 1})
	o.want(exitGood, []string{"documents in Firestore at " + host, "done        2"}, "stats")
	o.want(exitGood, []string{"read"}, "show", "--text", "a.png")
	if out := o.want(exitGood, nil, "list", "--prefix", "a"); strings.Count(out, "\n") != 1 {
		t.Error(out)
	}
}
