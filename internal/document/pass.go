package document

import "time"

// A pass goes through the names of a bucket in order, in as many runs as necessary. Its progress is kept in a separate
// record, beside the turns (see [TakeTurn]): Bucket; Name, the name up to which everything is settled; WindowStart,
// when the pass began; and the lease of the current run. A finished pass has no WindowStart, but Finished, when it
// ended.

// TakePass decides whether a run may continue the pass over a bucket until a time, and returns the pass's next record.
// It refuses while another run holds the pass.
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

// MovePass stores a run's progress. It returns nil if the run has lost the pass to another one.
func MovePass(old *Record, holder, after string) *Change {
	if old == nil || old.Lease == nil || old.Lease.ID != holder || old.Name == after {
		return nil
	}
	rec := old.clone()
	rec.Name = after
	return &Change{Record: rec}
}

// GivePass ends a run at the name up to which everything is settled, and also the pass if it is complete.
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
