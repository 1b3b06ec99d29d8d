package ui

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page"
)

// pictureTime bounds the making of one picture, the reading of the object included, and the opening of a file, which
// goes on when whoever asked for it has gone.
const pictureTime = 2 * time.Minute

// image answers with the picture of a page: always one that was made here, PNG or JPEG, whatever the object is, and
// turned as it was to be read.
func (s *Server) image(w http.ResponseWriter, r *http.Request) {
	o, ok := s.feed.objectOf(r.PathValue("id"))
	n, err := strconv.Atoi(r.PathValue("page"))
	turned, possible := map[string]int{"": 0, "90": 90, "180": 180, "270": 270}[r.URL.Query().Get("turned")]
	switch {
	case !ok:
		trouble(s.c.Log, w, r, errNoRecord)
		return
	case err != nil || n < 1 || !possible:
		trouble(s.c.Log, w, r, errNoPage)
		return
	}
	// The address names the generation, so that a browser may keep what it got.
	if asked := r.URL.Query().Get("generation"); asked != strconv.FormatInt(o.Generation, 10) {
		refuse(w, http.StatusNotFound, "The file is no longer there in this version.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pictureTime)
	defer cancel()
	p, err := s.album.make(ctx, o, n, turned)
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	if p.contentType != "image/png" && p.contentType != "image/jpeg" {
		refuse(w, http.StatusUnprocessableEntity, "This file cannot be shown here as an image.")
		return
	}
	w.Header().Set("Content-Type", p.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(p.bytes)))
	w.Header().Set("Cache-Control", "private, max-age=3600, immutable")
	_, _ = w.Write(p.bytes) // whoever asked has gone
}

const (
	pictureEdge = 2000            // longest side in pixels of the pictures that are shown
	albumPlaces = 2               // files that are open at a time, and pictures that are made at a time
	albumIdle   = 1 * time.Minute // until an open file is closed
)

// picture is a page's image, upright, as PNG or JPEG.
type picture struct {
	contentType string
	bytes       []byte
}

// album makes pictures of objects, page by page. The file that was opened last stays open for a while: to open a PDF
// means to read it whole.
type album struct {
	images Images
	limits page.Limits
	turns  chan struct{}

	mu   sync.Mutex
	open []*volume // the last used one first
}

// volume is an open file. Users and idle are the album's.
type volume struct {
	object document.Object
	ctx    context.Context // of its reading
	end    context.CancelFunc
	opened chan struct{} // closed when pages or err is set
	pages  *page.Pages
	err    error
	users  int
	idle   *time.Timer
}

func newAlbum(images Images, limits page.Limits) *album {
	return &album{images: images, limits: limits, turns: make(chan struct{}, albumPlaces)}
}

// make returns the picture of page n, turned by so many degrees.
func (a *album) make(ctx context.Context, o document.Object, n, turned int) (picture, error) {
	select {
	case a.turns <- struct{}{}:
	case <-ctx.Done():
		return picture{}, ctx.Err()
	}
	defer func() { <-a.turns }()
	v := a.acquire(ctx, o)
	defer a.leave(v)
	select {
	case <-v.opened:
	case <-ctx.Done():
		return picture{}, ctx.Err()
	}
	if v.err != nil {
		return picture{}, v.err
	}
	if n > v.pages.Len() {
		return picture{}, errNoPage
	}
	defer time.AfterFunc(pictureTime, v.end).Stop() // its reading does not end with ctx
	p, err := v.picture(ctx, n, turned)
	return p, v.explain(err)
}

// picture makes the picture of page n of an open file.
func (v *volume) picture(ctx context.Context, n, turned int) (picture, error) {
	makePage := v.pages.Page
	if turned != 0 {
		makePage = func(ctx context.Context, n int) (*page.Page, time.Duration, error) {
			return v.pages.Turned(ctx, n, turned)
		}
	}
	pg, _, err := makePage(ctx, n)
	if err != nil {
		return picture{}, err
	}
	r, err := pg.Open()
	if err != nil {
		return picture{}, err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return picture{pg.Type, b}, err
}

// explain says of an error that comes of the end of the reading what it is: only a lack of time ends that of a file in
// use.
func (v *volume) explain(err error) error {
	if err != nil && v.ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

// acquire finds the volume or opens it. It outlives the request that opened it, but it has no more time to be opened.
func (a *album) acquire(ctx context.Context, o document.Object) *volume {
	a.mu.Lock()
	for _, v := range a.open {
		if v.object == o {
			v.users++
			v.idle.Stop()
			a.mu.Unlock()
			return v
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	v := &volume{object: o, ctx: ctx, end: cancel, opened: make(chan struct{}), users: 1}
	v.idle = time.AfterFunc(albumIdle, func() { a.drop(v) })
	v.idle.Stop()
	a.open = append(a.open, v)
	a.mu.Unlock()
	limit := time.AfterFunc(pictureTime, cancel)
	v.pages, v.err = page.Split(ctx, sourceOf(a.images, o), a.limits)
	limit.Stop()
	v.err = v.explain(v.err)
	close(v.opened)
	return v
}

func sourceOf(images Images, o document.Object) page.Source {
	return page.Source{Open: func(ctx context.Context) (io.ReadCloser, int64, error) {
		c, err := images.Open(ctx, o)
		return c.ReadCloser, c.Size, err
	}}
}

// leave returns the volume to the album. One that failed is closed at once, and so is another one that is not in use
// where there are too many.
func (a *album) leave(v *volume) {
	a.mu.Lock()
	v.users--
	failed := v.users == 0 && (v.err != nil || v.ctx.Err() != nil)
	if v.users == 0 && !failed {
		v.idle.Reset(albumIdle)
	}
	var spare *volume
	if len(a.open) > albumPlaces {
		for _, other := range a.open {
			if other.users == 0 && other != v {
				spare = other
				break
			}
		}
	}
	a.mu.Unlock()
	if failed {
		a.drop(v)
	}
	if spare != nil {
		a.drop(spare)
	}
}

// drop closes a volume, if it is not in use.
func (a *album) drop(v *volume) {
	a.mu.Lock()
	found := false
	for i, other := range a.open {
		if other == v && v.users == 0 {
			a.open = append(a.open[:i:i], a.open[i+1:]...)
			found = true
			break
		}
	}
	a.mu.Unlock()
	if !found {
		return
	}
	v.idle.Stop()
	v.end()
	if v.pages != nil {
		_ = v.pages.Close() // it was only read
	}
}

// close closes all volumes that are not in use.
func (a *album) close() {
	a.mu.Lock()
	open := append([]*volume(nil), a.open...)
	a.mu.Unlock()
	for _, v := range open {
		a.drop(v)
	}
}
