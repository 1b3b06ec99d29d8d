package ui

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// Config is what a page is made of.
type Config struct {
	// Watch follows the store: see [document.Watcher].
	Watch   func(ctx context.Context, fn func(id string, r *document.Record) error) error
	Records Records
	Images  Images
	Upload  Uploader // nil: the page takes no files
	Retry   Retrier  // nil: the page offers no other try
	Delete  Deleter  // nil: the page deletes nothing
	Export  Exporter // nil: the page exports nothing

	// Search returns the documents whose texts have all words of a query, at most limit, and whether there are more.
	// The query is what a person typed. Nil: the page searches names alone, and says so.
	Search func(ctx context.Context, query string, limit int) (hits []Hit, more bool, err error)

	// Idle says, in a sentence, why nothing reads what waits; empty where something does, or where that is not known.
	// It is asked every few seconds while a page is open, one call at a time. Nil: it is not known.
	Idle func() string

	Operation Operation // for the operator's view

	Place    string      // what is looked at, in words: "folder inbox"
	Partial  string      // what is left out of the list, in words; empty: nothing
	MaxBytes int64       // of an upload
	Limits   page.Limits // of the page images; MaxBytes and Edge are its own
	Key      string      // opens the page, once for each browser; empty: the page is open to whoever reaches it
	Hosts    []string    // names under which the page may be asked for besides loopback ones
	Log      *slog.Logger
}

// Hit is a document that a search found, and the line that holds what was searched for, in parts of which the second,
// fourth and so on are those words; no parts where it is not known.
type Hit struct {
	ID   string   `json:"id"`
	Line []string `json:"line,omitempty"`
}

// Records is what the page reads of a record store.
type Records interface {
	Get(ctx context.Context, id string) (*document.Stored, error)
	Pages(ctx context.Context, id string, generation int64) ([]document.Page, error)
}

// Images opens objects, as [document.Objects] does.
type Images interface {
	Open(ctx context.Context, o document.Object) (document.Content, error)
}

// Uploader puts a file where objects come from. A file of the same name is [ErrExists] and stays as it is, unless
// replace is set. The object is there whole or not at all.
type Uploader interface {
	Put(ctx context.Context, name string, content io.Reader, replace bool) error
}

// ErrExists is an Uploader's error where there is a file of that name.
var ErrExists = errors.New("a file of this name is there already")

// NotTaken is an Uploader's error where a file is none to read: the sentence that is shown.
type NotTaken string

func (n NotTaken) Error() string { return string(n) }

// Retrier asks for another try of a record that ended or waits, if it is still as seen: else [document.ErrNotAsSeen].
// redo reports which of its stored pages are to be read again; those that failed always are.
type Retrier interface {
	Retry(ctx context.Context, seen *document.Stored, redo func(document.Page) bool) error
}

// Deleter deletes a document, text, pages and all, if it is still as seen: else [document.ErrNotAsSeen]. The object
// stays, and is not read again. It may be repeated. An error that is a [Refusal] is told as it is.
type Deleter interface {
	Delete(ctx context.Context, seen *document.Stored) error
}

// Refusal is why something that was asked for is not done: the sentence that is shown.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Exporter writes the texts of documents as a zip archive; those without a text are left out. After an error the
// archive is not whole.
type Exporter interface {
	Export(ctx context.Context, w io.Writer, ids []string) error
}
