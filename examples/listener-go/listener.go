package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Document is what a listener needs of a document.
type Document struct {
	Bucket      string    `firestore:"bucket"`
	Name        string    `firestore:"name"`
	Generation  int64     `firestore:"generation"`
	Status      string    `firestore:"status"`
	Text        string    `firestore:"text"`
	TextInPages bool      `firestore:"textInPages"`
	Pages       int       `firestore:"pages"`
	PagesDone   int       `firestore:"pagesDone"`
	Warnings    []string  `firestore:"warnings"`
	Finished    time.Time `firestore:"finished"`
	Error       struct {
		Code    string `firestore:"code"`
		Message string `firestore:"message"`
	} `firestore:"error"`
}

// handler does something with results. An error of its own ends the listening; the result then comes again at the next start.
type handler interface {
	Done(ctx context.Context, d Document, text string) error
	Failed(ctx context.Context, d Document) error
	Gone(ctx context.Context, id string) error
}

// listener hands each result to the handler once.
type listener struct {
	documents *firestore.CollectionRef
	seen      *seen
	handler   handler
}

// listen reacts until ctx ends. Firestore begins with everything there is, so what happened while nobody listened is not
// lost; what was handled before is known by seen. Each start reads every document: for a large collection listen to
// Where("finished", ">", aMomentAgo) instead, and to status "deleted" besides.
func (l *listener) listen(ctx context.Context) error {
	log.Print("listening")
	snapshots := l.documents.Snapshots(ctx)
	defer snapshots.Stop()
	for first := true; ; first = false {
		snapshot, err := snapshots.Next()
		if ctx.Err() != nil || status.Code(err) == codes.Canceled {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listening: %w", err)
		}
		for _, change := range snapshot.Changes {
			if err := l.react(ctx, change); err != nil {
				return err
			}
		}
		if first {
			if err := l.missing(ctx, snapshot); err != nil {
				return err
			}
		}
	}
}

// missing tells of documents that vanished while nobody listened: markers of deleted objects stay for a week only.
func (l *listener) missing(ctx context.Context, snapshot *firestore.QuerySnapshot) error {
	there := map[string]bool{}
	for _, change := range snapshot.Changes {
		there[change.Doc.Ref.ID] = true
	}
	for _, id := range l.seen.ids() {
		if !there[id] {
			if err := l.once(id, "gone", func() error { return l.handler.Gone(ctx, id) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// react looks at one change. Unfinished documents are of no interest: their end comes as a change too.
func (l *listener) react(ctx context.Context, change firestore.DocumentChange) error {
	id := change.Doc.Ref.ID
	if change.Kind == firestore.DocumentRemoved { // a marker that ran out, or somebody tidied up
		return l.once(id, "gone", func() error { return l.handler.Gone(ctx, id) })
	}
	var d Document
	if err := change.Doc.DataTo(&d); err != nil {
		return fmt.Errorf("document %s: %w", id, err)
	}
	switch d.Status {
	case "deleted":
		return l.once(id, "gone", func() error { return l.handler.Gone(ctx, id) })
	case "failed":
		return l.once(id, key(d), func() error { return l.handler.Failed(ctx, d) })
	case "done":
		return l.once(id, key(d), func() error { return l.done(ctx, change.Doc.Ref, d) })
	}
	return nil
}

// key tells a result from every other of the same document: a new version of the object has another generation, and
// another try of the same version another time at which it ended.
func key(d Document) string {
	return fmt.Sprintf("%d@%d", d.Generation, d.Finished.UnixMicro())
}

// once does what was not done for this result, and remembers it only then.
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

// errOvertaken says that a document has moved on since the snapshot: its next state comes as a change of its own.
var errOvertaken = errors.New("the document has changed meanwhile")

func (l *listener) done(ctx context.Context, ref *firestore.DocumentRef, d Document) error {
	text := d.Text
	if d.TextInPages {
		var err error
		if text, err = pagesText(ctx, ref, d); err != nil {
			return err
		}
	}
	return l.handler.Done(ctx, d, text)
}

// pagesText reads a text that is too long for its document. Pages of other generations may still lie there, so they are
// asked for by generation; sorted they are here, which needs no index. Fewer pages than there should be: a newer version of
// the object is taking their place.
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
