package gcp

import (
	"context"
	"os"

	"github.com/bucketocr/bucketocr/internal/document"
)

// RecordsConfig says where the records are.
type RecordsConfig struct {
	Project    string // empty: the metadata server is asked
	Database   string // empty: (default)
	Collection string // id of a collection at the top
	// Emulator is the host:port of a Firestore emulator, asked in plain text and with all rights.
	// Empty: the value of FIRESTORE_EMULATOR_HOST, and where that is empty too, Firestore itself.
	Emulator string
}

// Records is [document.Store] and [document.Watcher] over Firestore. Its account needs the role datastore.user.
//
// The collection is its own: a record's document is always replaced whole, and with it any field that somebody added.
// Pages lie in the sub-collection ocr_pages of their document.
//
// Google's client repeats calls while Firestore is busy or does not answer, until the context ends; a context without
// a deadline is taken to have one of a minute for each call.
type Records struct {
	store lazy[*store]
}

var (
	_ document.Store   = (*Records)(nil)
	_ document.Watcher = (*Records)(nil)
)

// NewRecords makes the record store's driver. It does not touch the network.
func NewRecords(c RecordsConfig) *Records {
	if c.Emulator == "" {
		c.Emulator = os.Getenv("FIRESTORE_EMULATOR_HOST")
	}
	if c.Database == "" {
		c.Database = "(default)"
	}
	return newRecords(func(ctx context.Context) (*store, error) { return dialStore(ctx, c) })
}

func newRecords(dial func(context.Context) (*store, error)) *Records {
	return &Records{store: lazy[*store]{make: dial}}
}

// Close lets go of the connections, if there are any. No call may follow it.
func (r *Records) Close() error {
	if s, ok := r.store.peek(); ok {
		return s.rpc.Close()
	}
	return nil
}

// open gives the connection to the store.
func (r *Records) open(ctx context.Context, op string) (*store, error) {
	s, err := r.store.get(ctx)
	if err != nil {
		return nil, dialError(ctx, op, err)
	}
	return s, nil
}

// Get reads one record; nil where there is none. It costs one document read.
func (r *Records) Get(ctx context.Context, id string) (*document.Stored, error) {
	s, err := r.open(ctx, "get")
	if err != nil {
		return nil, err
	}
	return s.get(ctx, id)
}

// Commit is conditional on the document's update time, or on its absence. It costs one document write for the record and
// for each page of the change; one that is refused is not charged.
func (r *Records) Commit(ctx context.Context, id string, from *document.Stored, change *document.Change) (*document.Stored, error) {
	s, err := r.open(ctx, "commit")
	if err != nil {
		return nil, err
	}
	stored, err := s.commit(ctx, id, from, change)
	if err != nil {
		return nil, commitError(ctx, err)
	}
	return stored, nil
}
