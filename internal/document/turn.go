package document

import "time"

// A turn is had by one holder at a time, over all instances. It is kept in a record of its own, in a store of its own:
// of a record it has the name, the status and the lease.

// TakeTurn decides whether a holder may have the turn of this name until a time, and what the record of it says then.
// It is refused while another has it.
func TakeTurn(old *Record, name, holder string, now, until time.Time) (*Change, bool) {
	if old != nil && old.Lease != nil && old.Lease.ID != holder && now.Before(old.Lease.Expires) {
		return nil, false
	}
	return &Change{Record: &Record{Name: name, Status: StatusProcessing, Lease: &Lease{ID: holder, Expires: until}},
		Stamps: StampStarted}, true
}

// GiveTurn gives a turn back that the holder has; of another's it leaves the record alone.
func GiveTurn(old *Record, holder string) *Change {
	if old == nil || old.Lease == nil || old.Lease.ID != holder {
		return nil
	}
	rec := old.clone()
	rec.Status, rec.Lease = StatusRetrying, nil
	return &Change{Record: rec}
}
