package document

import "time"

// A pass goes through the names of a bucket in their order, in as many runs as it takes. How far it has come is kept in
// a record of its own, beside the turns (see [TakeTurn]): its bucket, in Name the name up to which all is settled, in
// WindowStart when the pass began, and the lease of the run that is at it. A finished pass has no WindowStart, and in
// Finished when it ended.

// TakePass decides whether a run may go on with the pass over a bucket until a time, and what the record of it says
// then. It is refused while another run has it.
func TakePass(old *Record, bucket, holder string, now, until time.Time) (*Change, bool) {
	if old != nil && old.Lease != nil && old.Lease.ID != holder && now.Before(old.Lease.Expires) {
		return nil, false
	}
	rec, stamps := &Record{Bucket: bucket}, StampStarted
	if old != nil {
		rec = old.clone()
	} else {
		stamps |= StampCreated
	}
	if rec.WindowStart.IsZero() {
		rec.WindowStart, rec.Name = now, ""
	}
	rec.Status, rec.Lease = StatusProcessing, &Lease{ID: holder, Expires: until}
	return &Change{Record: rec, Stamps: stamps}, true
}

// MovePass stores how far a run has come. One that lost the pass to another leaves the record alone.
func MovePass(old *Record, holder, after string) *Change {
	if old == nil || old.Lease == nil || old.Lease.ID != holder || old.Name == after {
		return nil
	}
	rec := old.clone()
	rec.Name = after
	return &Change{Record: rec}
}

// GivePass ends a run, at the name up to which all is settled, and the pass with it where it is complete.
func GivePass(old *Record, holder, after string, complete bool) *Change {
	if old == nil || old.Lease == nil || old.Lease.ID != holder {
		return nil
	}
	rec := old.clone()
	rec.Status, rec.Lease, rec.Name = StatusRetrying, nil, after
	if !complete {
		return &Change{Record: rec}
	}
	rec.WindowStart, rec.Name = time.Time{}, ""
	return &Change{Record: rec, Stamps: StampFinished}
}
