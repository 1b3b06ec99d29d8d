package document

import (
	"context"
	"errors"
	"time"
)

// What a driver's error is about. Drivers wrap one of these around their cause; nobody looks at the cause again but in logs.
var (
	ErrObjectGone           = errors.New("object or generation gone")
	ErrObjectCorrupt        = errors.New("the stored bytes cannot be unpacked") // Content-Encoding gzip, and it is none
	ErrStorageUnavailable   = errors.New("storage unavailable")                 // busy, down, cut off, checksum wrong: later it may work
	ErrStorageMisconfigured = errors.New("storage misconfigured")               // 401, 403, key refused: a person must act
	ErrStoreUnavailable     = errors.New("record store unavailable")
	ErrStoreMisconfigured   = errors.New("record store misconfigured") // permission, no database
	ErrStoreRejected        = errors.New("record store refuses the document itself")
)

// Stamps says which times of a record the store sets to its own clock in a commit. Updated is set in every one.
type Stamps uint8

// The stamps of a commit.
const (
	StampCreated Stamps = 1 << iota
	StampStarted
	StampFinished
)

// Change is one atomic commit: the record as it shall stand, whole, and page documents with it.
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
}

// UpdateFunc computes the next state from the present one; old is nil where there is no record. It must not change old,
// must have no effect outside its own variables, and may be called several times: only the last call counts.
// A nil Change leaves the record alone; an error is returned by Update as it is.
type UpdateFunc func(old *Record) (*Change, error)

// Records is the record store. All methods may be called concurrently. Errors wrap [ErrStoreUnavailable],
// [ErrStoreMisconfigured] or [ErrStoreRejected], or are the context's, or the UpdateFunc's own.
type Records interface {
	// Update atomically replaces the record of id by what fn makes of it, and returns what stands there afterwards (nil
	// where fn left a missing record alone). It is the only way to write a record.
	//
	// from is what the caller believes to stand there, or nil to have it read: a right belief saves the read, a wrong one
	// costs it. A from without a Record believes that there is none. Nothing is locked: the commit is conditional on the state that fn saw, and a refused one is computed anew
	// from a fresh read, until ctx ends. Each commit stores a fresh random id in Record.Write, so a commit whose answer
	// was lost is recognised by that read and never applied twice.
	Update(ctx context.Context, id string, from *Stored, fn UpdateFunc) (*Stored, error)
	// Get reads one record; nil where there is none.
	Get(ctx context.Context, id string) (*Stored, error)
	// Pages reads the page documents of one generation, in order.
	Pages(ctx context.Context, id string, generation int64) ([]Page, error)
	// ClearPages removes the page documents of all generations but keep (0: of all), and never those of the generation
	// that the record speaks of by then, unless that is a marker: a caller that was overtaken does no harm. It may be
	// repeated.
	ClearPages(ctx context.Context, id string, keep int64) error
	// Due lists at most limit records whose Due is not after now, the longest overdue first.
	Due(ctx context.Context, now time.Time, limit int) ([]*Stored, error)
}

// Watcher is what a store offers besides, for those who look on.
type Watcher interface {
	// Watch calls fn for every record there is and then for each later state, until ctx ends (nil) or fn or the store
	// fails. Quick successions may be left out; the last state of a record never is. One call of fn at a time.
	Watch(ctx context.Context, fn func(id string, r *Record) error) error
}
