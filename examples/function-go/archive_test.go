package archive

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// desk is Firestore and the archive's bucket.
type desk struct {
	document *Document
	pages    []string
	files    map[string]string
	versions map[string]int64
	next     int64
	reading  func() // before the document is read
	read     func() // after that
}

func (d *desk) Get(context.Context, string) (*Document, error) {
	if d.reading != nil {
		d.reading()
	}
	if d.document == nil {
		return nil, nil
	}
	c := *d.document
	if d.read != nil {
		d.read()
	}
	return &c, nil
}

func (d *desk) Pages(context.Context, string, int64) ([]string, error) { return d.pages, nil }

func (d *desk) Version(_ context.Context, name string) (int64, error) { return d.versions[name], nil }

func (d *desk) Write(_ context.Context, name, _ string, data []byte, version int64) error {
	if d.versions[name] != version {
		return errors.New("another version")
	}
	d.next++
	d.files[name], d.versions[name] = string(data), d.next
	return nil
}

func (d *desk) Remove(_ context.Context, name string, version int64) error {
	if d.versions[name] != version {
		return errors.New("another version")
	}
	delete(d.files, name)
	delete(d.versions, name)
	return nil
}

func newDesk() *desk { return &desk{files: map[string]string{}, versions: map[string]int64{}} }

func (d *desk) archivist() *archivist { return &archivist{documents: d, files: d, bucket: "texts"} }

func done(generation int64, text string) *Document {
	return &Document{Bucket: "scans", Name: "in/a.png", Generation: generation, Status: "done", Pages: 1, Text: text}
}

const message = `{"id":"abc","file":"gs://scans/in/a.png","generation":5,"status":"done","warnings":[],"pages":1}`

// post sends an event and returns how it is answered.
func (d *desk) post(t *testing.T, kind, data string) int {
	t.Helper()
	r := httptest.NewRequest("POST", "/", strings.NewReader(data))
	for name, value := range map[string]string{
		"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "//s", "ce-type": kind,
	} {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.archivist().serve(w, r)
	return w.Code
}

// TestFilesSayWhatTheDocumentSays: whatever comes, in whatever order and however often.
func TestFilesSayWhatTheDocumentSays(t *testing.T) {
	for name, c := range map[string]struct {
		document *Document
		pages    []string
		want     string // names of the files
		text     string
	}{
		"done": {done(5, "# One"), nil, "scans/in/a.png.json scans/in/a.png.md", "# One"},
		"in pages": {&Document{Bucket: "scans", Name: "in/a.png", Status: "done", TextInPages: true, Pages: 2,
			PagesDone: 2}, []string{"one", "two"}, "scans/in/a.png.json scans/in/a.png.md", "one\n\f\ntwo"},
		"pages skipped": {&Document{Bucket: "scans", Name: "in/a.png", Status: "done", TextInPages: true, Pages: 3,
			PagesDone: 2}, []string{"one", "two"}, "scans/in/a.png.json scans/in/a.png.md", "one\n\f\ntwo"},
		"failed":      {&Document{Bucket: "scans", Name: "in/a.png", Status: "failed"}, nil, "scans/in/a.png.json", ""},
		"erased":      {&Document{Status: "deleted"}, nil, "", ""},
		"read again":  {&Document{Status: "processing"}, nil, "scans/in/a.png.json scans/in/a.png.md", "before"},
		"overwritten": {done(9, "# Nine"), nil, "scans/in/a.png.json scans/in/a.png.md", "# Nine"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk()
			d.document = done(4, "before")
			for range 2 {
				if code := d.post(t, "bucketocr.document.v1.ended", message); code != 200 {
					t.Fatalf("answered %d", code)
				}
			}
			d.document, d.pages = c.document, c.pages
			wrapped := fmt.Sprintf(`{"message":{"data":%q,"attributes":{"ce-type":"bucketocr.document.v1.ended"}}}`,
				base64.StdEncoding.EncodeToString([]byte(message)))
			for range 2 {
				if code := d.post(t, "google.cloud.pubsub.topic.v1.messagePublished", wrapped); code != 200 {
					t.Fatalf("answered %d", code)
				}
			}
			if got := strings.Join(slices.Sorted(maps.Keys(d.files)), " "); got != c.want ||
				d.files["scans/in/a.png.md"] != c.text {
				t.Errorf("%s with %q", got, d.files["scans/in/a.png.md"])
			}
		})
	}
}

// TestOlderTextNeverReplacesANewerOne: a message that was overtaken while it was handled comes again.
func TestOlderTextNeverReplacesANewerOne(t *testing.T) {
	d := newDesk()
	d.document = done(5, "old")
	d.reading = func() {
		d.reading = nil
		d.document = done(6, "new")
		if code := d.post(t, "bucketocr.document.v1.ended", message); code != 200 {
			t.Errorf("answered %d", code)
		}
		d.document = done(5, "old") // what the first one reads
	}
	if code := d.post(t, "bucketocr.document.v1.ended", message); code != 503 || d.files["scans/in/a.png.md"] != "new" {
		t.Errorf("answered %d, kept %q", code, d.files["scans/in/a.png.md"])
	}
}

// TestMissingDocumentIsNotAnErasedOne: a database or collection with another name must not cost the archive. Only the
// message of an erasure removes files without a document.
func TestMissingDocumentIsNotAnErasedOne(t *testing.T) {
	d := newDesk()
	d.document = done(5, "text")
	if code := d.post(t, "bucketocr.document.v1.ended", message); code != 200 {
		t.Fatalf("answered %d", code)
	}
	d.document = nil
	if code := d.post(t, "bucketocr.document.v1.ended", message); code != 503 || len(d.files) != 2 {
		t.Errorf("answered %d, kept %v", code, d.files)
	}
	erased := strings.Replace(message, "done", "deleted", 1)
	if code := d.post(t, "bucketocr.document.v1.ended", erased); code != 200 || len(d.files) != 0 {
		t.Errorf("answered %d, kept %v", code, d.files)
	}
}

// TestErasedTextDoesNotComeBack: a text that is erased after it was read, and before its files are written, is removed
// when its message comes again.
func TestErasedTextDoesNotComeBack(t *testing.T) {
	d := newDesk()
	erased := strings.Replace(message, "done", "deleted", 1)
	d.document = done(5, "text")
	d.read = func() {
		d.read = nil
		d.document = &Document{Status: "deleted"}
		if code := d.post(t, "bucketocr.document.v1.ended", erased); code != 200 {
			t.Errorf("answered %d", code)
		}
	}
	if code := d.post(t, "bucketocr.document.v1.ended", message); code != 503 {
		t.Errorf("answered %d", code)
	}
	if code := d.post(t, "bucketocr.document.v1.ended", message); code != 200 || len(d.files) != 0 {
		t.Errorf("answered %d, kept %v", code, d.files)
	}
}

// TestPagesOnTheirWayAreWaitedFor: a text of which pages are missing is not kept.
func TestPagesOnTheirWayAreWaitedFor(t *testing.T) {
	d := newDesk()
	d.document = &Document{Bucket: "scans", Name: "in/a.png", Status: "done", TextInPages: true, Pages: 3,
		PagesDone: 3}
	d.pages = []string{"one"}
	if code := d.post(t, "bucketocr.document.v1.ended", message); code != 503 || len(d.files) > 0 {
		t.Errorf("answered %d, kept %v", code, d.files)
	}
}

// TestWhatIsNoEndIsIgnored: it would be no better the next time.
func TestWhatIsNoEndIsIgnored(t *testing.T) {
	const ended = "bucketocr.document.v1.ended"
	longest := strings.Repeat("n", maxName-len("scans/.json"))
	for _, c := range []struct {
		kind, data string
		files      int
	}{
		{"another.type", message, 0}, {ended, `{"id":""}`, 0},
		{"google.cloud.pubsub.topic.v1.messagePublished", `{"message":{"data":"e30="}}`, 0},
		{ended, strings.Replace(message, "in/a.png", longest, 1), 2},
		{ended, strings.Replace(message, "in/a.png", longest+"n", 1), 0}, // no file can have its name
	} {
		d := newDesk()
		d.document = done(5, "text")
		if code := d.post(t, c.kind, c.data); code != 200 || len(d.files) != c.files {
			t.Errorf("%s of %d bytes: answered %d, kept %d files", c.kind, len(c.data), code, len(d.files))
		}
	}
}

// TestArchiveIsAnotherBucket: files in the bucket of the images would be taken for images.
func TestArchiveIsAnotherBucket(t *testing.T) {
	d := newDesk()
	d.document = done(5, "text")
	if code := d.post(t, "bucketocr.document.v1.ended",
		strings.Replace(message, "gs://scans", "gs://texts", 1)); code != 503 || len(d.files) > 0 {
		t.Errorf("answered %d, kept %v", code, d.files)
	}
}
