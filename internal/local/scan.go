package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// settled is the age from which a file first seen counts as written to its end.
const settled = 2 * time.Second

// Changes is what one Scan has found.
type Changes struct {
	// Events that were not delivered yet, in the order of their names. Each is returned once by a World; the caller keeps
	// it until it says Delivered or Again.
	Events []document.Event
	// Pending is how many new or changed files wait until they are stable. Their events come with a later Scan.
	Pending int
	// Passed lists what is no object, each once by a World.
	Passed []Passed
}

// Scan walks over the directory once and tells what has changed: new and changed files, and those that vanished, also
// while no process worked here. The caller repeats it, about every second; one scan runs at a time, others wait.
//
// A new or changed file counts when it is stable: its time and size are those of the Scan before, or its time is at
// least 2 s ago. A writer who pauses for longer than that is taken to be done; when the writer goes on, another generation
// follows. What a Scan tells, it has stored before, so an event keeps its generation, id and time however often it is
// returned. A file or folder that cannot be looked at keeps its state.
//
// Errors wrap [document.ErrStorageUnavailable] (the directory cannot be read or is no longer there) or those of the
// store, or are the context's; nothing is lost then, the next Scan finds it.
func (w *World) Scan(ctx context.Context) (Changes, error) {
	w.scanning.Lock()
	defer w.scanning.Unlock()
	if err := w.held(); err != nil {
		return Changes{}, err
	}
	s, err := w.look(ctx)
	if err != nil {
		return Changes{}, err
	}
	now := time.Now()
	states, unsettled := w.compare(s, now)
	if err := w.saveObjects(ctx, states); err != nil {
		return Changes{}, err
	}
	w.unsettled = unsettled
	return Changes{Events: w.hand(unsettled), Pending: len(unsettled), Passed: w.untold(s.passed)}, nil
}

// compare finds the states that are new against the known ones, and the files that are not stable yet.
func (w *World) compare(s *survey, now time.Time) (states map[string]object, unsettled map[string]stamp) {
	states, unsettled = map[string]object{}, map[string]stamp{}
	w.known.Lock()
	defer w.known.Unlock()
	for name, file := range s.files {
		o := w.objects[name]
		before, seen := w.unsettled[name]
		switch {
		case o.is(file):
		case seen && before == file, file.mtime <= nanos(now.Add(-settled)):
			states[name] = o.next(file, now)
		default:
			unsettled[name] = file
		}
	}
	for name, o := range w.objects {
		if _, there := s.files[name]; !there && !o.gone && s.sees(name) {
			states[name] = o.end(now)
		}
	}
	return states, unsettled
}

// hand returns the events of the known states that are neither delivered nor handed out. A state whose file is about to
// have a newer one is left out: that one's event replaces its own.
func (w *World) hand(unsettled map[string]stamp) []document.Event {
	w.known.Lock()
	defer w.known.Unlock()
	var events []document.Event
	for name, o := range w.objects {
		if _, replaced := unsettled[name]; o.delivered || o.handed || replaced {
			continue
		}
		o.handed = true
		w.objects[name] = o
		events = append(events, w.event(name, o))
	}
	slices.SortFunc(events, func(a, b document.Event) int { return strings.Compare(a.Name, b.Name) })
	return events
}

// event is the event of a state. It depends on nothing else, so that a repeated one is the same.
func (w *World) event(name string, o object) document.Event {
	ev := document.Event{
		Kind:       document.KindFinalized,
		Time:       time.Unix(0, o.noticed).UTC(),
		Object:     w.object(name, o),
		Attributes: attributes(name, o),
	}
	if o.gone {
		ev.Kind = document.KindDeleted
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", ev.Kind, ev.Generation, ev.Object.ID()))
	ev.ID = hex.EncodeToString(sum[:16])
	return ev
}

// untold picks what was not reported yet.
func (w *World) untold(passed []Passed) []Passed {
	var news []Passed
	for _, p := range passed {
		if !w.told[p] {
			w.told[p] = true
			news = append(news, p)
		}
	}
	return news
}
