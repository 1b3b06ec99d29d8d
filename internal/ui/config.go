package ui

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// Config holds the parts and settings of a page.
type Config struct {
	// Watch follows the store: see [document.Watcher]. It may be limited to the Newest records.
	Watch   func(ctx context.Context, fn func(id string, r *document.Record) error) error
	Records Records
	Images  Images

	// PerPage spares a store whose reads cost. While an open document is being read, its pages are read from Records
	// again only after PerPage for each page that it had the last time. 0: whenever it has a new page.
	PerPage time.Duration

	Upload Uploader // nil: the page accepts no files
	Retry  Retrier  // nil: the page cannot retry
	Delete Deleter  // nil: the page cannot delete
	Export Exporter // nil: the page cannot export

	// Search returns at most limit documents whose texts contain all words of a query, as the user typed it, and
	// reports whether there are more. If it is nil, the page searches only names, and says so.
	Search func(ctx context.Context, query string, limit int) (hits []Hit, more bool, err error)

	// Idle returns, in a sentence, why waiting documents are not being processed, or "" if they are or if that is
	// unknown. It is called every few seconds while a page is open, and never concurrently. It may be nil.
	Idle func() string

	Operation Operation // for the operator's view

	Place    string      // location of the documents, in words: "folder inbox"
	Newest   int         // how many documents are listed, those created last; 0: all
	MaxBytes int64       // of an upload
	Limits   page.Limits // of the page images; MaxBytes and Edge are its own
	Key      string      // admits a browser to the page; empty: no key is needed
	Hosts    []string    // host names that the page is served under, in addition to loopback names
	Log      *slog.Logger
}

// Hit is a document found by a search and the matching line of its text. The line is split into parts, of which the
// second, fourth and so on are the matching words; it has no parts if the line is unknown.
type Hit struct {
	ID   string   `json:"id"`
	Line []string `json:"line,omitempty"`
}

// Records reads from a record store.
type Records interface {
	Get(ctx context.Context, id string) (*document.Stored, error)
	Pages(ctx context.Context, id string, generation int64) ([]document.Page, error)
}

// Images opens objects like [document.Objects].
type Images interface {
	Open(ctx context.Context, o document.Object) (document.Content, error)
}

// Uploader stores a file as an object, atomically. If a file with that name exists and replace is false, the file is
// kept and the error is [ErrExists].
type Uploader interface {
	Put(ctx context.Context, name string, content io.Reader, replace bool) error
}

// ErrExists is returned by an [Uploader] if a file with that name exists.
var ErrExists = errors.New("a file with this name already exists")

// NotTaken is an [Uploader]'s error for a file that would not be processed: a sentence for the user.
type NotTaken string

func (n NotTaken) Error() string { return string(n) }

// Retrier schedules a finished or waiting record for another try. If the record has changed since it was seen, the
// error is [document.ErrNotAsSeen]. redo selects the stored pages to read again; failed pages always are.
type Retrier interface {
	Retry(ctx context.Context, seen *document.Stored, redo func(document.Page) bool) error
}

// Deleter deletes a document with its text and pages. If the record has changed since it was seen, the error is
// [document.ErrNotAsSeen]. The object is kept, and is not read again. A call may be repeated. An error that is a
// [Refusal] is shown to the user.
type Deleter interface {
	Delete(ctx context.Context, seen *document.Stored) error
}

// Refusal is an error that is a sentence for the user.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Exporter writes the texts of documents as a zip archive, leaving out documents without a text. After an error the
// archive is incomplete.
type Exporter interface {
	Export(ctx context.Context, w io.Writer, ids []string) error
}
