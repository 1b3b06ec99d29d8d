package document

import (
	"maps"
	"slices"
	"time"
)

// Times of a lease. The chain is renewal < lease < lease + grace: a live holder renews twice before its lease ends, and
// the sweep looks only after the platform had its chance to redeliver.
const (
	LeaseTime  = 90 * time.Second
	RenewEvery = 30 * time.Second
	DueGrace   = 5 * time.Minute // from a lease's end until the sweep may take the record

	// AdmissionTime is before a delivery's own time: waiting for a slot in the instance, and at least ClaimTime for the
	// claim.
	AdmissionTime = 45 * time.Second
	ClaimTime     = 10 * time.Second

	// MarkerTime is how long the marker of a deleted object stays, for late events of it.
	MarkerTime = 7 * 24 * time.Hour
)

// Rules are the budgets that decide when a page or a record fails. They hold no state. The functions of this file are
// pure: they decide on a record, an event and a time, change none of their arguments, and return the next record as a
// [Change].
type Rules struct {
	MaxAttempts int           // strikes with which a page fails
	RetryWindow time.Duration // from windowStart; over it, any fault but our own is the last
	// RetryDelay returns how long after the release of the n-th attempt the sweep may take the record.
	RetryDelay func(attempt int) time.Duration
}

// MaxInterruptions is how many holders of a record may die. After that nothing more of the object is made.
func (r Rules) MaxInterruptions() int { return r.MaxAttempts + 2 }

// Claimant is what one delivery brings along to claim a record.
type Claimant struct {
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
	ClaimEnded      Claimed = "ended"       // nothing is left to do for this generation
	ClaimAnnounce   Claimed = "announce"    // the record's end is to be announced first
	ClaimLeased     Claimed = "leased"      // elsewhere, and the lease has not expired
	ClaimOlder      Claimed = "older"       // the record is of another generation with a higher number: ask the bucket
	ClaimNeedsAlone Claimed = "needs alone" // claim again when the delivery has the instance to itself
	ClaimExhausted  Claimed = "exhausted"   // the interruption just found was the last, with no page read: failed now
)

// Claim decides whether an event's generation may be worked on, and what the record says from then on.
func (r Rules) Claim(old *Record, ev Event, c Claimant) (*Change, Claimed) {
	switch {
	case old == nil:
		return start(nil, ev, c), ClaimGranted
	case ev.Generation > old.Generation, c.Beaten == old.Generation && ev.Generation != old.Generation:
		if old.Unannounced() {
			return nil, ClaimAnnounce
		}
		return start(old, ev, c), ClaimGranted
	case ev.Generation < old.Generation:
		return nil, ClaimOlder
	case old.Unannounced() && !c.Now.Before(old.Due):
		return nil, ClaimAnnounce // whoever ended it did not come to it
	case !old.Open():
		return nil, ClaimEnded
	case old.Lease != nil && c.Now.Before(old.Lease.Expires):
		return nil, ClaimLeased
	}
	rec := old.clone()
	rec.EventID, rec.EventTime, rec.Owner = ev.ID, ev.Time, ev.Owner
	if old.Lease != nil {
		interrupt(rec)
	}
	switch f, exhausted := r.Exhausted(rec); {
	case exhausted && rec.PagesDone == 0:
		return fail(rec, f), ClaimExhausted
	case rec.Interruptions > 0 && !c.Alone:
		return nil, ClaimNeedsAlone
	}
	return grant(rec, c, 0), ClaimGranted
}

// start begins a generation: nothing of an older one stays but the document's age.
func start(old *Record, ev Event, c Claimant) *Change {
	rec := &Record{
		Bucket: ev.Bucket, Name: ev.Name, Generation: ev.Generation, Owner: ev.Owner,
		ContentType: ev.ContentType, Size: ev.Size, MD5: ev.MD5, Metadata: ev.Metadata,
		WindowStart: c.Now, EventID: ev.ID, EventTime: ev.Time,
	}
	stamps := StampCreated
	if old != nil {
		rec.Created, stamps = old.Created, 0
	}
	return grant(rec, c, stamps)
}

// interrupt notes on a record that its holder died. Where the record was alone in its instance, what was being made is
// the only thing that can explain it: a strike.
func interrupt(rec *Record) {
	rec.Interruptions++
	if !rec.rereads() {
		rec.Error = Fault{Code: CodeInterrupted, Class: ClassSuspect,
			Message: "the previous attempt stopped without releasing its lease"}.StoredError()
	}
	if rec.Lease.Alone {
		rec.Strikes = rec.Strikes.Charge(rec.Lease.Page, CodeInterrupted)
	}
}

// Exhausted reports whether nothing more of the object may be made, and the fault with which pages that were not read
// fail: too many holders died, or the object itself has too many strikes.
func (r Rules) Exhausted(rec *Record) (Fault, bool) {
	object := rec.Strikes[0]
	switch {
	case object.Count >= r.MaxAttempts:
		return Fault{Code: object.Code, Class: ClassFinal, Message: Code(object.Code).Summary}, true
	case rec.Interruptions >= r.MaxInterruptions():
		return Fault{Code: CodeInterrupted, Class: ClassFinal,
			Message: "too many attempts ended with the death of their process"}, true
	}
	return Fault{}, false
}

// grant hands the record to one more attempt. Attempts are counted here, so that a crash counts.
func grant(rec *Record, c Claimant, stamps Stamps) *Change {
	if !rec.rereads() {
		rec.Status = StatusProcessing
	}
	rec.Attempt++
	rec.Lease = &Lease{ID: c.Lease, Expires: c.Now.Add(LeaseTime), Alone: c.Alone}
	rec.Due = rec.Lease.Expires.Add(DueGrace)
	return &Change{Record: rec, Stamps: stamps | StampStarted}
}

// Owns reports whether the attempt that leased old with this id may still write. It is the fence: asked in every
// commit.
func Owns(old *Record, generation int64, lease string) bool {
	return old != nil && old.Generation == generation && old.Lease != nil && old.Lease.ID == lease
}

// Renew extends the lease of a live attempt.
func Renew(old *Record, now time.Time) *Change {
	rec := old.clone()
	rec.Lease.Expires = now.Add(LeaseTime)
	rec.Due = rec.Lease.Expires.Add(DueGrace)
	return &Change{Record: rec}
}

// Reading is how far the pages of a record have come, as a commit stores it.
type Reading struct {
	Total, Done   int // pages; finished ones
	Model         string
	Mode, Profile string // absent where not all were read alike
	CopiedFrom    string
	Strikes       Strikes
	Page          int // being made or read, where the record is alone
}

// ReadingOf returns how far the pages of a record have come, as it says itself.
func ReadingOf(rec *Record) Reading {
	p := Reading{Total: rec.Pages, Done: rec.PagesDone, Model: rec.Model, Mode: rec.Mode, Profile: rec.Profile,
		CopiedFrom: rec.CopiedFrom, Strikes: rec.Strikes}
	if rec.rereads() {
		p.Done, p.Model = rec.Rereading.PagesDone, rec.Rereading.Model
	}
	return p
}

// put writes it on a record. One that is being read again keeps its own pages and model until that is complete.
func (p Reading) put(rec *Record) {
	rec.Strikes = maps.Clone(p.Strikes)
	if rec.rereads() {
		rec.Rereading.Model, rec.Rereading.PagesDone = p.Model, p.Done
		return
	}
	rec.Model, rec.Mode, rec.Profile, rec.CopiedFrom = p.Model, p.Mode, p.Profile, p.CopiedFrom
	if p.Total > 0 {
		rec.Pages, rec.PagesDone = p.Total, p.Done
	}
}

// Progress stores how far the pages have come, with those of them that are finished and not stored yet, and renews the
// lease.
func Progress(old *Record, p Reading, pages []Page, now time.Time) *Change {
	c := Renew(old, now)
	c.Pages = pages
	p.put(c.Record)
	c.Record.Lease.Page = p.Page
	if slices.ContainsFunc(pages, func(pg Page) bool { return pg.Error == nil }) {
		c.Record.Error = nil // it moves
	}
	return c
}

// Contents are the sum of all pages of a record, as the closing write stores it.
type Contents struct {
	Pages    int // of the object
	Read     int // of these, from the first: they are finished, and the others are skipped
	Text     string
	InPages  bool // the text is too long for the record
	Blank    bool
	Warnings []string
	Usage    Usage
	Model    string
	Reader   Reader // of all pages; zero where not all were read alike
	Copied   string // id of the document that pages were copied from; empty for none
	Unsaved  []Page // page documents that go with the closing write
	Drop     []int  // numbers of page documents that the object does not have
}

// Sum adds up pages 1 to read, all of which are in pages, of an object of so many pages in total.
func Sum(pages map[int]Page, read, total int, model string) Contents {
	c := Contents{Pages: total, Read: read, Blank: read == total, Model: model}
	if read < total {
		c.Warnings = append(c.Warnings, WarnPagesSkipped)
	}
	var all []Page
	size := 0
	for n := 1; n <= read; n++ {
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
	rec.Pages, rec.PagesDone = d.Pages, d.Read
	rec.Text, rec.TextInPages, rec.Blank = d.Text, d.InPages, d.Blank
	rec.Warnings, rec.Usage = d.Warnings, d.Usage
	if d.Model != "" {
		rec.Model = d.Model
	}
	rec.Mode, rec.Profile, rec.CopiedFrom, rec.ReuseKey = d.Reader.Mode, d.Reader.Profile, d.Copied, ""
	if len(d.Warnings) == 0 {
		rec.ReuseKey = ReuseKey(rec, d.Reader)
	}
	rec.Strikes, rec.Interruptions, rec.Rereading, rec.Error, rec.Notified = nil, 0, nil, nil, nil
	c := end(rec, StatusDone)
	c.Pages, c.Drop = d.Unsaved, d.Drop
	return c
}

// Last reports whether a fault is the last that the record may have: it is final, or the window is over. What is of our
// own doing never is.
func (r Rules) Last(rec *Record, f Fault, now time.Time) bool {
	return f.Class == ClassFinal || f.Class != ClassOurs && now.Sub(rec.WindowStart) >= r.RetryWindow
}

// Release releases a record after a fault: failed where that is the last it may have, else retrying. Without a fault
// (no code) nothing went wrong but the time, and something was read.
func (r Rules) Release(old *Record, f Fault, p Reading, now time.Time) *Change {
	rec := old.clone()
	p.put(rec)
	if f.Code != "" && r.Last(old, f, now) {
		return fail(rec, f)
	}
	if !rec.rereads() {
		rec.Status, rec.Error = StatusRetrying, nil
		if f.Code != "" {
			rec.Error = f.StoredError()
		}
	}
	rec.Lease, rec.Due = nil, now.Add(r.RetryDelay(rec.Attempt))
	return &Change{Record: rec}
}

// Reject returns the record of an object whose own record the store refuses to hold: without what its uploader
// declared, and failed. What is there already stays, and nil is returned.
func Reject(old *Record, ev Event, f Fault, c Claimant) *Change {
	if old != nil && old.Generation >= ev.Generation {
		return nil
	}
	ev.Attributes = Attributes{Size: ev.Size}
	change := start(old, ev, c)
	failed := fail(change.Record, f)
	failed.Stamps |= change.Stamps
	return failed
}

// fail ends a record, or its reading again: that leaves the document as it was before.
func fail(rec *Record, f Fault) *Change {
	if rec.rereads() {
		c := end(rec, rec.Status)
		rec.Rereading.Error, rec.Strikes, c.Stamps = f.StoredError(), nil, 0
		return c
	}
	rec.Error = f.StoredError()
	return end(rec, StatusFailed)
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
	RemoveTell   Removed = "tell"   // the record's end is to be announced first
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
		if old.Unannounced() && !now.Before(old.Due) {
			return nil, RemoveTell
		}
		return nil, RemoveMarked
	case old.Generation < ev.Generation && old.Status != StatusDeleted && !gone:
		return nil, RemoveAsk // the numbers alone do not say which one is live
	case old.Unannounced():
		return nil, RemoveTell
	}
	return erase(old, ev, now), RemoveMarked
}

// erase leaves a marker in place of the record, so that a late event of the generation does nothing.
func erase(old *Record, ev Event, now time.Time) *Change {
	rec := &Record{
		Bucket: ev.Bucket, Name: ev.Name, Generation: ev.Generation, Owner: ev.Owner, Status: StatusDeleted,
		EventID: ev.ID, EventTime: ev.Time, MarkerExpires: now.Add(MarkerTime),
	}
	stamps := StampCreated
	if old != nil {
		rec.Created, stamps = old.Created, 0
	}
	return &Change{Record: rec, Stamps: stamps}
}
