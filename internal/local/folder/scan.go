package folder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
)

// settled is the age from which a file first seen counts as written to its end.
const settled = 2 * time.Second

// Changes is what one Scan has found.
type Changes struct {
	// Events that were not delivered yet, in the order of their names. Each is returned once by a Bucket; the caller
	// keeps it until it says Delivered or Again.
	Events []document.Event
	// Pending is how many new or changed files wait until they are stable. Their events come with a later Scan.
	Pending int
	// Passed lists what is not an object, each once by a Bucket.
	Passed []Passed
}

// Scan walks over the directory once and tells what has changed: new and changed files, and those that vanished, also
// while no process worked here. The caller repeats it, about every second; one scan runs at a time, others wait.
//
// A new or changed file counts when it is stable: its time and size are those of the Scan before, or its time is at
// least 2 s ago. A writer who pauses for longer than that is taken to be done; when the writer goes on, another
// generation follows. What a Scan tells, it has stored before, so an event keeps its generation, id and time however
// often it is returned. A file or folder that cannot be looked at keeps its state.
//
// Errors wrap [document.ErrStorageUnavailable] (the directory cannot be read or is no longer there) or those of the
// store, or are the context's; nothing is lost then, the next Scan finds it.
func (b *Bucket) Scan(ctx context.Context) (Changes, error) {
	b.scanning.Lock()
	defer b.scanning.Unlock()
	if err := b.lock.held(); err != nil {
		return Changes{}, err
	}
	s, err := b.look(ctx)
	if err != nil {
		return Changes{}, err
	}
	now := time.Now()
	states, unsettled := b.compare(s, now)
	if err := b.save(ctx, states); err != nil {
		return Changes{}, err
	}
	b.unsettled = unsettled
	return Changes{Events: b.hand(unsettled), Pending: len(unsettled), Passed: b.untold(s.passed)}, nil
}

// compare finds the states that are new against the known ones, and the files that are not stable yet.
func (b *Bucket) compare(s *survey, now time.Time) (states map[string]state, unsettled map[string]stamp) {
	states, unsettled = map[string]state{}, map[string]stamp{}
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, file := range s.files {
		o := b.known[name]
		before, seen := b.unsettled[name]
		switch {
		case o.is(file):
		case seen && before == file, file.mtime <= sqlite.Nanos(now.Add(-settled)):
			states[name] = o.next(file, now)
		default:
			unsettled[name] = file
		}
	}
	for name, o := range b.known {
		// Of a file that vanished before it was delivered there is one event after the other: it ends as an object that
		// is gone, visibly.
		if _, there := s.files[name]; !there && !o.Gone && o.Delivered && s.sees(name) {
			states[name] = o.end(now)
		}
	}
	return states, unsettled
}

// save stores new states, all or none, and then takes them as known.
func (b *Bucket) save(ctx context.Context, states map[string]state) error {
	files := make(map[string]sqlite.File, len(states))
	for name, o := range states {
		files[name] = o.File
	}
	if err := b.files.Put(ctx, files); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.Copy(b.known, states)
	return nil
}

// hand returns the events of the known states that are neither delivered nor handed out. A state whose file is about to
// have a newer one is left out: that one's event replaces its own.
func (b *Bucket) hand(unsettled map[string]stamp) []document.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	var events []document.Event
	for name, o := range b.known {
		if _, replaced := unsettled[name]; o.Delivered || o.handed || replaced {
			continue
		}
		o.handed = true
		b.known[name] = o
		events = append(events, b.event(name, o))
	}
	slices.SortFunc(events, func(a, b document.Event) int { return strings.Compare(a.Name, b.Name) })
	return events
}

// event is the event of a state. It depends on nothing else, so that a repeated one is the same.
func (b *Bucket) event(name string, o state) document.Event {
	ev := document.Event{
		Kind:       document.KindFinalized,
		Time:       time.Unix(0, o.Noticed).UTC(),
		Object:     b.object(name, o),
		Attributes: attributes(name, o.File),
	}
	if o.Gone {
		ev.Kind = document.KindDeleted
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", ev.Kind, ev.Generation, ev.Object.ID()))
	ev.ID = hex.EncodeToString(sum[:16])
	return ev
}

// untold picks what was not reported yet.
func (b *Bucket) untold(passed []Passed) []Passed {
	var news []Passed
	for _, p := range passed {
		if !b.told[p] {
			b.told[p] = true
			news = append(news, p)
		}
	}
	return news
}

// Delivered says that the event is taken over: its record is written, or it needs none. Until then the event comes
// again at the next start. It may be repeated; of an event that a newer one of the same name has followed it says
// nothing.
func (b *Bucket) Delivered(ctx context.Context, ev document.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.known[ev.Name]
	if !ok || o.Delivered || o.Generation != ev.Generation || o.Gone != (ev.Kind == document.KindDeleted) {
		return nil
	}
	if err := b.files.SetDelivered(ctx, ev.Name); err != nil {
		return err
	}
	o.Delivered = true
	b.known[ev.Name] = o
	return nil
}

// Again says that the event could not be taken over: the next Scan returns it again, unless a newer one of the same
// name has taken its place.
func (b *Bucket) Again(ev document.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o, ok := b.known[ev.Name]; ok && o.Generation == ev.Generation {
		o.handed = false
		b.known[ev.Name] = o
	}
}
