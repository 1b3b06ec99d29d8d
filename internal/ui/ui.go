// Package ui is the live page: one page, embedded, that shows the records of a store as they change.
//
// [Server] follows the store by its watch, keeps a summary of each record (of its text only the first line) and sends
// what changes to every open page as server-sent events. Texts, page images, uploads and retries go through the same
// server, so that one guard protects all of them. It knows neither Firestore nor the local folder: [Config] holds
// interfaces.
//
// Files, in reading order:
//
//	ui.go        the server and its routes
//	guard.go     who may ask for what
//	events.go    the stream of changes to an open page
//	document.go  one document and the texts of its pages
//	export.go    the texts of several documents as one file
//	download.go  documents and objects as files
//	operator.go  what an operator wants to know: pace, queue, failures
//	search.go    which texts have what is searched for
//	idle.go      whether anything reads what waits
//	ledger.go    what that is counted from
//	shelf.go     documents that were opened last
//	thumbnail.go small pictures of first pages, for the list
//	image.go     page images, made from the objects
//	quiet.go     what is not an image, without an error
//	change.go    retries, deletions and uploads
//	feed.go      the newest summary of every record
//	summary.go   what a list shows of a record
//	answer.go    answers, and the sentences for errors
//	config.go    what the server is made of
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

// Server is the live page. Make it with [New], call [Server.Run], serve its Handler. Safe for concurrent use.
type Server struct {
	c          Config
	boot       string // tells this server from one before it at the same address
	token      string // proves that a request comes from our own page
	feed       *feed
	shelf      *shelf
	album      *album
	thumbnails *thumbnails
	idle       idleness
	orders     orders

	ledger *ledger
	passes passes
}

// New makes the page's server. It does nothing until Run.
func New(c Config) *Server {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Limits.Edge = pictureEdge
	ledger := newLedger()
	return &Server{
		c: c, boot: rand.Text()[:8], token: rand.Text(),
		feed:       newFeed(),
		shelf:      &shelf{records: c.Records, render: render.New()},
		album:      newAlbum(c.Images, c.Limits),
		thumbnails: newThumbnails(c.Images, c.Limits),
		idle:       idleness{ask: c.Idle, sweep: c.Operation.Sweep, ledger: ledger},

		ledger: ledger,
	}
}

// Run follows the records until ctx ends; the files that are open are closed then. A store that fails is asked again.
func (s *Server) Run(ctx context.Context) error {
	defer s.album.close()
	return s.feed.follow(ctx, s.ledger.beside(s.c.Watch), s.c.Records)
}

// Handler serves the page.
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

// assets serves the page's own files. They are asked for again each time: another bucketocr may be at the address
// tomorrow.
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
