package ui

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// States of a feed.
const (
	stateLoading = "loading" // existing records are still arriving
	stateLive    = "live"
	stateLost    = "lost" // the store failed and will be watched again
)

const (
	quiet     = 700 * time.Millisecond // without changes, after which all existing records have arrived
	askAgain  = 2 * time.Second        // first wait after the store failed; it grows
	askAtMost = 30 * time.Second
)

// entry is the newest summary of a record.
type entry struct {
	seq     int64 // position of its last change in the feed
	object  document.Object
	version string
	json    json.RawMessage
}

// feed keeps the newest summary of every record and wakes the streams that send them.
type feed struct {
	mu      sync.Mutex
	seq     int64
	began   int64 // seq when the current watch began
	entries map[string]entry
	state   string
	reason  string // why the store is lost, as a sentence
	changed chan struct{}
}

func newFeed() *feed {
	return &feed{entries: map[string]entry{}, state: stateLoading, changed: make(chan struct{})}
}

// watchFunc follows a store like [document.Watcher]. A nil record is one that is no longer listed: see [newest].
type watchFunc func(ctx context.Context, fn func(id string, r *document.Record) error) error

// follow watches the store until ctx ends, starting again after failures.
func (f *feed) follow(ctx context.Context, watch watchFunc, records Records) error {
	for wait := askAgain; ; wait = min(2*wait, askAtMost) {
		began := time.Now()
		err := f.watch(ctx, watch, records)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > askAtMost {
			wait = askAgain
		}
		_, reason := sentenceOf(errors.Join(err, document.ErrStoreUnavailable))
		f.tell(stateLost, reason)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// watch watches the store once. A watch does not report when all existing records have arrived. The signs are a second
// state of any record, before which most of the existing ones come, and a quiet moment, once the store has answered a
// query.
func (f *feed) watch(ctx context.Context, watch watchFunc, records Records) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if _, err := records.Get(ctx, document.Object{}.ID()); err != nil {
		return err
	}
	f.begin()
	calm := time.AfterFunc(quiet, func() { f.tell(stateLive, "") })
	defer calm.Stop()
	return watch(ctx, func(id string, r *document.Record) error {
		if r == nil {
			f.forget(id)
		} else if f.put(id, r) {
			calm.Reset(quiet)
		}
		return nil
	})
}

// begin starts a watch, which sends all existing records.
func (f *feed) begin() {
	f.mu.Lock()
	f.began = f.seq
	f.mu.Unlock()
	f.tell(stateLoading, "")
}

// put stores a record's newest state and reports whether the feed is still loading.
func (f *feed) put(id string, r *document.Record) bool {
	b, err := json.Marshal(summarise(id, r))
	if err != nil {
		return false // a summary can always be encoded
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.entries[id]; old.version != r.Write || r.Write == "" {
		if old.seq > f.began {
			f.state, f.reason = stateLive, ""
		}
		f.seq++
		f.entries[id] = entry{seq: f.seq, object: r.Object(), version: r.Write, json: b}
		f.wake()
	}
	return f.state != stateLive
}

// forget removes a record that newer ones have displaced. Open pages find that out by themselves.
func (f *feed) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.entries, id)
}

func (f *feed) tell(state, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != state || f.reason != reason {
		f.state, f.reason = state, reason
		f.wake()
	}
}

func (f *feed) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// since returns the entries changed after seq, oldest first, the feed's state, and a channel that is closed by the next
// change.
func (f *feed) since(seq int64) (news []entry, state, reason string, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.entries {
		if e.seq > seq {
			news = append(news, e)
		}
	}
	slices.SortFunc(news, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
	return news, f.state, f.reason, f.changed
}

// objectOf returns the object of a record, if it is listed.
func (f *feed) objectOf(id string) (document.Object, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.entries[id]
	return e.object, ok
}
