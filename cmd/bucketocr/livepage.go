package main

import (
	"archive/zip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/local/folder"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
	pageimage "github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/ui"
)

// pagePort is the live page's default port.
const pagePort = "7275"

// pagePorts is the number of ports tried, from pagePort upwards.
const pagePorts = 10

// pageLimits bounds the page images that the live page makes, whatever the function's own limits are.
var pageLimits = pageimage.Limits{MaxBytes: 512 << 20, MaxPixels: 120e6, MaxPages: 20_000}

// livePage is a live page being served.
type livePage struct {
	url    string
	server *http.Server
	end    context.CancelFunc
	ended  chan struct{}
}

// listenPage listens on the page's address: PORT, on the loopback interface, or HOST:PORT. If it is empty, listenPage
// picks pagePort or the next free port.
func listenPage(at string) (net.Listener, error) {
	if at == "" {
		first, _ := strconv.Atoi(pagePort)
		for port := first; port < first+pagePorts; port++ { // a fixed order, so that bookmarks keep working
			if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
				return l, nil
			}
		}
		at = "127.0.0.1:0"
	}
	if _, err := strconv.Atoi(at); err == nil {
		at = "127.0.0.1:" + at
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		return nil, fmt.Errorf("cannot serve the page at %s: %w", at, rootCause(err))
	}
	return l, nil
}

// servePage starts serving the page, until ctx ends or it is closed.
func servePage(ctx context.Context, l net.Listener, at string, c ui.Config) *livePage {
	if host, _, err := net.SplitHostPort(at); err == nil && host != "" {
		c.Hosts = []string{strings.ToLower(host)}
	}
	c.Key = pageKey()
	ctx, end := context.WithCancel(ctx)
	pages := ui.New(c)
	p := &livePage{url: "http://" + l.Addr().String() + "/?" + ui.KeyParameter + "=" + c.Key, end: end,
		ended: make(chan struct{}), server: &http.Server{
			Handler: pages.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
			BaseContext: func(net.Listener) context.Context { return ctx },
			ErrorLog:    slog.NewLogLogger(c.Log.Handler(), slog.LevelError),
		}}
	go p.server.Serve(l)
	go func() {
		defer close(p.ended)
		_ = pages.Run(ctx) // ends with ctx
	}()
	return p
}

// pageKey returns the key of this user's live pages. It is stored, so that a browser admitted once can open every later
// page; if it cannot be stored, the key is valid for this run only.
func pageKey() string {
	key := rand.Text()
	cache, err := os.UserCacheDir()
	if err != nil {
		return key
	}
	path := filepath.Join(cache, "bucketocr", "page-key")
	if kept, err := os.ReadFile(path); err == nil && isPageKey(string(kept)) {
		return string(kept)
	}
	temp := path + "-" + rand.Text()
	defer os.Remove(temp)
	err = os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(temp, []byte(key), 0o600)
	}
	if err == nil {
		_ = os.Rename(temp, path) // atomically: another process may read it
	}
	return key
}

// isPageKey reports whether s has the form of a key: at least 128 bits, in letters and digits.
func isPageKey(s string) bool {
	return len(s) >= 26 &&
		!strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') })
}

// port returns the port of the page.
func (p *livePage) port() string {
	u, err := url.Parse(p.url)
	if err != nil {
		return ""
	}
	return u.Port()
}

// close stops the page at once; open browsers show that it is gone.
func (p *livePage) close() {
	p.end()
	_ = p.server.Close()
	<-p.ended
}

// folderUpload stores uploaded files in the folder of a local run. It refuses files that the filter would ignore.
type folderUpload struct {
	bucket *folder.Bucket
	filter event.Filter
}

// notTaken maps the filter's reasons to messages.
var notTaken = map[string]string{
	event.ReasonFolder:      "The file has no name.",
	event.ReasonJunk:        "Files with this name are left by operating systems and are skipped.",
	event.ReasonExcluded:    "EXCLUDE matches this name.",
	event.ReasonNotIncluded: "INCLUDE does not match this name.",
	event.ReasonNotImage:    "By its name, this is neither an image nor a PDF.",
}

// skips reports whether a filter ignores an object of a folder, and why.
func skips(f event.Filter, o document.Object) (reason string, skip bool) {
	ev := document.Event{Kind: document.KindFinalized, Object: o}
	ev.ContentType = folder.ContentType(o.Name)
	return f.Skip(ev)
}

// Put implements [ui.Uploader].
func (f folderUpload) Put(ctx context.Context, name string, content io.Reader, replace bool) error {
	if reason, skip := skips(f.filter, document.Object{Bucket: f.bucket.Name(), Name: name}); skip {
		return ui.NotTaken(notTaken[reason])
	}
	err := f.bucket.Put(ctx, name, content, replace)
	switch {
	case errors.Is(err, folder.ErrExists):
		return ui.ErrExists
	case errors.Is(err, folder.ErrBadName):
		return ui.NotTaken("A file in this folder cannot have this name.")
	}
	return err
}

// pageRetry requests retries on behalf of the page's user.
type pageRetry struct {
	records document.Store
	by      string
}

// Retry implements [ui.Retrier].
func (p pageRetry) Retry(ctx context.Context, seen *document.Stored, redo func(document.Page) bool) error {
	_, err := document.Retry(ctx, p.records, seen, p.by, redo)
	return err
}

// pageDelete deletes documents for the page's user, as bucketocr delete does.
type pageDelete struct {
	records document.Store
	objects live
}

// Delete implements [ui.Deleter].
func (p pageDelete) Delete(ctx context.Context, seen *document.Stored) error {
	err := erase(ctx, p.records, p.objects, seen, true)
	if errors.Is(err, errUnannounced) {
		return ui.Refusal("Its result has not been announced yet: delete it in a few minutes.")
	}
	return err
}

// pageExport exports documents for the page's user, as bucketocr export does.
type pageExport struct {
	records document.Store
	bucket  string // of a folder; empty for Google Cloud
}

// Export implements [ui.Exporter].
func (p pageExport) Export(ctx context.Context, w io.Writer, ids []string) error {
	z := zip.NewWriter(w)
	for _, id := range ids {
		r, text, err := exportedText(ctx, p.records, id)
		if err != nil {
			return err
		}
		if r == nil {
			continue
		}
		if err := addZipped(z, exportEntry(p.bucket, r), r, text); err != nil {
			return err
		}
	}
	return z.Close()
}

// pageSearch returns the full-text search of a folder's records, or nil if records have none.
func pageSearch(ctx context.Context, records any) func(context.Context, string, int) ([]ui.Hit, bool, error) {
	local, ok := records.(*sqlite.Store)
	if !ok {
		return nil
	}
	if indexed, err := local.Indexed(ctx); err != nil || !indexed { // bucketocr up indexes an older folder
		return nil
	}
	return func(ctx context.Context, query string, limit int) ([]ui.Hit, bool, error) {
		found, more, err := local.Search(ctx, query, limit)
		hits := make([]ui.Hit, len(found))
		for i, f := range found {
			hits[i] = ui.Hit(f)
		}
		return hits, more, err
	}
}

// onPage returns a name for the page's user.
func onPage(sys system) string {
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if who, ok := sys.lookup(name); ok && who != "" {
			return who + ", on the page"
		}
	}
	return "the page"
}

// noPage is the value of --page that turns the live page off.
const noPage = "off"

// takePage listens on the page's address early, so that a port in use ends the run before anything is started. With
// --once there is no time to look at the page, so it is served only on request.
func (u *upRun) takePage() (err error) {
	if u.pageAt == noPage || u.pageAt == "" && u.once {
		return nil
	}
	u.pageOn, err = listenPage(u.pageAt)
	return err
}

// startPage starts serving the live page of the folder, unless it is turned off.
func (u *upRun) startPage(ctx context.Context, cfg config.Config) {
	if u.pageOn == nil {
		return
	}
	limits := pageLimits
	limits.Decoder = u.decoder
	limits.MaxBytes, limits.MaxPixels, limits.MaxPages = cfg.MaxBytes, cfg.MaxPixels, cfg.MaxPages
	limits.First = cfg.OnMaxPages == config.ReadFirst
	u.page = servePage(context.WithoutCancel(ctx), u.pageOn, u.pageAt, ui.Config{
		Watch: u.records.Watch, Records: u.records, Images: u.bucket,
		Upload: folderUpload{u.bucket, cfg.Filter}, Retry: pageRetry{u.records, onPage(u.sys)},
		Delete: pageDelete{u.records, u.bucket}, Export: pageExport{u.records, u.bucket.Name()},
		Search:    pageSearch(ctx, u.records),
		Operation: ui.Operation{Engine: u.engine, Compared: compared},
		Place:     fmt.Sprintf("folder %s", filepath.Base(u.dir)), MaxBytes: cfg.MaxBytes, Limits: limits, Log: u.log,
	})
}

// closePage stops the page, or releases its address if it was not started.
func (u *upRun) closePage() {
	switch {
	case u.page != nil:
		u.page.close()
	case u.pageOn != nil:
		_ = u.pageOn.Close()
	}
}
