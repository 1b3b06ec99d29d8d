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

// settled is the age from which a newly seen file counts as completely written.
const settled = 2 * time.Second

// Changes is the result of one Scan.
type Changes struct {
	// Events that were not delivered yet, in the order of their names. A Bucket returns each once; the caller keeps it
	// until it calls Delivered or Again.
	Events []document.Event
	// Pending is how many new or changed files are not stable yet. A later Scan returns their events.
	Pending int
	// Passed lists ignored names. A Bucket reports each once.
	Passed []Passed
}

// Scan walks the directory once and returns the changes: new, changed and vanished files, including changes while no
// process worked here. The caller repeats it about every second; one scan runs at a time, others wait.
//
// A new or changed file counts when it is stable: its time and size are the same as in the previous Scan, or its time
// is at least 2 s ago. A writer that pauses for longer is taken to be done; when it continues, another generation
// follows. Scan stores changes before it returns them, so an event keeps its generation, id and time however often it
// is returned. A file or folder that cannot be read keeps its state.
//
// Errors wrap [document.ErrStorageUnavailable] (the directory cannot be read or has vanished) or those of the store, or
// are the context's; after an error the next Scan finds all changes.
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

// compare returns states that differ from the known ones, and the files that are not stable yet.
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
		// If a file vanished before its event was delivered, that event is delivered first: its document visibly ends
		// as object_gone.
		if _, there := s.files[name]; !there && !o.Gone && o.Delivered && s.sees(name) {
			states[name] = o.end(now)
		}
	}
	return states, unsettled
}

// save stores new states, all or none, and adds them to known.
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

// hand returns the events of known states that are neither delivered nor already returned. It leaves out a state whose
// file is about to get a newer one, whose event replaces it.
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

// event returns the event of a state. It depends only on the state, so that a repeated event is the same.
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

// untold returns the names that were not reported yet.
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

// Delivered notes that an event is processed: its record is written, or it needs none. Until then the event is returned
// again after a restart. It may be repeated, and ignores an event that has been replaced by a newer one of the same
// name.
func (b *Bucket) Delivered(ctx context.Context, ev document.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, ok := b.known[ev.Name]
	if !ok || o.Delivered || o.Generation != ev.Generation || o.Gone != (ev.Kind == document.KindDeleted) {
		return nil
	}
	if err := b.files.SetDelivered(ctx, ev.Name, o.File); err != nil {
		return err
	}
	o.Delivered = true
	b.known[ev.Name] = o
	return nil
}

// Redeliver makes the next Scan return the event of a delivered object again, if the file is still in that state: its
// record is not where it is expected. The stored mark stays, so whoever depends on this calls it in each run.
func (b *Bucket) Redeliver(ctx context.Context, o document.Object) {
	live, _, err := b.Live(ctx, o.Bucket, o.Name)
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.known[o.Name]; err == nil && live == o && s.Delivered && s.Generation == o.Generation {
		s.Delivered, s.handed = false, false
		b.known[o.Name] = s
	}
}

// Again notes that an event could not be processed: the next Scan returns it again, unless a newer one of the same name
// has replaced it.
func (b *Bucket) Again(ev document.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o, ok := b.known[ev.Name]; ok && o.Generation == ev.Generation {
		o.handed = false
		b.known[ev.Name] = o
	}
}
