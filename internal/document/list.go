package document

import (
	"context"
	"time"
)

// Query selects the records that [Lister.List] lists. Zero fields do not restrict. Status may be combined with any
// other field except DueBy and Names, which must each be the only one.
type Query struct {
	Status        Status
	Warning       string    // one of the record's
	Model         string    // that read it
	FinishedSince time.Time // only with an ended Status, and without Warning and Model
	DueBy         time.Time // unfinished records due by then, the longest overdue first
	Names         *Names    // in the order of their names; without any other field
}

// Names is an inclusive range of object names, in byte order, in any bucket. An empty To means no upper limit.
type Names struct{ From, To string }

// Has reports whether the range contains a name.
func (n Names) Has(name string) bool { return name >= n.From && (n.To == "" || name <= n.To) }

// Lister is implemented by stores that can list their records. All methods may be called concurrently.
type Lister interface {
	// List calls fn for every record that q selects, without its text (so the record is not usable with [Seen]). It
	// stops with the error when fn or the store fails or ctx ends. Records written meanwhile may be missed or listed in
	// their old state; none is listed twice. Records are read a few hundred at a time, so fn may be slow.
	List(ctx context.Context, q Query, fn func(*Stored) error) error
	// Heads reads the records of several ids, without text, in the order of ids; nil for each missing record.
	Heads(ctx context.Context, ids []string) ([]*Stored, error)
	// Tally counts all records by status, and sums up what was read, without reading them.
	Tally(ctx context.Context) (Tally, error)
}

// Tally holds totals over all records.
type Tally struct {
	Records map[Status]int64 // a status without records may be missing
	Pages   int64            // finished pages of all records
	Usage   Usage
}

// Listing selects the objects that [ObjectLister.ListObjects] lists.
type Listing struct {
	Bucket string
	Prefix string // of names; empty for all
	After  string // only names after this one
}

// Listed is a live object of a bucket.
type Listed struct {
	Object
	Attributes
	Created time.Time // of this generation
}

// ObjectLister is implemented by buckets that can list their objects.
type ObjectLister interface {
	// ListObjects calls fn for each object of the listing, in byte order of their names. It stops with the error when
	// fn or the bucket fails or ctx ends. The bucket's errors wrap those of [Objects]; a missing bucket's wraps
	// [ErrObjectGone]. Objects created or deleted meanwhile may be missed. Names are read a few hundred at a time, so
	// fn may be slow.
	ListObjects(ctx context.Context, l Listing, fn func(Listed) error) error
}
