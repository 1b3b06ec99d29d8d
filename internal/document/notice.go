package document

import (
	"context"
	"errors"
	"time"
)

// The end of a generation (done, failed, erased) is announced where there is a [Notifier]: at least once, and never one
// that is not stored. The write that ends a record says so with Notified false and a due time; what announced the end
// then says Notified true. What a crash left between the two the sweep finds by its due time, like all other work. A
// record whose end is not announced yet is not replaced: whoever would, announces it first.

// What an error of a [Notifier] is about.
var (
	ErrTopicUnavailable   = errors.New("topic unavailable")   // busy, down, no answer: later it may work
	ErrTopicMisconfigured = errors.New("topic misconfigured") // no such topic, no permission: an operator must act
)

// Notifier announces ends. It is called concurrently, and more than once for one end where a call's success was not
// heard of. Errors wrap [ErrTopicUnavailable] or [ErrTopicMisconfigured], or are the context's.
type Notifier interface {
	Notify(ctx context.Context, end End) error
}

// End is what is announced of a record: how it ended, and no text.
type End struct {
	ID string // of the document
	Object
	Owner    string // by OWNER_PATTERN; empty for none
	Status   Status
	Code     string   // why it failed; empty otherwise
	Warnings []string // of a done one
	Pages    int
	Time     time.Time // the store's, of the write that ended it
	Write    string    // id of that write: unique to the end
}

// EndOf returns the end of a record that has ended.
func EndOf(r *Record) End {
	e := End{
		ID: r.Object().ID(), Object: r.Object(), Owner: r.Owner, Status: r.Status, Warnings: r.Warnings, Pages: r.Pages,
		Time: r.Updated, Write: r.Write,
	}
	if r.Status == StatusFailed && r.Error != nil {
		e.Code = r.Error.Code
	}
	return e
}

// Unannounced reports whether the record's end is still to be announced; that of none is not.
func (r *Record) Unannounced() bool { return r != nil && r.Notified != nil && !*r.Notified }

// Announce makes a change that ends a record one whose end is to be announced, and leaves others as they are: among
// them the marker of an object that had no document, and the failed reading again of a document that stays as it is.
func Announce(old *Record, c *Change, now time.Time) *Change {
	if c == nil || c.Record.Open() || !ends(old, c.Record) {
		return c
	}
	next, rec := *c, *c.Record
	rec.Notified, rec.Due = new(false), now.Add(DueGrace)
	next.Record = &rec
	return &next
}

// ends reports whether the step from one state to the next is an end.
func ends(old, next *Record) bool {
	switch {
	case next.Status == StatusDeleted:
		return old != nil && old.Status != StatusDeleted
	case next.Rereading != nil:
		return false
	}
	return true
}

// Announced returns the record of an end that was announced, or, where there is no notifier, is not to be any more. A
// record that was written since the end of that id is left alone.
func Announced(old *Record, write string, notified bool) *Change {
	if old == nil || old.Write != write || !old.Unannounced() {
		return nil
	}
	rec := old.clone()
	rec.Due, rec.Notified = time.Time{}, nil
	if notified {
		rec.Notified = new(true)
	}
	return &Change{Record: rec}
}
