package document

import (
	"maps"
	"slices"
	"time"
)

// Times of a lease. A live holder renews twice before its lease ends, and the sweep takes a record only after the
// platform has had its chance to redeliver.
const (
	LeaseTime  = 90 * time.Second
	RenewEvery = 30 * time.Second
	DueGrace   = 5 * time.Minute // from a lease's end until the sweep may take the record

	// AdmissionTime precedes a delivery's own time: for waiting for a slot in the instance, and at least ClaimTime for
	// the claim.
	AdmissionTime = 45 * time.Second
	ClaimTime     = 10 * time.Second

	// CloseShare is the part of PROCESS_TIMEOUT, 1/CloseShare, that is kept for the closing write.
	CloseShare = 16

	// MarkerTime is how long the marker of a deleted object is kept, for late events.
	MarkerTime = 7 * 24 * time.Hour
)

// Rules are the budgets that decide when a page or a record fails. They hold no state. The functions of this file are
// pure: from a record, an event and a time they compute the next record as a [Change], and do not modify their
// arguments.
type Rules struct {
	MaxAttempts int           // strikes at which a page fails
	RetryWindow time.Duration // from windowStart; afterwards any fault fails the record that Last does not except
	// FromProgress lets the window begin again whenever a page has been read: someone waits for the rest.
	FromProgress bool
	// RetryDelay returns how long after the release of the n-th attempt the sweep may take the record.
	RetryDelay func(attempt int) time.Duration
}

// MaxInterruptions returns how many holders of a record may die before no more pages of the object are made.
func (r Rules) MaxInterruptions() int { return r.MaxAttempts + 2 }

// Claimant holds a delivery's parameters for a claim.
type Claimant struct {
	Now    time.Time
	Lease  string // id for the lease
	Alone  bool   // the delivery has the instance to itself
	Beaten int64  // the record's generation, if the bucket said that the event's is live instead; 0: not asked
}

// Claimed is the result of a claim.
type Claimed string

// The results of a claim. Only the first and the last write anything.
const (
	ClaimGranted    Claimed = "granted"
	ClaimEnded      Claimed = "ended"       // nothing is left to do for this generation
	ClaimAnnounce   Claimed = "announce"    // the record's end must be announced first
	ClaimLeased     Claimed = "leased"      // elsewhere, and the lease has not expired
	ClaimOlder      Claimed = "older"       // the record is of another generation with a higher number: ask the bucket
	ClaimNeedsAlone Claimed = "needs alone" // claim again when the delivery has the instance to itself
	// the interruption just found used up the limit, with no page read: the record fails now
	ClaimExhausted Claimed = "exhausted"
)

// Claim decides whether an event's generation may be worked on, and returns the record's next state.
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
		return nil, ClaimAnnounce // the attempt that ended it did not get that far
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

// start returns a new generation's record: of an older one it keeps only the document's age.
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

// interrupt notes on a record that its holder died. If the record was alone in its instance, only the page being made
// can explain that, and gets a strike.
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

// Exhausted reports whether no more pages of the object may be made, because too many holders died or the object itself
// has too many strikes, and returns the fault with which its unread pages fail.
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

// grant leases the record to one more attempt. Attempts are counted here, so that a crash counts, too.
func grant(rec *Record, c Claimant, stamps Stamps) *Change {
	if !rec.rereads() {
		rec.Status = StatusProcessing
	}
	rec.Attempt++
	rec.Lease = &Lease{ID: c.Lease, Expires: c.Now.Add(LeaseTime), Alone: c.Alone}
	rec.Due = rec.Lease.Expires.Add(DueGrace)
	return &Change{Record: rec, Stamps: stamps | StampStarted}
}

// Owns reports whether the attempt that leased old with this id may still write. It is the fence that every commit
// checks.
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

// Reading is the progress of a record's pages, as a commit stores it.
type Reading struct {
	Total, Done   int // numbers of pages and of finished pages
	Model         string
	Mode, Profile string // empty if not all were read alike
	CopiedFrom    string
	Strikes       Strikes
	Page          int // the page being made or read, if the record is alone
}

// ReadingOf returns the progress that a record holds.
func ReadingOf(rec *Record) Reading {
	p := Reading{Total: rec.Pages, Done: rec.PagesDone, Model: rec.Model, Mode: rec.Mode, Profile: rec.Profile,
		CopiedFrom: rec.CopiedFrom, Strikes: rec.Strikes}
	if rec.rereads() {
		p.Done, p.Model = rec.Rereading.PagesDone, rec.Rereading.Model
	}
	return p
}

// put stores the progress in a record. A record that is being read again keeps its own pages and model until the
// rereading is complete.
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

// Progress stores the pages' progress together with newly finished pages, and renews the lease.
func (r Rules) Progress(old *Record, p Reading, pages []Page, now time.Time) *Change {
	c := Renew(old, now)
	c.Pages = pages
	p.put(c.Record)
	c.Record.Lease.Page = p.Page
	if slices.ContainsFunc(pages, func(pg Page) bool { return pg.Error == nil }) {
		c.Record.Error = nil // it makes progress
		if r.FromProgress {
			c.Record.WindowStart = now
		}
	}
	return c
}

// Contents are the text and totals of a record's pages, as the closing write stores them.
type Contents struct {
	Pages    int // of the object
	Read     int // finished pages, from the first; the others are skipped
	Text     string
	InPages  bool // the text is too long for the record
	Blank    bool
	Warnings []string
	Usage    Usage
	Model    string
	Reader   Reader // of all pages; zero if not all were read alike
	Copied   string // id of the document that pages were copied from; empty if none
	Unsaved  []Page // page documents to write with the closing write
	Drop     []int  // numbers of page documents that the object does not have
}

// Sum joins and adds up pages 1 to read, all of which are in pages, of an object with total pages.
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

// Last reports whether a fault ends the record: it is final, or the window is over. Faults of the function itself never
// do, nor do the store's: it has the pages that are read and paid for.
func (r Rules) Last(rec *Record, f Fault, now time.Time) bool {
	patient := f.Class == ClassOurs || f.Code == CodeStoreUnavailable || f.Code == CodeStoreMisconfigured
	return f.Class == ClassFinal || !patient && now.Sub(rec.WindowStart) >= r.RetryWindow
}

// Release releases a record after a fault: it becomes failed if the fault ends it, and retrying otherwise. A fault
// without a code means that only the time was over, and some pages were read.
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

// Reject returns a failed record, without the uploader's attributes, for an object whose record the store refuses. It
// returns nil if there is already a record of this or a newer generation.
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

// fail ends a record as failed, or ends only its rereading, which leaves the document as it was.
func fail(rec *Record, f Fault) *Change {
	if rec.rereads() {
		c := end(rec, rec.Status)
		rec.Rereading.Error, rec.Strikes, c.Stamps = f.StoredError(), nil, 0
		return c
	}
	rec.Error = f.StoredError()
	return end(rec, StatusFailed)
}

// end removes the lease and the due time from a record: no worker holds it, and the sweep need not look at it.
func end(rec *Record, s Status) *Change {
	rec.Status, rec.Lease, rec.Due = s, nil, time.Time{}
	return &Change{Record: rec, Stamps: StampFinished}
}

// Removed is the effect of a generation's end on a record.
type Removed string

// The effects of a generation's end. Only the first may write.
const (
	RemoveMarked Removed = "marked" // the record is replaced by a marker, or was already
	RemoveNewer  Removed = "newer"  // the record is of a newer generation, and stays
	RemoveAsk    Removed = "ask"    // the record is of an older generation: ask the bucket whether that one is live
	RemoveTell   Removed = "tell"   // the record's end must be announced first
)

// Remove decides the effect of the end of the event's generation on a record. gone means that the bucket was asked and
// the record's own generation is not live either.
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
		return nil, RemoveAsk // the numbers alone do not show which one is live
	case old.Unannounced():
		return nil, RemoveTell
	}
	return erase(old, ev, now), RemoveMarked
}

// erase replaces the record by a marker, so that a late event of the generation has no effect.
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
