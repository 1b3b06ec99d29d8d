package document

import (
	"context"
	"time"
)

// Query says which records [Lister.List] goes through. What is zero does not restrict; Status goes with any of the
// others but DueBy and Names, each of which goes with none.
type Query struct {
	Status        Status
	Warning       string    // one of the record's
	Model         string    // that read it
	FinishedSince time.Time // with a Status that has ended, and neither Warning nor Model
	DueBy         time.Time // unfinished ones that were due by then, the longest overdue first
	Names         *Names    // in the order of their names; goes with none of the others
}

// Names are the names of objects from one to another in the order of their bytes, both included, in whatever bucket. An
// empty To is not an end.
type Names struct{ From, To string }

// Has reports whether a name is among them.
func (n Names) Has(name string) bool { return name >= n.From && (n.To == "" || name <= n.To) }

// Lister is what a store offers besides, for those who go through what there is. Both methods may be called
// concurrently.
type Lister interface {
	// List calls fn for every record that q selects, without its text (so it is not for [Seen]), until fn or the store
	// fails or ctx ends, whose error it returns. Records that are written meanwhile may be missed or come as they were;
	// none comes twice. They are read some hundreds at a time, so fn may take its time.
	List(ctx context.Context, q Query, fn func(*Stored) error) error
	// Heads reads the records of several ids, without text; nil where there is none. The order is that of ids.
	Heads(ctx context.Context, ids []string) ([]*Stored, error)
	// Tally counts all records by status, and sums up what was read, without reading them.
	Tally(ctx context.Context) (Tally, error)
}

// Tally is how much of what there is.
type Tally struct {
	Records map[Status]int64 // a status with none may be missing
	Pages   int64            // finished ones, of all records
	Usage   Usage
}

// Listing says which objects [ObjectLister.ListObjects] goes through.
type Listing struct {
	Bucket string
	Prefix string // of names; empty for all
	After  string // only names after this one
}

// Listed is an object that lives in a bucket.
type Listed struct {
	Object
	Attributes
	Created time.Time // of this generation
}

// ObjectLister is what a bucket offers besides.
type ObjectLister interface {
	// ListObjects calls fn for each object of the listing, in the order of their names' bytes, until fn or the bucket
	// fails or ctx ends, whose error it returns. Others wrap those of [Objects]; that of a bucket that does not exist
	// wraps [ErrObjectGone]. What comes or goes meanwhile may be missed. Names are read some hundreds at a time, so fn
	// may take its time.
	ListObjects(ctx context.Context, l Listing, fn func(Listed) error) error
}
