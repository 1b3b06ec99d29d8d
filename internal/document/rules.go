package document

import (
	"slices"
	"time"
)

// Times of a lease. The chain is renewal < lease < lease + grace: a holder that lives renews twice before its lease ends,
// and the sweep looks only when the platform had its chance to redeliver.
const (
	LeaseTime  = 90 * time.Second
	RenewEvery = 30 * time.Second
	DueGrace   = 5 * time.Minute // from a lease's end until the sweep may take the record

	// MarkerTime is how long the marker of a deleted object stays, for late events of it.
	MarkerTime = 7 * 24 * time.Hour
)

// Rules are the budgets that decide when a record fails. They hold no state.
type Rules struct {
	MaxAttempts int           // faults proven to be the object's
	MaxDoubts   int           // faults that may be
	RetryWindow time.Duration // from windowStart; over it, any fault is the last
	// Redeliver says how long after the release of the n-th attempt the sweep may take the record.
	RetryDelay func(attempt int) time.Duration
}

// verdict is what a claim found.
type Verdict string

const (
	VerdictClaimed   Verdict = "claimed"    // for an event of a deletion: the marker stands
	VerdictEnded     Verdict = "ended"      // this generation is done, failed or erased
	VerdictLeased    Verdict = "leased"     // elsewhere, and the lease lives
	VerdictOlder     Verdict = "older"      // the record speaks of another generation with a higher number: ask the bucket
	VerdictWantAlone Verdict = "want alone" // it must have the instance to itself: take the gate, claim again
	VerdictExhausted Verdict = "exhausted"  // the interruption just found was the last: failed now
)

// ticket is what one claim brings along.
type Ticket struct {
	Now    time.Time
	Lease  string // id for the lease
	Alone  bool   // the caller holds the instance alone
	Beaten int64  // the record's generation of which the bucket said that the event's lives instead; 0: not asked
}

// claim decides whether an event's generation may be worked on, and what the record says from then on.
func (r Rules) Claim(old *Record, ev Event, t Ticket) (*Change, Verdict) {
	switch {
	case old == nil:
		return fresh(nil, ev, t), VerdictClaimed
	case old.Generation == ev.Generation:
		return r.claimSame(old, ev, t)
	case ev.Generation > old.Generation, t.Beaten == old.Generation:
		return fresh(old, ev, t), VerdictClaimed
	}
	return nil, VerdictOlder
}

// fresh starts a generation: nothing of an older one stays but the document's age.
func fresh(old *Record, ev Event, t Ticket) *Change {
	rec := &Record{
		Bucket: ev.Bucket, Name: ev.Name, Generation: ev.Generation,
		ContentType: ev.ContentType, Size: ev.Size, Metadata: ev.Metadata,
		WindowStart: t.Now, EventID: ev.ID, EventTime: ev.Time,
	}
	stamps := StampCreated
	if old != nil {
		rec.Created, stamps = old.Created, 0
	}
	return take(rec, t, stamps)
}

// take leases the record for one more attempt. Attempts are counted here, so that a crash counts.
func take(rec *Record, t Ticket, stamps Stamps) *Change {
	rec.Status = StatusProcessing
	rec.Attempt++
	rec.Lease = &Lease{ID: t.Lease, Expires: t.Now.Add(LeaseTime), Alone: t.Alone}
	rec.Due = rec.Lease.Expires.Add(DueGrace)
	return &Change{Record: rec, Stamps: stamps | StampStarted}
}

func (r Rules) claimSame(old *Record, ev Event, t Ticket) (*Change, Verdict) {
	switch {
	case old.Status.Ended():
		return nil, VerdictEnded
	case old.Status == StatusProcessing && old.Lease != nil && t.Now.Before(old.Lease.Expires):
		return nil, VerdictLeased
	}
	rec := old.clone()
	rec.EventID, rec.EventTime = ev.ID, ev.Time
	if old.Status != StatusProcessing {
		return take(rec, t, 0), VerdictClaimed
	}
	return r.takeOver(rec, t)
}

// takeOver claims a record whose holder died. From the second interruption in a row on it runs alone, so that a page that
// kills the process is found out and its neighbours are cleared.
func (r Rules) takeOver(rec *Record, t Ticket) (*Change, Verdict) {
	alone := rec.Lease != nil && rec.Lease.Alone
	again := rec.Error != nil && rec.Error.Code == CodeInterrupted && rec.Doubts > 0
	f := Fault{Code: CodeInterrupted, Class: ClassDoubt, Message: "the attempt before ended without a word: its lease ran out"}
	if alone {
		f.Class = ClassObject
	}
	if r.blame(rec, f, t.Now) {
		return fail(rec), VerdictExhausted
	}
	if (alone || again) && !t.Alone {
		return nil, VerdictWantAlone
	}
	return take(rec, t, 0), VerdictClaimed
}

// blame writes a fault on the record and tells whether it was the last that the record may have.
func (r Rules) blame(rec *Record, f Fault, now time.Time) bool {
	rec.Error = f.Stored()
	switch f.Class {
	case ClassObject:
		rec.Faults++
	case ClassDoubt:
		rec.Doubts++
	}
	return f.Class == ClassFinal || rec.Faults >= r.MaxAttempts || rec.Doubts >= r.MaxDoubts ||
		now.Sub(rec.WindowStart) >= r.RetryWindow
}

// owns tells whether the attempt that leased old with this id may still write. It is the fence: asked in every commit.
func Owns(old *Record, generation int64, lease string) bool {
	return old != nil && old.Generation == generation && old.Status == StatusProcessing &&
		old.Lease != nil && old.Lease.ID == lease
}

// renew keeps the lease of an attempt that lives.
func Renew(old *Record, now time.Time) *Change {
	rec := old.clone()
	rec.Lease.Expires = now.Add(LeaseTime)
	rec.Due = rec.Lease.Expires.Add(DueGrace)
	return &Change{Record: rec}
}

// progress adds finished pages. What counted against the object is forgotten: it moves.
func Progress(old *Record, total int, pages []Page, now time.Time) *Change {
	c := Renew(old, now)
	c.Pages = pages
	c.Record.Pages = total
	c.Record.PagesDone += len(pages)
	if slices.ContainsFunc(pages, func(p Page) bool { return p.Error == nil }) {
		c.Record.Faults, c.Record.Doubts, c.Record.Error = 0, 0, nil
	}
	return c
}

// end takes the lease and the due time off a record: nobody works on it, and nobody needs to look.
func end(rec *Record, s Status) *Change {
	rec.Status, rec.Lease, rec.Due = s, nil, time.Time{}
	return &Change{Record: rec, Stamps: StampFinished}
}

func fail(rec *Record) *Change { return end(rec, StatusFailed) }

// document is the sum of all pages, as the closing write stores it.
type Contents struct {
	Pages    int
	Text     string
	InPages  bool
	Blank    bool
	Warnings []string
	Usage    Usage
	Model    string
	Unsaved  []Page // page documents that go with the closing write
}

// complete ends a generation with its text.
func Complete(old *Record, d Contents) *Change {
	rec := old.clone()
	rec.Pages, rec.PagesDone = d.Pages, d.Pages
	rec.Text, rec.TextInPages, rec.Blank = d.Text, d.InPages, d.Blank
	rec.Warnings, rec.Usage = d.Warnings, d.Usage
	if d.Model != "" {
		rec.Model = d.Model
	}
	rec.Faults, rec.Doubts, rec.Error = 0, 0, nil
	c := end(rec, StatusDone)
	c.Pages = d.Unsaved
	return c
}

// release gives a record back after a fault: failed where that was the last it may have, else retrying. A page of several
// that used up the budget fails alone (pg, nil where the fault is no single page's): the next attempt goes on without it.
func (r Rules) Release(old *Record, f Fault, pg *Page, now time.Time) *Change {
	rec := old.clone()
	last := r.blame(rec, f, now)
	if last && pg != nil && now.Sub(rec.WindowStart) < r.RetryWindow {
		rec.PagesDone, rec.Faults, rec.Doubts, rec.Error = rec.PagesDone+1, 0, 0, nil
		c := r.handBack(rec, now)
		c.Pages = []Page{*pg}
		return c
	}
	if last {
		return fail(rec)
	}
	return r.handBack(rec, now)
}

// pause gives a record back that made progress and ran out of time: nothing counts against it.
func (r Rules) Pause(old *Record, now time.Time) *Change {
	rec := old.clone()
	rec.Error = nil
	return r.handBack(rec, now)
}

func (r Rules) handBack(rec *Record, now time.Time) *Change {
	rec.Status, rec.Lease = StatusRetrying, nil
	rec.Due = now.Add(r.RetryDelay(rec.Attempt))
	return &Change{Record: rec}
}

// remove decides what the end of the event's generation does to a record. gone says that the bucket was asked and the
// record's own generation does not live either.
func Remove(old *Record, ev Event, gone bool, now time.Time) (*Change, Verdict) {
	switch {
	case old == nil:
		return erase(nil, ev, now), VerdictClaimed
	case old.Generation > ev.Generation:
		return nil, VerdictEnded // the newer one is none of this event's business
	case old.Generation == ev.Generation && old.Status == StatusDeleted:
		return nil, VerdictClaimed
	case old.Generation < ev.Generation && old.Status != StatusDeleted && !gone:
		return nil, VerdictOlder // numbers alone do not say which one lives
	}
	return erase(old, ev, now), VerdictClaimed
}

// erase leaves a marker in place of the record, so that a late event of the generation does nothing.
func erase(old *Record, ev Event, now time.Time) *Change {
	rec := &Record{
		Bucket: ev.Bucket, Name: ev.Name, Generation: ev.Generation, Status: StatusDeleted,
		EventID: ev.ID, EventTime: ev.Time, MarkerExpires: now.Add(MarkerTime),
	}
	stamps := StampCreated
	if old != nil {
		rec.Created, stamps = old.Created, 0
	}
	return &Change{Record: rec, Stamps: stamps}
}
