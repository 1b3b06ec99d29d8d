//go:build integration

package examples

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
)

func TestMain(m *testing.M) { os.Exit(gcptest.Main(m)) }

// patience ends the wait for something that does not come, even on a busy machine.
const patience = 3 * time.Minute

// subject is a listener under test.
type subject interface {
	// lines waits until the listener has printed the given number of results and returns all of them since the test
	// began.
	lines(n int) []string
	stop()
	start(o options) // returns when it listens
}

// options for starting a listener.
type options struct {
	collection string        // "": ocr_documents
	since      time.Duration // how far back it begins where nothing is remembered
}

// stage is the store under the listeners.
type stage struct {
	t             *testing.T
	host, project string
	records       *firestore.Store
}

func newStage(t *testing.T) *stage {
	s := &stage{t: t, host: gcptest.Firestore(t), project: gcptest.Project(t)}
	s.records = firestore.New(firestore.Config{Project: s.project, Collection: "ocr_documents", Emulator: s.host})
	t.Cleanup(func() { _ = s.records.Close() })
	return s
}

// relay forwards connections to a port of this machine to the target, until it is cut.
func relay(t *testing.T, port, target string) (cut func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	open := []io.Closer{l}
	cut = func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			_ = c.Close()
		}
		open = nil
	}
	t.Cleanup(cut)
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", target)
			if err != nil {
				_ = from.Close()
				continue
			}
			mu.Lock()
			if open == nil { // cut in the meantime
				_, _ = from.Close(), to.Close()
			}
			open = append(open, from, to)
			mu.Unlock()
			for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
				go func() {
					_, _ = io.Copy(way[1], way[0])
					_, _ = from.Close(), to.Close()
				}()
			}
		}
	}()
	return cut
}

func object(name string, generation int64) document.Object {
	return document.Object{Bucket: "scans", Name: name, Generation: generation}
}

// put writes a document like bucketocr.
func (s *stage) put(o document.Object, status document.Status, change func(*document.Record), pages ...document.Page) {
	s.t.Helper()
	_, err := document.Update(s.t.Context(), s.records, o.ID(), document.Unread(),
		func(*document.Record) (*document.Change, error) {
			r := &document.Record{Bucket: o.Bucket, Name: o.Name, Generation: o.Generation, Status: status, Attempt: 1,
				Pages: 1}
			if change != nil {
				change(r)
			}
			c := &document.Change{Record: r, Stamps: document.StampCreated | document.StampStarted, Pages: pages}
			if status.Ended() && r.Finished.IsZero() {
				c.Stamps |= document.StampFinished
			}
			return c, nil
		})
	if err != nil {
		s.t.Fatal(err)
	}
}

func text(t string) func(*document.Record) { return func(r *document.Record) { r.Text = t } }

func failure(r *document.Record) {
	r.Error = &document.Error{Code: document.CodeOCRFailed, Message: "engine"}
}

// retry schedules a document for another try.
func (s *stage) retry(o document.Object) {
	s.t.Helper()
	seen, err := s.records.Get(s.t.Context(), o.ID())
	if err == nil {
		_, err = document.Retry(s.t.Context(), s.records, seen, "operator", nil)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// vanish removes a document outright, as a TTL policy does.
func (s *stage) vanish(o document.Object) {
	s.t.Helper()
	url := fmt.Sprintf("http://%s/v1/projects/%s/databases/(default)/documents/ocr_documents/%s", s.host, s.project,
		o.ID())
	req, _ := http.NewRequestWithContext(s.t.Context(), "DELETE", url, nil)
	req.Header.Set("Authorization", "Bearer owner")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatal(resp, err)
	}
	resp.Body.Close()
}

// rules sets the rules for clients.
func (s *stage) rules(text string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"rules": {"files": [{"name": "firestore.rules", "content": %q}]}}`, text)
	url := fmt.Sprintf("http://%s/emulator/v1/projects/%s:securityRules", s.host, s.project)
	req, _ := http.NewRequestWithContext(s.t.Context(), "PUT", url, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer owner")
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatal(resp, err)
	}
	resp.Body.Close()
}

// story plays everything that may happen and checks that the listener printed each result once.
func (s *stage) story(l subject) {
	s.t.Helper()
	var want []string
	told := func(line string) {
		s.t.Helper()
		want = append(want, line)
		got := l.lines(len(want))
		if len(got) != len(want) || got[len(got)-1] != line {
			s.t.Fatalf("told\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
	}
	a, b, c, d := object("a.png", 1700000000000001), object("b.png", 1700000000000002),
		object("c.pdf", 1700000000000000001), object("d.png", 4)
	day := options{since: 24 * time.Hour}
	s.put(a, document.StatusDone, text("one"))
	l.start(day)
	told("done a.png 1700000000000001: 3 bytes, 1 pages, warnings []")

	// An overwrite: a new text replaces the old one.
	a.Generation++
	s.put(a, document.StatusProcessing, nil)
	s.put(a, document.StatusDone, text("three"))
	told("done a.png 1700000000000002: 5 bytes, 1 pages, warnings []")

	// A failure, another try that fails too, and one that does not.
	s.put(b, document.StatusFailed, failure)
	told("failed b.png 1700000000000002: ocr_failed")
	s.retry(b)
	s.put(b, document.StatusFailed, failure)
	told("failed b.png 1700000000000002: ocr_failed")
	s.retry(b)
	s.put(b, document.StatusDone, func(r *document.Record) {
		r.Text, r.Warnings = "read", []string{document.WarnTruncated}
	})
	told("done b.png 1700000000000002: 4 bytes, 1 pages, warnings [truncated]")

	// A text in pages, some of which were skipped, beside pages of an older version.
	var pages []document.Page
	for _, n := range []int{2, 10, 1, 3, 4, 5, 6, 7, 8, 9} {
		pages = append(pages, document.Page{Page: n, Generation: c.Generation, Text: strings.Repeat("x", n)},
			document.Page{Page: n, Generation: 3, Text: "old"})
	}
	s.put(c, document.StatusDone, func(r *document.Record) {
		r.TextInPages, r.Pages, r.PagesDone, r.Warnings = true, 12, 10, []string{document.WarnPagesSkipped}
	}, pages...)
	told(fmt.Sprintf("done c.pdf 1700000000000000%s: %d bytes, 12 pages, warnings [pages_skipped]",
		l.(interface{ rounded() string }).rounded(), 55+9*3))

	// A restart: nothing twice, and nothing of what happened meanwhile is lost.
	l.stop()
	s.put(d, document.StatusDone, text("while no listener ran"))
	l.start(day)
	told("done d.png 4: 21 bytes, 1 pages, warnings []")

	// Deleted, also while the listener did not run. That a document is not there says nothing: a marker that ran out,
	// another collection.
	s.put(a, document.StatusDeleted, nil)
	told("gone " + a.ID())
	s.vanish(a)
	l.stop()
	l.start(options{collection: "ocr_document", since: day.since}) // mistyped
	l.stop()
	s.put(d, document.StatusDeleted, nil)
	l.start(day)
	told("gone " + d.ID())

	s.put(d, document.StatusDone, text("again"))
	told("done d.png 4: 5 bytes, 1 pages, warnings []")
}

// bounded checks that a listener without recorded results starts at the given time, and does not read the whole
// collection.
func (s *stage) bounded(l subject) {
	s.t.Helper()
	s.put(object("old.png", 1), document.StatusDone, text("old"))
	l.start(options{})
	s.put(object("gone.png", 3), document.StatusDeleted, nil) // it never told of that one
	s.put(object("new.png", 2), document.StatusDone, text("new"))
	if got, want := l.lines(1), []string{"done new.png 2: 3 bytes, 1 pages, warnings []"}; !slices.Equal(got, want) {
		s.t.Errorf("told %q, want %q", got, want)
	}
}
