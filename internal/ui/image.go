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

// pictureTime limits the time to make one picture, including reading the object, and to open a file, which continues
// after the client has gone.
const pictureTime = 2 * time.Minute

// image serves the picture of a page: always one made here, PNG or JPEG, whatever the object is, and rotated as it was
// for reading.
func (s *Server) image(w http.ResponseWriter, r *http.Request) {
	o, err := s.objectOf(r.Context(), r.PathValue("id"))
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	n, err := strconv.Atoi(r.PathValue("page"))
	turned, possible := map[string]int{"": 0, "90": 90, "180": 180, "270": 270}[r.URL.Query().Get("turned")]
	if err != nil || n < 1 || !possible {
		trouble(s.c.Log, w, r, errNoPage)
		return
	}
	// The address includes the generation, so that browsers may cache the response.
	if asked := r.URL.Query().Get("generation"); asked != strconv.FormatInt(o.Generation, 10) {
		refuse(w, http.StatusNotFound, "The file no longer exists in this version.")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pictureTime)
	defer cancel()
	p, err := s.album.make(ctx, o, n, turned)
	if err != nil {
		trouble(s.c.Log, w, r, err)
		return
	}
	w.Header().Set("Content-Type", p.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(p.bytes)))
	w.Header().Set("Cache-Control", "private, max-age=3600, immutable")
	_, _ = w.Write(p.bytes) // an error means that the client has gone
}

const (
	pictureEdge = 2000            // longest side of a picture, in pixels
	albumPlaces = 2               // limit of open files, and of pictures made concurrently
	albumIdle   = 1 * time.Minute // idle time before an open file is closed
)

// picture is a page's image, upright, as PNG or JPEG.
type picture struct {
	contentType string
	bytes       []byte
}

// album makes pictures of objects, page by page. Files stay open for a while after their last use, because opening a
// PDF reads all of it.
type album struct {
	images Images
	limits page.Limits
	turns  chan struct{}

	mu   sync.Mutex
	open []*volume // last used first
}

// volume is an open file. The album manages users and idle.
type volume struct {
	object document.Object
	ctx    context.Context // for reading the file
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

// make returns the picture of page n, rotated by turned degrees.
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
	defer time.AfterFunc(pictureTime, v.end).Stop() // reading does not end with ctx
	p, err := v.picture(ctx, n, turned)
	return p, v.explain(err)
}

// picture returns the picture of page n of an open file.
func (v *volume) picture(ctx context.Context, n, turned int) (picture, error) {
	makePage := v.pages.Decoded // never the file's own bytes, which may hold more than the picture
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

// explain replaces an error caused by the end of v's context: while the file is in use, only a timeout ends it.
func (v *volume) explain(err error) error {
	if err != nil && v.ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

// acquire returns the volume of an object, opening it if necessary. Opening continues if the request ends, but within
// the same time limit.
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

// leave returns a volume to the album. A volume that failed is closed at once, as is an unused one if too many are
// open.
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

// drop closes a volume unless it is in use.
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
		_ = v.pages.Close() // cannot lose data: it was only read
	}
}

// close closes all unused volumes.
func (a *album) close() {
	a.mu.Lock()
	open := append([]*volume(nil), a.open...)
	a.mu.Unlock()
	for _, v := range open {
		a.drop(v)
	}
}
