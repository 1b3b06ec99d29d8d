package ui

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

const (
	thumbnailEdge   = 128              // longest side in pixels: twice the size in a row, for high-resolution screens
	thumbnailBytes  = 32 << 20         // largest object to make one from: the list must not fetch a whole bucket
	thumbnailPixels = 60e6             // largest page to make one from
	thumbnailTime   = 20 * time.Second // to make one, including reading the object
	thumbnailSpace  = 8 << 20          // of all cached ones, in bytes
	thumbnailCost   = 512              // of a cached one in addition to its bytes: failures are cached too
)

// thumbnail serves a small picture of an object's first page. If the file does not allow one, the response is empty and
// the row keeps its icon: errors of the file are shown elsewhere.
func (s *Server) thumbnail(w http.ResponseWriter, r *http.Request) {
	o, err := s.objectOf(r.Context(), r.PathValue("id"))
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	// The address includes the generation, so that browsers may cache the response.
	if asked := r.URL.Query().Get("generation"); asked != strconv.FormatInt(o.Generation, 10) {
		noThumbnail(w, "no-store")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), thumbnailTime)
	defer cancel()
	p, err := s.thumbnails.make(ctx, o)
	switch {
	case err != nil && r.Context().Err() == nil:
		noThumbnail(w, "no-store") // a later request may succeed
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

// noThumbnail sends an empty response, which browsers do not report as an error.
func noThumbnail(w http.ResponseWriter, cache string) {
	w.Header().Set("Cache-Control", cache)
	w.WriteHeader(http.StatusNoContent)
}

// thumbnails makes small pictures, one at a time, and caches the latest ones.
type thumbnails struct {
	images Images
	limits page.Limits
	turn   chan struct{}
	room   int // limit of the cache, in bytes

	mu    sync.Mutex
	kept  map[document.Object]picture // without bytes if the file has none
	order []document.Object           // oldest first
	space int                         // size of kept
}

func newThumbnails(images Images, limits page.Limits) *thumbnails {
	limits.Edge = thumbnailEdge
	limits.MaxBytes = min(limits.MaxBytes, thumbnailBytes)
	limits.MaxPixels = min(limits.MaxPixels, thumbnailPixels)
	limits.First, limits.MaxPages = true, 1
	return &thumbnails{images: images, limits: limits, turn: make(chan struct{}, 1), room: thumbnailSpace,
		kept: map[document.Object]picture{}}
}

// make returns the picture of an object's first page, without bytes if the file has none. Errors come from the bucket
// or from ctx.
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
	if p, ok := t.find(o); ok { // made in the meantime
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
	first, _, err := pages.Decoded(ctx, 1)
	if err != nil {
		return picture{}, err
	}
	r, err := first.Open()
	if err != nil {
		return picture{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return picture{first.Type, b}, err
}

func (t *thumbnails) find(o document.Object) (picture, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p, ok := t.kept[o]
	return p, ok
}

// keep caches a picture, dropping the oldest ones if there is no room.
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
