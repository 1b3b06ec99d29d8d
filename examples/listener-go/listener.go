package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Document holds the fields of a document that a listener needs.
type Document struct {
	Bucket      string    `firestore:"bucket"`
	Name        string    `firestore:"name"`
	Owner       string    `firestore:"owner"`
	Generation  int64     `firestore:"generation"`
	Status      string    `firestore:"status"`
	Text        string    `firestore:"text"`
	TextInPages bool      `firestore:"textInPages"`
	Pages       int       `firestore:"pages"`
	PagesDone   int       `firestore:"pagesDone"`
	Warnings    []string  `firestore:"warnings"`
	Finished    time.Time `firestore:"finished"`
	Updated     time.Time `firestore:"updated"`
	Error       struct {
		Code    string `firestore:"code"`
		Message string `firestore:"message"`
	} `firestore:"error"`
}

// handler processes results, one at a time: others wait meanwhile. A slow handler may start its own goroutines, but is
// then responsible for results lost when the process exits. An error ends the listening, and the result is delivered
// again at the next start.
type handler interface {
	Done(ctx context.Context, id string, d Document, text string) error
	Failed(ctx context.Context, id string, d Document) error
	Gone(ctx context.Context, id string) error
}

// listener delivers each result to the handler once.
type listener struct {
	documents *firestore.CollectionRef
	since     time.Duration // how far back to start if no result is recorded
	seen      *seen
	handler   handler
	renew     <-chan time.Time     // when to query again
	newest    map[string]time.Time // by ID: when the newest state that these queries sent was written
}

// overlap is the time before the last handled result from which to start, since results need not arrive in the order of
// their times.
const overlap = 10 * time.Minute

// renewal is how often to query again: the client keeps all results of a query in memory.
const renewal = time.Hour

// patience is how long Firestore may take to answer before a warning is logged.
const patience = 10 * time.Second

// listen delivers results until ctx ends, starting with those that it missed while not running. Deleted objects are
// noticed for a week, as long as their markers exist.
//
// While Firestore cannot be reached, the client keeps trying and returns no error. That is why it says that it is
// listening only after the first snapshot.
func (l *listener) listen(ctx context.Context) error {
	late := time.AfterFunc(patience, func() { log.Print("no answer from Firestore yet: ", whatToCheck()) })
	defer late.Stop()
	listening := sync.OnceFunc(func() {
		late.Stop()
		log.Print("listening to ", l.documents.Path)
	})
	return l.queries(ctx, listening)
}

// queries delivers results until ctx ends, and queries again when it is time. It calls answered after each snapshot.
func (l *listener) queries(ctx context.Context, answered func()) error {
	start := time.Now().Add(-l.since)
	for ctx.Err() == nil {
		begin := start
		if last := l.seen.latest(); !last.IsZero() {
			begin = last.Add(-overlap)
		}
		if err := l.query(ctx, begin, answered); err != nil {
			return err
		}
	}
	return nil
}

// query delivers results that were finished since begin, and erasures, until ctx ends or it is time to query again. It
// reads only the documents of the last few minutes twice.
func (l *listener) query(ctx context.Context, begin time.Time, answered func()) error {
	l.newest = map[string]time.Time{}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	changes := make(chan firestore.DocumentChange)
	for _, q := range []firestore.Query{
		l.documents.Where("finished", ">=", begin).OrderBy("finished", firestore.Asc),
		l.documents.Where("status", "==", "deleted"),
	} {
		go func() { stop(follow(ctx, q, answered, changes)) }()
	}
	for {
		select {
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				return inWords(err)
			}
			return nil
		case <-l.renew:
			return nil
		case change := <-changes:
			if err := l.react(ctx, change); err != nil {
				return err
			}
		}
	}
}

// whatToCheck returns the usual reasons why Firestore does not answer.
func whatToCheck() string {
	if host := os.Getenv("FIRESTORE_EMULATOR_HOST"); host != "" {
		return "start the emulator at FIRESTORE_EMULATOR_HOST=" + host + ", or unset the variable to use a real project"
	}
	return "check the network, GOOGLE_CLOUD_PROJECT, -database and the credentials (gcloud auth application-default login)"
}

// inWords adds to an error of Firestore what to do about it. That of a missing index says it itself.
func inWords(err error) error {
	switch status.Code(err) {
	case codes.PermissionDenied:
		return fmt.Errorf("access denied: check GOOGLE_CLOUD_PROJECT, and grant roles/datastore.viewer there to the account of the credentials: %w", err)
	case codes.NotFound:
		return fmt.Errorf("no such database: check GOOGLE_CLOUD_PROJECT and -database: %w", err)
	}
	return fmt.Errorf("listening: %w", err)
}

// follow sends the changes in the results of a query, until ctx ends. It calls answered after each snapshot.
func follow(ctx context.Context, q firestore.Query, answered func(), changes chan<- firestore.DocumentChange) error {
	snapshots := q.Snapshots(ctx)
	defer func() { snapshots.Stop() }()
	for {
		snapshot, err := snapshots.Next()
		if errors.Is(err, iterator.Done) { // refused before the query was sent, which hides the reason: ask again
			snapshots = q.Snapshots(ctx)
			continue
		}
		if err != nil {
			return err
		}
		answered()
		for _, change := range inOrder(snapshot.Changes) {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case changes <- change:
			}
		}
	}
}

// inOrder returns changes in the order in which their results were finished. The client sends new documents before
// modified ones, whatever their times: if the listening ended in between, the next start would be after results that
// were not handled yet.
func inOrder(changes []firestore.DocumentChange) []firestore.DocumentChange {
	finished := func(c firestore.DocumentChange) time.Time {
		t, _ := c.Doc.Data()["finished"].(time.Time)
		return t // zero for a marker
	}
	return slices.SortedStableFunc(slices.Values(changes), func(a, b firestore.DocumentChange) int {
		return finished(a).Compare(finished(b))
	})
}

// react handles one change. A document that leaves the query's results is being read again, or its marker has expired:
// in neither case is it deleted.
func (l *listener) react(ctx context.Context, change firestore.DocumentChange) error {
	if change.Kind == firestore.DocumentRemoved {
		return nil
	}
	var d Document
	if err := change.Doc.DataTo(&d); err != nil {
		return fmt.Errorf("document %s: %w", change.Doc.Ref.ID, err)
	}
	return l.handle(ctx, change.Doc.Ref, d)
}

// handle delivers the result, if any, in a state of a document. The two queries do not wait for each other, so a state
// may arrive after a newer one: a text after its erasure, for example. It is dropped.
func (l *listener) handle(ctx context.Context, ref *firestore.DocumentRef, d Document) error {
	id := ref.ID
	if d.Updated.Before(l.newest[id]) {
		return nil
	}
	l.newest[id] = d.Updated
	switch d.Status {
	case "deleted":
		return l.once(id, "gone", func() error { return l.handler.Gone(ctx, id) })
	case "failed":
		return l.once(id, key(d), func() error { return l.handler.Failed(ctx, id, d) })
	case "done":
		return l.once(id, key(d), func() error { return l.done(ctx, ref, d) })
	}
	return nil
}

// key returns a string that distinguishes results of the same document: a new version of the object has another
// generation, and another try of the same version another finish time.
func key(d Document) string {
	return fmt.Sprintf("%d@%d", d.Generation, d.Finished.UnixMicro())
}

// once calls do unless this result is recorded as handled, and records it afterwards.
func (l *listener) once(id, key string, do func() error) error {
	if l.seen.last(id) == key || key == "gone" && l.seen.last(id) == "" {
		return nil
	}
	if err := do(); err != nil {
		if errors.Is(err, errOvertaken) {
			return nil
		}
		return err
	}
	return l.seen.remember(id, key)
}

// errOvertaken reports that a document has changed since the snapshot: its next state will arrive as another change.
var errOvertaken = errors.New("the document has changed in the meantime")

func (l *listener) done(ctx context.Context, ref *firestore.DocumentRef, d Document) error {
	text := d.Text
	if d.TextInPages {
		var err error
		if text, err = pagesText(ctx, ref, d); err != nil {
			return err
		}
	}
	return l.handler.Done(ctx, ref.ID, d, text)
}

// pagesText reads a text that is too long for its document. It queries by generation, since pages of other generations
// may exist, and sorts the pages itself, which needs no index. If pages are missing, a newer version of the object is
// replacing them.
func pagesText(ctx context.Context, ref *firestore.DocumentRef, d Document) (string, error) {
	found, err := ref.Collection("ocr_pages").Where("generation", "==", d.Generation).Documents(ctx).GetAll()
	if err != nil {
		return "", fmt.Errorf("pages of %s: %w", d.Name, err)
	}
	type page struct {
		Page int    `firestore:"page"`
		Text string `firestore:"text"`
	}
	pages := make([]page, len(found))
	for i, doc := range found {
		if err := doc.DataTo(&pages[i]); err != nil {
			return "", fmt.Errorf("page %s: %w", doc.Ref.Path, err)
		}
	}
	if len(pages) < d.PagesDone {
		return "", errOvertaken
	}
	slices.SortFunc(pages, func(a, b page) int { return cmp.Compare(a.Page, b.Page) })
	texts := make([]string, len(pages))
	for i, p := range pages {
		texts[i] = p.Text
	}
	return strings.Join(texts, "\n\f\n"), nil
}
