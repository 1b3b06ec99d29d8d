package document

import "time"

// A turn has one holder at a time across all instances. It is kept as a record in a separate store, with only the name,
// the status and the lease set.

// TakeTurn decides whether a holder may have the turn of this name until a time, and returns the turn's next record. It
// refuses while another holder has the turn.
func TakeTurn(old *Record, name, holder string, now, until time.Time) (*Change, bool) {
	if old != nil && old.Lease != nil && old.Lease.ID != holder && now.Before(old.Lease.Expires) {
		return nil, false
	}
	return &Change{Record: &Record{Name: name, Status: StatusProcessing, Lease: &Lease{ID: holder, Expires: until}},
		Stamps: StampStarted}, true
}

// GiveTurn gives back a turn that the holder has; it returns nil if another has it.
func GiveTurn(old *Record, holder string) *Change {
	if old == nil || old.Lease == nil || old.Lease.ID != holder {
		return nil
	}
	rec := old.clone()
	rec.Status, rec.Lease = StatusRetrying, nil
	return &Change{Record: rec}
}
