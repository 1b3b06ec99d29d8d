// Package ui is the live page: one page, embedded, that shows the records of a store as they change.
//
// [Server] follows the store by its watch, keeps a summary of each record (never its text) and sends what changes to every
// open page as server-sent events. Texts, page images, uploads and retries go through the same server, so that one guard
// stands before all of them: see guard.go. It knows neither Firestore nor the local folder; it consumes the interfaces below.
package ui

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/ui/render"
)

// Records is what the page reads of a record store.
type Records interface {
	Get(ctx context.Context, id string) (*document.Stored, error)
	Pages(ctx context.Context, id string, generation int64) ([]document.Page, error)
}

// Images gives the bytes of objects, as [document.Objects] does.
type Images interface {
	Open(ctx context.Context, o document.Object) (document.Content, error)
}

// ErrExists is an Uploader's error where there is a file of that name.
var ErrExists = errors.New("a file of this name is there already")

// NotTaken is an Uploader's error where a file is none to read: the sentence that is shown.
type NotTaken string

func (n NotTaken) Error() string { return string(n) }

// Uploader puts a file where objects come from. A file of the same name is [ErrExists] and stays as it is, unless replace
// is set. The object stands there whole or not at all.
type Uploader interface {
	Put(ctx context.Context, name string, content io.Reader, replace bool) error
}

// Retrier asks for another try of a record that ended or waits, if it is still as seen: else [document.ErrNotAsSeen].
// redo tells which of its stored pages are to be read again; those that failed always are.
type Retrier interface {
	Retry(ctx context.Context, seen *document.Stored, redo func(document.Page) bool) error
}

// Config is what a page is made of.
type Config struct {
	// Watch follows the store: see [document.Watcher].
	Watch   func(ctx context.Context, fn func(id string, r *document.Record) error) error
	Records Records
	Images  Images
	Upload  Uploader // nil: the page takes no files
	Retry   Retrier  // nil: the page offers no other try

	Place    string      // what is looked at, in words: "folder inbox"
	Partial  string      // what is left out of the list, in words; empty: nothing
	MaxBytes int64       // of an upload
	Limits   page.Limits // of the page images; MaxBytes and Edge are its own
	Hosts    []string    // names under which the page may be asked for besides loopback ones
	Log      *slog.Logger
}

// Server is the live page. Make it with [New], call [Server.Run], serve its Handler. Safe for concurrent use.
type Server struct {
	c     Config
	boot  string // tells this server from one before it at the same address
	token string // proves that a request comes from our own page
	feed  *feed
	shelf *shelf
	album *album
}

// New makes the page's server. It does nothing until Run.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Limits.Edge = pictureEdge
	return &Server{
		c: c, boot: rand.Text()[:8], token: rand.Text(),
		feed:  newFeed(),
		shelf: &shelf{records: c.Records, render: render.New()},
		album: newAlbum(c.Images, c.Limits),
	}
}

// Run follows the records until ctx ends; the pages that are open are let go then. A store that fails is asked again.
func (s *Server) Run(ctx context.Context) error {
	defer s.album.close()
	return s.feed.follow(ctx, s.c.Watch, s.c.Records)
}

// Handler serves the page.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/events", s.events)
	mux.HandleFunc("GET /api/documents/{id}", s.document)
	mux.HandleFunc("GET /api/documents/{id}/text", s.text)
	mux.HandleFunc("GET /api/documents/{id}/pages/{page}", s.page)
	mux.HandleFunc("GET /api/documents/{id}/pages/{page}/image", s.image)
	mux.HandleFunc("POST /api/documents/{id}/retry", s.retry)
	mux.HandleFunc("POST /api/files", s.upload)
	mux.Handle("GET /", assets())
	return s.guard(mux)
}
