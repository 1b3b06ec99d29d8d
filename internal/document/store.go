package document

import (
	"context"
	"errors"
	"time"
)

// Classes of drivers' errors. Drivers wrap one of these around the cause, which is for logs only.
var (
	ErrObjectGone = errors.New("object or generation gone")
	// declared as Content-Encoding gzip, but not gzip
	ErrObjectCorrupt = errors.New("the stored bytes cannot be unpacked")
	ErrObjectLocked  = errors.New("object encrypted with a customer-supplied key") // which only its uploader has
	// busy, down, cut off, checksum wrong: a later call may succeed
	ErrStorageUnavailable = errors.New("storage unavailable")
	// 401, 403, key refused: an operator must act
	ErrStorageMisconfigured = errors.New("storage misconfigured")
	// always with ErrStorageMisconfigured
	ErrRequesterPays      = errors.New("requester pays is on for the bucket")
	ErrStoreUnavailable   = errors.New("record store unavailable")
	ErrStoreMisconfigured = errors.New("record store misconfigured") // permission, no database
	ErrStoreRejected      = errors.New("record store refuses the document itself")
)

// Errors of a driver's commit, for [Update] only.
var (
	ErrConflict   = errors.New("the record has changed")
	ErrAnswerLost = errors.New("the commit may have been applied") // with one of the errors above
)

// Stamps selects the times of a record that the store sets by its own clock in a commit. Updated is set in every
// commit.
type Stamps uint8

// The stamps of a commit.
const (
	StampCreated Stamps = 1 << iota
	StampStarted
	StampFinished
)

// Change is one atomic commit: the whole new record, and page documents. A store may refuse a change whose pages take
// more than [MaxCommitBytes] with [ErrStoreRejected]; see [Batches].
type Change struct {
	Record *Record
	Stamps Stamps
	Pages  []Page // written or overwritten under the ids of their generation and number
	Drop   []int  // numbers of page documents of the record's generation to remove; none of them in Pages
}

// Stored is a record as a store holds it.
type Stored struct {
	*Record
	// Version identifies this state of the record within the store (Firestore: the update time in ns). It differs from
	// the version of any other state of the same record.
	Version int64
	// ReadAt is when the store answered with this state, by the store's clock: the time of the read or of the commit.
	// It is never before the state's Updated, and it is what a lease is compared with, since clocks of machines differ.
	ReadAt time.Time
}

// UpdateFunc computes the next state of a record from the current one; old is nil if there is no record. It must not
// change old, must have no effect outside its own variables, and may be called several times: only the last call
// counts. A nil Change leaves the record alone; [Update] returns an error unchanged.
type UpdateFunc func(old *Record) (*Change, error)

// Store is implemented by drivers for record stores; the rules are in this package. All methods may be called
// concurrently. Errors wrap [ErrStoreUnavailable], [ErrStoreMisconfigured] or [ErrStoreRejected], or are the context's.
//
// Records are written with [Update] only.
type Store interface {
	// Get reads one record; nil if there is none.
	Get(ctx context.Context, id string) (*Stored, error)
	// Commit applies the change, whole or not at all, if the record of id is still in the state from (nil: if there is
	// no record), and returns the record as stored. It stores the change's Record.Write unchanged. The error wraps
	// [ErrConflict] if the record is in another state, and [ErrAnswerLost] if the change may have been applied. These
	// do not reveal the store's time, but the read that follows them does.
	Commit(ctx context.Context, id string, from *Stored, change *Change) (*Stored, error)
	// Pages reads the page documents of one generation, in order.
	Pages(ctx context.Context, id string, generation int64) ([]Page, error)
	// ClearPages removes the page documents of all generations but keep (0: of all), and never those of the record's
	// current generation, unless the record is a marker, so that an overtaken caller does no harm. It may be repeated.
	ClearPages(ctx context.Context, id string, keep int64) error
	// Due lists at most limit records whose Due is neither before since nor after now, the longest overdue first.
	Due(ctx context.Context, since, now time.Time, limit int) ([]*Stored, error)
	// Reusable returns a record with that ReuseKey, which must not be empty: any one if there are several, nil if there
	// is none.
	Reusable(ctx context.Context, key string) (*Stored, error)
}

// Watcher is implemented by stores that can report changes.
type Watcher interface {
	// Watch calls fn, never concurrently, for every existing record and then for each later state, until ctx ends (it
	// returns nil) or fn or the store fails. States in quick succession may be left out, but never the last state of a
	// record.
	Watch(ctx context.Context, fn func(id string, r *Record) error) error
}
