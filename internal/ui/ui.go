// Package ui serves the live page: a single embedded page that shows the records of a store as they change.
//
// [Server] watches the store, keeps a summary of each record (with only the first line of its text) and sends changes
// to every open page as server-sent events. Texts, page images, uploads and retries go through the same server, so that
// one guard protects them all. It depends on neither Firestore nor the local folder, but on the interfaces in [Config].
//
// Files, in reading order:
//
//	ui.go        the server and its routes
//	guard.go     access control
//	events.go    the stream of changes to an open page
//	document.go  one document and the texts of its pages
//	export.go    texts of several documents as one file
//	download.go  documents and objects as files
//	operator.go  the operator's view: pace, queue, failures
//	search.go    search in texts
//	idle.go      whether waiting documents are being processed
//	ledger.go    figures for the operator's view
//	shelf.go     documents opened last
//	thumbnail.go small pictures of first pages, for the list
//	image.go     page images, made from the objects
//	quiet.go     missing images without errors in the browser
//	change.go    retries, deletions and uploads
//	feed.go      the newest summary of every record
//	newest.go    the records listed, if not all
//	summary.go   a record as the list shows it
//	answer.go    responses, and sentences for errors
//	config.go    configuration and interfaces
package ui

import (
	"context"
	"crypto/rand"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"

	"github.com/bucketocr/bucketocr/internal/ui/render"
)

// Server serves the live page. Create it with [New], call [Server.Run], and serve its Handler. Its methods may be
// called concurrently.
type Server struct {
	c          Config
	boot       string // distinguishes this server from earlier ones at the same address
	token      string // proves that a request comes from the page itself
	feed       *feed
	shelf      *shelf
	album      *album
	thumbnails *thumbnails
	idle       idleness
	orders     orders

	ledger *ledger
	passes passes
}

// New returns a Server. It does nothing until Run is called.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Limits.Edge = pictureEdge
	ledger := newLedger()
	return &Server{
		c: c, boot: rand.Text()[:8], token: rand.Text(),
		feed:       newFeed(),
		shelf:      &shelf{records: c.Records, render: render.New(), perPage: c.PerPage},
		album:      newAlbum(c.Images, c.Limits),
		thumbnails: newThumbnails(c.Images, c.Limits),
		idle:       idleness{ask: c.Idle, sweep: c.Operation.Sweep, ledger: ledger},

		ledger: ledger,
	}
}

// Run follows the records until ctx ends, and then closes open files. If the store fails, Run watches it again.
func (s *Server) Run(ctx context.Context) error {
	defer s.album.close()
	return s.feed.follow(ctx, s.ledger.beside(newest(s.c.Newest, s.c.Watch)), s.c.Records)
}

// Handler returns the handler of the page.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/events", s.events)
	mux.HandleFunc("GET /api/operator", s.operator)
	mux.HandleFunc("GET /api/search", s.search)
	mux.HandleFunc("GET /api/documents/{id}", s.document)
	mux.HandleFunc("GET /api/documents/{id}/text", s.text)
	mux.HandleFunc("GET /api/documents/{id}/pages", s.allPages)
	mux.HandleFunc("GET /api/documents/{id}/pages/{page}", s.page)
	mux.HandleFunc("GET /api/documents/{id}/pages/{page}/image", quietly(s.image))
	mux.HandleFunc("GET /api/documents/{id}/thumbnail", s.thumbnail)
	mux.HandleFunc("GET /api/documents/{id}/download", s.download)
	mux.HandleFunc("POST /api/documents/{id}/retry", s.retry)
	mux.HandleFunc("POST /api/documents/{id}/delete", s.remove)
	mux.HandleFunc("POST /api/exports", s.orderExport)
	mux.HandleFunc("GET /api/exports/{key}", s.export)
	mux.HandleFunc("POST /api/files", s.upload)
	mux.Handle("GET /", assets())
	return s.guard(mux)
}

//go:embed assets
var embedded embed.FS

// assets serves the page's files. Browsers must revalidate them each time, since another version of bucketocr may use
// the address later.
func assets() http.Handler {
	files, err := fs.Sub(embedded, "assets")
	if err != nil {
		panic(err) // the folder is embedded
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		server.ServeHTTP(w, r)
	})
}
