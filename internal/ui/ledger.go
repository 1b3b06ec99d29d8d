package ui

import (
	"context"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

const (
	slotTime = 10 * time.Second // length of the slots in which pages are counted
	keptTime = 25 * time.Hour   // enough for a day, even one with 25 hours

	spareSlots = 1000 // extra slots before old ones are removed
)

// ledger keeps the figures of the operator's view: the state of each record, and the amounts read over time. It uses
// the changes that the page watches anyway, so it costs no reads.
type ledger struct {
	mu      sync.Mutex
	entries map[string]ledgerEntry
	read    map[int64]amount // by slot since 1970
	heard   time.Time        // time of the last change of a record, by the store's clock
}

// ledgerEntry is the ledger's copy of a record.
type ledgerEntry struct {
	bucket, name string
	generation   int64
	status       document.Status
	code         string
	open, held   bool      // unfinished; leased by a worker
	since        time.Time // start of its wait
	due          time.Time
	pages        int // read in this generation
	again, of    int // read again, and to be read again in total
	finished     time.Time
	usage        document.Usage
}

// amount counts what was read.
type amount struct {
	pages int
	usage document.Usage
}

func (a amount) add(b amount) amount { return amount{a.pages + b.pages, a.usage.Add(b.usage)} }

func newLedger() *ledger {
	return &ledger{entries: map[string]ledgerEntry{}, read: map[int64]amount{}}
}

// beside returns a watch that passes each record to the ledger before the callback.
func (l *ledger) beside(watch watchFunc) watchFunc {
	return func(ctx context.Context, fn func(string, *document.Record) error) error {
		return watch(ctx, func(id string, r *document.Record) error {
			if r == nil {
				l.forget(id)
			} else {
				l.put(id, r, time.Now())
			}
			return fn(id, r)
		})
	}
}

// put stores a record's newest state. Pages that are new in it count as read at the time the record was written: one by
// one if the changes were seen, otherwise all when the document is finished.
func (l *ledger) put(id string, r *document.Record, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old, next := l.entries[id], entryOf(r)
	if old.generation != next.generation {
		old = ledgerEntry{}
	}
	l.entries[id] = next
	if r.Updated.After(l.heard) {
		l.heard = r.Updated
	}
	ended := r.Updated
	if !next.finished.IsZero() {
		ended = next.finished // a later change may be a notification, or made by an operator
	}
	got := amount{pages: max(next.pages-old.pages, 0)}
	if old.of > 0 && next.of == 0 && next.finished.After(old.finished) {
		got.pages += old.of - old.again // its last pages were stored with its end
	}
	if !next.finished.IsZero() && !next.finished.Equal(old.finished) {
		got.usage = document.Usage{
			PromptTokens:     max(next.usage.PromptTokens-old.usage.PromptTokens, 0),
			CompletionTokens: max(next.usage.CompletionTokens-old.usage.CompletionTokens, 0),
		}
	}
	l.count(got, ended, now)
	l.count(amount{pages: max(next.again-old.again, 0)}, r.Updated, now)
}

// forget removes a record that newer ones have displaced. What was read of it still counts.
func (l *ledger) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.entries, id)
}

// count adds an amount read at a time. The caller must hold the lock.
func (l *ledger) count(got amount, at, now time.Time) {
	if got == (amount{}) || now.Sub(at) >= keptTime {
		return
	}
	slot := at.UnixNano() / int64(slotTime)
	l.read[slot] = l.read[slot].add(got)
	if len(l.read) < int(keptTime/slotTime)+spareSlots {
		return
	}
	for slot := range l.read {
		if now.Sub(time.Unix(0, slot*int64(slotTime))) > keptTime {
			delete(l.read, slot)
		}
	}
}

func entryOf(r *document.Record) ledgerEntry {
	e := ledgerEntry{
		bucket: r.Bucket, name: r.Name, generation: r.Generation, status: r.Status, open: r.Open(),
		held: r.Lease != nil, since: r.WindowStart, due: r.Due,
		pages: r.PagesDone, finished: r.Finished, usage: r.Usage,
	}
	if r.Status == document.StatusFailed {
		e.pages = 0 // all its pages failed
	}
	if again := r.Rereading; again != nil && again.Error == nil {
		e.again, e.of, e.since = again.PagesDone, len(again.Pages), again.Requested
		if e.of == 0 {
			e.of = r.Pages
		}
	}
	if r.Error != nil && (r.Status == document.StatusFailed || r.Status == document.StatusRetrying) {
		e.code = r.Error.Code
	}
	return e
}

// since returns the amount read since a time.
func (l *ledger) since(then time.Time) amount {
	var sum amount
	for slot, a := range l.read {
		if !time.Unix(0, slot*int64(slotTime)).Before(then) {
			sum = sum.add(a)
		}
	}
	return sum
}

// overdue describes the waiting records that are overdue.
type overdue struct {
	records int           // number of overdue records
	by      time.Duration // longest time overdue
	quiet   bool          // nothing was written during that time
}

// overdue finds records that two sweeps should have retried by now but did not. sweep is the interval of sweeps.
func (l *ledger) overdue(now time.Time, sweep time.Duration) overdue {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found overdue
	for _, e := range l.entries {
		if by := now.Sub(e.due); e.open && !e.due.IsZero() && by > 2*sweep {
			found.records++
			found.by = max(found.by, by)
		}
	}
	found.quiet = now.Sub(l.heard) > 2*sweep
	return found
}
