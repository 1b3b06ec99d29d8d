package document

import (
	"context"
	"errors"
	"time"
)

// What a driver's error is about. Drivers wrap one of these around their cause, which is for logs only.
var (
	ErrObjectGone = errors.New("object or generation gone")
	// Content-Encoding gzip, and it is none
	ErrObjectCorrupt = errors.New("the stored bytes cannot be unpacked")
	ErrObjectLocked  = errors.New("object encrypted with a customer-supplied key") // which only its uploader has
	// busy, down, cut off, checksum wrong: later it may work
	ErrStorageUnavailable = errors.New("storage unavailable")
	// 401, 403, key refused: an operator must act
	ErrStorageMisconfigured = errors.New("storage misconfigured")
	// always with ErrStorageMisconfigured
	ErrRequesterPays      = errors.New("requester pays is on for the bucket")
	ErrStoreUnavailable   = errors.New("record store unavailable")
	ErrStoreMisconfigured = errors.New("record store misconfigured") // permission, no database
	ErrStoreRejected      = errors.New("record store refuses the document itself")
)

// What a driver says of a commit, for [Update] alone.
var (
	ErrConflict   = errors.New("the record has changed")
	ErrAnswerLost = errors.New("the commit may have been applied") // with one of the errors above
)

// Stamps says which times of a record the store sets to its own clock in a commit. Updated is set in every one.
type Stamps uint8

// The stamps of a commit.
const (
	StampCreated Stamps = 1 << iota
	StampStarted
	StampFinished
)

// Change is one atomic commit: the whole record as it is to be stored, and page documents with it. A store may refuse
// one whose pages take more than [MaxCommitBytes] with [ErrStoreRejected]; see [Batches].
type Change struct {
	Record *Record
	Stamps Stamps
	Pages  []Page // written or overwritten under the ids of their generation and number
	Drop   []int  // numbers of page documents of the record's generation to remove; none of Pages
}

// Stored is a record as a store holds it.
type Stored struct {
	*Record
	// Version is the store's own mark of this state of the record (Firestore: the update time in ns). It differs from
	// the version of any other state of the same record.
	Version int64
	// ReadAt is when the store answered with this state, by the store's clock: the time of the read or of the commit.
	// It is never before the state's Updated, and it is what a lease is compared with, since clocks of machines differ.
	ReadAt time.Time
}

// UpdateFunc computes the next state of a record from the present one; old is nil where there is no record. It must not
// change old, must have no effect outside its own variables, and may be called several times: only the last call
// counts. A nil Change leaves the record alone; an error is returned by [Update] as it is.
type UpdateFunc func(old *Record) (*Change, error)

// Store is what a driver of the record store implements; the rules are this package's. All methods may be called
// concurrently. Errors wrap [ErrStoreUnavailable], [ErrStoreMisconfigured] or [ErrStoreRejected], or are the context's.
//
// Records are written with [Update] only.
type Store interface {
	// Get reads one record; nil where there is none.
	Get(ctx context.Context, id string) (*Stored, error)
	// Commit applies the change, whole or not at all, if the record of id is still in the state from (nil: if there is
	// no record), and returns the record as it is then. It stores the change's Record.Write as it is. The error wraps
	// [ErrConflict] where the record is in another state, and [ErrAnswerLost] where the change may have been applied.
	// Neither tells the store's time: the read that follows either does.
	Commit(ctx context.Context, id string, from *Stored, change *Change) (*Stored, error)
	// Pages reads the page documents of one generation, in order.
	Pages(ctx context.Context, id string, generation int64) ([]Page, error)
	// ClearPages removes the page documents of all generations but keep (0: of all), and never those of the generation
	// that the record speaks of by then, unless that is a marker: a caller that was overtaken does no harm. It may be
	// repeated.
	ClearPages(ctx context.Context, id string, keep int64) error
	// Due lists at most limit records whose Due is not after now, the longest overdue first.
	Due(ctx context.Context, now time.Time, limit int) ([]*Stored, error)
	// Reusable returns a record with that ReuseKey, which is not empty: any one where there are several, nil where
	// there is none.
	Reusable(ctx context.Context, key string) (*Stored, error)
}

// Watcher is what a store offers besides, for those who look on.
type Watcher interface {
	// Watch calls fn for every record there is and then for each later state, until ctx ends (nil) or fn or the store
	// fails. Quick successions may be left out; the last state of a record never is. One call of fn at a time.
	Watch(ctx context.Context, fn func(id string, r *Record) error) error
}
