package document

import (
	"slices"
	"time"
)

// Times of a lease. The chain is renewal < lease < lease + grace: a live holder renews twice before its lease ends, and the
// sweep looks only after the platform had its chance to redeliver.
const (
	LeaseTime  = 90 * time.Second
	RenewEvery = 30 * time.Second
	DueGrace   = 5 * time.Minute // from a lease's end until the sweep may take the record

	// AdmissionTime is before a delivery's own time: waiting for a slot in the instance, and the claim.
	AdmissionTime = 45 * time.Second

	// MarkerTime is how long the marker of a deleted object stays, for late events of it.
	MarkerTime = 7 * 24 * time.Hour
)

// Rules are the budgets that decide when a record fails. They hold no state. The functions of this file are pure: they
// decide on a record, an event and a time, change none of their arguments, and return the next record as a [Change].
type Rules struct {
	MaxAttempts int           // faults proven to be the object's
	MaxDoubts   int           // faults that may be
	RetryWindow time.Duration // from windowStart; over it, any fault is the last
	// RetryDelay returns how long after the release of the n-th attempt the sweep may take the record.
	RetryDelay func(attempt int) time.Duration
}

// Claim is what one delivery brings along to claim a record.
type Claim struct {
	Now    time.Time
	Lease  string // id for the lease
	Alone  bool   // the delivery has the instance to itself
	Beaten int64  // the record's generation of which the bucket said that the event's is live instead; 0: not asked
}

// Claimed is what became of a claim.
type Claimed string

// What can become of a claim. Only the first and the last write anything.
const (
	ClaimGranted    Claimed = "granted"
	ClaimEnded      Claimed = "ended"       // this generation is done, failed or deleted
	ClaimLeased     Claimed = "leased"      // elsewhere, and the lease has not expired
	ClaimOlder      Claimed = "older"       // the record is of another generation with a higher number: ask the bucket
	ClaimNeedsAlone Claimed = "needs alone" // claim again when the delivery has the instance to itself
	ClaimExhausted  Claimed = "exhausted"   // the interruption just found was the last: failed now
)

// Claim decides whether an event's generation may be worked on, and what the record says from then on.
func (r Rules) Claim(old *Record, ev Event, c Claim) (*Change, Claimed) {
	switch {
	case old == nil, ev.Generation > old.Generation, c.Beaten == old.Generation && ev.Generation != old.Generation:
		return start(old, ev, c), ClaimGranted
	case ev.Generation < old.Generation:
		return nil, ClaimOlder
	case old.Status.Ended():
		return nil, ClaimEnded
	case old.Status == StatusProcessing && old.Lease != nil && c.Now.Before(old.Lease.Expires):
		return nil, ClaimLeased
	}
	rec := old.clone()
	rec.EventID, rec.EventTime = ev.ID, ev.Time
	if old.Status != StatusProcessing {
		return lease(rec, c, 0), ClaimGranted
	}
	return r.takeOver(rec, c)
}

// start begins a generation: nothing of an older one stays but the document's age.
func start(old *Record, ev Event, c Claim) *Change {
	rec := &Record{
		Bucket: ev.Bucket, Name: ev.Name, Generation: ev.Generation,
		ContentType: ev.ContentType, Size: ev.Size, Metadata: ev.Metadata,
		WindowStart: c.Now, EventID: ev.ID, EventTime: ev.Time,
	}
	stamps := StampCreated
	if old != nil {
		rec.Created, stamps = old.Created, 0
	}
	return lease(rec, c, stamps)
}

// takeOver claims a record whose holder died. From the second interruption in a row on it runs alone, so that a page that
// kills the process is found out and its neighbours are cleared.
func (r Rules) takeOver(rec *Record, c Claim) (*Change, Claimed) {
	alone := rec.Lease != nil && rec.Lease.Alone
	again := rec.Error != nil && rec.Error.Code == CodeInterrupted && rec.Doubts > 0
	f := Fault{Code: CodeInterrupted, Class: ClassDoubt, Message: "the previous attempt stopped without releasing its lease"}
	if alone {
		f.Class = ClassObject
	}
	if r.blame(rec, f, c.Now) {
		return end(rec, StatusFailed), ClaimExhausted
	}
	if (alone || again) && !c.Alone {
		return nil, ClaimNeedsAlone
	}
	return lease(rec, c, 0), ClaimGranted
}

// lease hands the record to one more attempt. Attempts are counted here, so that a crash counts.
func lease(rec *Record, c Claim, stamps Stamps) *Change {
	rec.Status = StatusProcessing
	rec.Attempt++
	rec.Lease = &Lease{ID: c.Lease, Expires: c.Now.Add(LeaseTime), Alone: c.Alone}
	rec.Due = rec.Lease.Expires.Add(DueGrace)
	return &Change{Record: rec, Stamps: stamps | StampStarted}
}

// Owns reports whether the attempt that leased old with this id may still write. It is the fence: asked in every commit.
func Owns(old *Record, generation int64, lease string) bool {
	return old != nil && old.Generation == generation && old.Status == StatusProcessing &&
		old.Lease != nil && old.Lease.ID == lease
}

// Renew extends the lease of a live attempt.
func Renew(old *Record, now time.Time) *Change {
	rec := old.clone()
	rec.Lease.Expires = now.Add(LeaseTime)
	rec.Due = rec.Lease.Expires.Add(DueGrace)
	return &Change{Record: rec}
}

// Progress adds finished pages. What counted against the object is forgotten if one of them was read: it moves.
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

// Contents are the sum of all pages of a record, as the closing write stores it.
type Contents struct {
	Pages    int
	Text     string
	InPages  bool // the text is too long for the record
	Blank    bool
	Warnings []string
	Usage    Usage
	Model    string
	Unsaved  []Page // page documents that go with the closing write
}

// Sum adds up pages 1 to total, all of which are in pages.
func Sum(pages map[int]Page, total int, model string) Contents {
	c := Contents{Pages: total, Blank: true, Model: model}
	var all []Page
	size := 0
	for n := 1; n <= total; n++ {
		p := pages[n]
		all = append(all, p)
		c.Blank = c.Blank && p.Blank
		c.Warnings = append(c.Warnings, p.Warnings...)
		c.Usage = c.Usage.Add(p.Usage)
		size += len(p.Text) + len(PageBreak)
	}
	slices.Sort(c.Warnings)
	c.Warnings = slices.Compact(c.Warnings)
	c.InPages = size-len(PageBreak) > MaxTextBytes
	if !c.InPages {
		c.Text = JoinPages(all)
	}
	return c
}

// Complete ends a generation with its text.
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

// Release releases a record after a fault: failed where that was the last it may have, else retrying. A page of several
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
		return end(rec, StatusFailed)
	}
	return r.handBack(rec, now)
}

// Pause releases a record that made progress and ran out of time: nothing counts against it.
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

// blame writes a fault on the record and reports whether it was the last that the record may have.
func (r Rules) blame(rec *Record, f Fault, now time.Time) bool {
	rec.Error = f.StoredError()
	switch f.Class {
	case ClassObject:
		rec.Faults++
	case ClassDoubt:
		rec.Doubts++
	}
	return f.Class == ClassFinal || rec.Faults >= r.MaxAttempts || rec.Doubts >= r.MaxDoubts ||
		now.Sub(rec.WindowStart) >= r.RetryWindow
}

// end takes the lease and the due time off a record: no worker is on it, and none needs to look.
func end(rec *Record, s Status) *Change {
	rec.Status, rec.Lease, rec.Due = s, nil, time.Time{}
	return &Change{Record: rec, Stamps: StampFinished}
}

// Removed is what the end of a generation does to a record.
type Removed string

// What can become of a record when a generation ends. Only the first may write.
const (
	RemoveMarked Removed = "marked" // a marker is, or was already, in place of the record
	RemoveNewer  Removed = "newer"  // the record is of a newer generation, and stays
	RemoveAsk    Removed = "ask"    // the record is of an older generation: ask the bucket whether that one is live
)

// Remove decides what the end of the event's generation does to a record. gone says that the bucket was asked and the
// record's own generation is not live either.
func Remove(old *Record, ev Event, gone bool, now time.Time) (*Change, Removed) {
	switch {
	case old == nil:
		return erase(nil, ev, now), RemoveMarked
	case old.Generation > ev.Generation:
		return nil, RemoveNewer
	case old.Generation == ev.Generation && old.Status == StatusDeleted:
		return nil, RemoveMarked
	case old.Generation < ev.Generation && old.Status != StatusDeleted && !gone:
		return nil, RemoveAsk // the numbers alone do not say which one is live
	}
	return erase(old, ev, now), RemoveMarked
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
