package document

import (
	"context"
	"errors"
	"time"
)

// If there is a [Notifier], the end of a generation (done, failed, erased) is announced at least once, and only after
// it is stored. The write that ends a record sets Notified to false and a due time; once the end is announced, Notified
// becomes true. After a crash between the two, the sweep finds the record by its due time, like all other work. A
// record whose end is not announced yet is not replaced before it has been announced.

// Classes of a [Notifier]'s errors.
var (
	ErrTopicUnavailable   = errors.New("topic unavailable")   // busy, down, no answer: a later call may succeed
	ErrTopicMisconfigured = errors.New("topic misconfigured") // no such topic, no permission: an operator must act
)

// Notifier announces ends. It is called concurrently, and again for the same end if the success of a call is unknown.
// Errors wrap [ErrTopicUnavailable] or [ErrTopicMisconfigured], or are the context's.
type Notifier interface {
	Notify(ctx context.Context, end End) error
}

// End is the announcement of a record's end. It has no text.
type End struct {
	ID string // of the document
	Object
	Owner    string // by OWNER_PATTERN; empty if none
	Status   Status
	Code     string   // why it failed; empty otherwise
	Warnings []string // of a done record
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

// Unannounced reports whether the record's end still has to be announced; false for nil.
func (r *Record) Unannounced() bool { return r != nil && r.Notified != nil && !*r.Notified }

// Announce marks a change that ends a record as one to be announced, and leaves other changes alone: among them the
// marker of an object without a document, and a failed rereading, which leaves the document as it is.
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

// Announced returns the change that marks an end as announced or, without a notifier, as not to be announced any more.
// A record that was written after the end with that id is left alone.
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
