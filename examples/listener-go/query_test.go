package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
)

// told is a handler that reports what it receives.
type told chan string

func (r told) Done(_ context.Context, id string, _ Document, text string) error {
	r <- "done " + id + " " + text
	return nil
}

func (r told) Failed(_ context.Context, id string, _ Document) error {
	r <- "failed " + id
	return nil
}

func (r told) Gone(_ context.Context, id string) error {
	r <- "gone " + id
	return nil
}

// store is an empty collection in the emulator, with a listener.
type store struct {
	t         *testing.T
	client    *firestore.Client
	documents *firestore.CollectionRef
	results   told
	renew     chan time.Time
	answered  chan struct{}
}

func newStore(t *testing.T) *store {
	t.Helper()
	if os.Getenv("FIRESTORE_EMULATOR_HOST") == "" {
		t.Skip("FIRESTORE_EMULATOR_HOST is not set")
	}
	client, err := firestore.NewClient(t.Context(), fmt.Sprintf("demo-%d", time.Now().UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	seen, err := openSeen(filepath.Join(t.TempDir(), "seen.log"))
	if err != nil {
		t.Fatal(err)
	}
	s := &store{t, client, client.Collection("ocr_documents"), make(told), make(chan time.Time),
		make(chan struct{}, 100)}
	l := &listener{documents: s.documents, since: time.Hour, seen: seen, handler: s.results, renew: s.renew}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.queries(ctx, func() { s.answered <- struct{}{} }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		seen.Close()
		client.Close()
	})
	s.queried()
	return s
}

// queried waits until both queries are answered: the emulator loses what is written at that moment.
func (s *store) queried() {
	for range 2 {
		<-s.answered
	}
}

// again makes the listener query again.
func (s *store) again() {
	s.renew <- time.Now()
	s.queried()
}

// result is a document's end.
type result struct {
	id, text string
	finished time.Time
}

// put writes results in one transaction.
func (s *store) put(results ...result) {
	s.t.Helper()
	err := s.client.RunTransaction(s.t.Context(), func(_ context.Context, tx *firestore.Transaction) error {
		for _, r := range results {
			if err := tx.Set(s.documents.Doc(r.id), map[string]any{"status": "done", "generation": 7, "text": r.text,
				"finished": r.finished, "updated": r.finished}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// expect checks what is told next.
func (s *store) expect(want ...string) {
	s.t.Helper()
	<-s.answered
	for _, line := range want {
		select {
		case got := <-s.results:
			if got != line {
				s.t.Fatalf("told %q, want %q", got, line)
			}
		case <-time.After(3 * time.Minute):
			s.t.Fatalf("%q is not told", line)
		}
	}
}

// TestResultsThatArriveTogetherAreInOrder: of a new document, and again of a known one, as after a lost connection.
func TestResultsThatArriveTogetherAreInOrder(t *testing.T) {
	s, now := newStore(t), time.Now()
	s.put(result{"a", "one", now})
	s.expect("done a one")
	s.put(result{"b", "three", now.Add(2 * time.Hour)}, result{"a", "two", now.Add(time.Hour)})
	s.expect("done a two", "done b three")
}

// TestNewQueriesRepeatNothing: results are told once, however often the listener queries.
func TestNewQueriesRepeatNothing(t *testing.T) {
	s, now := newStore(t), time.Now()
	s.again() // before there is a result
	s.put(result{"a", "one", now})
	s.expect("done a one")
	for i := range 3 {
		s.again()
		s.put(result{"a", fmt.Sprint(i), now.Add(time.Duration(i+1) * time.Minute)})
		s.expect(fmt.Sprint("done a ", i))
	}
}
