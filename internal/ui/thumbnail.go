package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

const (
	thumbnailEdge   = 128              // longest side in pixels: twice what a row shows, for fine screens
	thumbnailBytes  = 32 << 20         // of an object from which one is made: the list is not to fetch a bucket
	thumbnailPixels = 60e6             // of a page from which one is made
	thumbnailTime   = 20 * time.Second // for one, the reading of the object included
	thumbnailSize   = 256 << 10        // of one that is sent, in bytes
	thumbnailSpace  = 8 << 20          // of all that are kept, in bytes
	thumbnailCost   = 512              // of one that is kept, besides its bytes: one that could not be made is kept too
)

// thumbnail answers with a small picture of an object's first page. Where there is none to be had, because of what the
// file is, it answers with nothing, and the row keeps its icon: that the file is broken is said elsewhere.
func (s *Server) thumbnail(w http.ResponseWriter, r *http.Request) {
	o, ok := s.feed.objectOf(r.PathValue("id"))
	if !ok {
		trouble(s.c.Log, w, r, errNoRecord)
		return
	}
	// The address names the generation, so that a browser may keep what it got.
	if asked := r.URL.Query().Get("generation"); asked != strconv.FormatInt(o.Generation, 10) {
		noThumbnail(w, "no-store")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), thumbnailTime)
	defer cancel()
	p, err := s.thumbnails.make(ctx, o)
	switch {
	case err != nil && r.Context().Err() == nil:
		noThumbnail(w, "no-store") // another time it may be had
	case err != nil: // the client has gone
	case len(p.bytes) == 0:
		noThumbnail(w, "private, max-age=3600")
	default:
		w.Header().Set("Content-Type", p.contentType)
		w.Header().Set("Content-Length", strconv.Itoa(len(p.bytes)))
		w.Header().Set("Cache-Control", "private, max-age=86400, immutable")
		_, _ = w.Write(p.bytes)
	}
}

// noThumbnail answers that there is none: to a browser that is not an error.
func noThumbnail(w http.ResponseWriter, cache string) {
	w.Header().Set("Cache-Control", cache)
	w.WriteHeader(http.StatusNoContent)
}

// thumbnails makes small pictures, one at a time, and keeps the last ones.
type thumbnails struct {
	images Images
	limits page.Limits
	turn   chan struct{}
	room   int // for all that are kept, in bytes

	mu    sync.Mutex
	kept  map[document.Object]picture // without bytes: there is none
	order []document.Object           // the oldest one first
	space int                         // that kept takes
}

func newThumbnails(images Images, limits page.Limits) *thumbnails {
	limits.Edge = thumbnailEdge
	limits.MaxBytes = min(limits.MaxBytes, thumbnailBytes)
	limits.MaxPixels = min(limits.MaxPixels, thumbnailPixels)
	limits.First, limits.MaxPages = true, 1
	return &thumbnails{images: images, limits: limits, turn: make(chan struct{}, 1), room: thumbnailSpace,
		kept: map[document.Object]picture{}}
}

// make returns the picture of an object's first page, without bytes where the file has none. An error is of the bucket
// or of the time.
func (t *thumbnails) make(ctx context.Context, o document.Object) (picture, error) {
	if p, ok := t.find(o); ok {
		return p, nil
	}
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return picture{}, ctx.Err()
	}
	defer func() { <-t.turn }()
	if p, ok := t.find(o); ok { // made while we waited
		return p, nil
	}
	p, err := t.draw(ctx, o)
	if e, ok := errors.AsType[*page.Error](err); ok && e.Kind != page.TooSlow && ctx.Err() == nil {
		p, err = picture{}, nil
	}
	if err != nil {
		return picture{}, err
	}
	t.keep(o, p)
	return p, nil
}

func (t *thumbnails) draw(ctx context.Context, o document.Object) (picture, error) {
	pages, err := page.Split(ctx, sourceOf(t.images, o), t.limits)
	if err != nil {
		return picture{}, err
	}
	defer pages.Close()
	first, _, err := pages.Page(ctx, 1)
	if err != nil {
		return picture{}, err
	}
	r, err := first.Open()
	if err != nil {
		return picture{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, thumbnailSize+1))
	if err != nil {
		return picture{}, fmt.Errorf("thumbnail: %w", err)
	}
	if len(b) > thumbnailSize || first.Type != "image/png" && first.Type != "image/jpeg" {
		return picture{}, nil // a tiny picture with much beside it, passed through
	}
	return picture{first.Type, b}, nil
}

func (t *thumbnails) find(o document.Object) (picture, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.kept[o]
	return p, ok
}

// keep keeps a picture, and drops the oldest ones where there is no more room.
func (t *thumbnails) keep(o document.Object, p picture) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept[o] = p
	t.order = append(t.order, o)
	t.space += len(p.bytes) + thumbnailCost
	for t.space > t.room {
		oldest := t.order[0]
		t.order = t.order[1:]
		t.space -= len(t.kept[oldest].bytes) + thumbnailCost
		delete(t.kept, oldest)
	}
}
