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

// pagePort is where the live page is, unless something else listens there.
const pagePort = "7275"

// pagePorts is how many ports from there on are tried.
const pagePorts = 10

// pageLimits bound the page images that the live page makes for a person, whatever the function's own limits are.
var pageLimits = pageimage.Limits{MaxBytes: 512 << 20, MaxPixels: 120e6, MaxPages: 20_000}

// livePage is the page while it is served.
type livePage struct {
	url    string
	server *http.Server
	end    context.CancelFunc
	ended  chan struct{}
}

// listenPage takes the page's address: PORT or HOST:PORT, on this machine alone where no host is named; empty means
// pagePort, or the next one that is free.
func listenPage(at string) (net.Listener, error) {
	if at == "" {
		first, _ := strconv.Atoi(pagePort)
		for port := first; port < first+pagePorts; port++ { // the same one at each start, so that bookmarks work
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
		return nil, fmt.Errorf("the page cannot be at %s: %w", at, rootCause(err))
	}
	return l, nil
}

// servePage serves the page until ctx ends or it is closed.
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

// pageKey returns the key of this user's live pages. It is kept, so that a browser that was let in once stays so,
// whatever is looked at next; where it cannot be, the key is for this run alone.
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
		_ = os.Rename(temp, path) // whole: another process may read it
	}
	return key
}

// isPageKey reports whether a key is one of ours: of at least 128 bits, in letters and digits.
func isPageKey(s string) bool {
	return len(s) >= 26 &&
		!strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') })
}

// port is where it is served.
func (p *livePage) port() string {
	u, err := url.Parse(p.url)
	if err != nil {
		return ""
	}
	return u.Port()
}

// close ends the page at once: who looks at it sees that it is gone.
func (p *livePage) close() {
	p.end()
	_ = p.server.Close()
	<-p.ended
}

// folderUpload puts files into the folder of a local run, if the filter takes them: else nothing would become of them.
type folderUpload struct {
	bucket *folder.Bucket
	filter event.Filter
}

// notTaken says it of each reason of the filter.
var notTaken = map[string]string{
	event.ReasonFolder:      "It has no name.",
	event.ReasonJunk:        "Files of this name are skipped: operating systems leave them.",
	event.ReasonExcluded:    "EXCLUDE matches files of this name.",
	event.ReasonNotIncluded: "INCLUDE does not take files of this name.",
	event.ReasonNotImage:    "By its name this is neither an image nor a PDF.",
}

// Put is [ui.Uploader].
func (f folderUpload) Put(ctx context.Context, name string, content io.Reader, replace bool) error {
	ev := document.Event{Kind: document.KindFinalized, Object: document.Object{Bucket: f.bucket.Name(), Name: name}}
	ev.ContentType = folder.ContentType(name)
	if reason, skip := f.filter.Skip(ev); skip {
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

// pageRetry asks for another try on behalf of who looks at the page.
type pageRetry struct {
	records document.Store
	by      string
}

// Retry is [ui.Retrier].
func (p pageRetry) Retry(ctx context.Context, seen *document.Stored, redo func(document.Page) bool) error {
	_, err := document.Retry(ctx, p.records, seen, p.by, redo)
	return err
}

// pageDelete deletes documents for who looks at the page, as bucketocr delete does.
type pageDelete struct {
	records document.Store
	objects live
}

// Delete is [ui.Deleter].
func (p pageDelete) Delete(ctx context.Context, seen *document.Stored) error {
	err := erase(ctx, p.records, p.objects, seen, true)
	if errors.Is(err, errUnannounced) {
		return ui.Refusal("Its end is not announced yet: delete it in some minutes.")
	}
	return err
}

// pageExport exports documents for who looks at the page, as bucketocr export does.
type pageExport struct {
	records document.Store
	bucket  string // of a folder; empty over Google Cloud
}

// Export is [ui.Exporter].
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

// pageSearch returns the search in texts that records have: those of a folder. Nil where they have none.
func pageSearch(ctx context.Context, records any) func(context.Context, string, int) ([]ui.Hit, bool, error) {
	local, ok := records.(*sqlite.Store)
	if !ok {
		return nil
	}
	if indexed, err := local.Indexed(ctx); err != nil || !indexed { // bucketocr up makes the index of an older folder
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

// onPage names who looks at the page, as far as this machine knows.
func onPage(sys system) string {
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if who, ok := sys.lookup(name); ok && who != "" {
			return who + ", on the page"
		}
	}
	return "the page"
}

// noPage turns the live page of a local run off.
const noPage = "off"

// takePage takes the page's address early, so that a port that is taken ends the run before anything is started. With
// --once there is no time to look at it, so the page must be asked for.
func (u *upRun) takePage() (err error) {
	if u.pageAt == noPage || u.pageAt == "" && u.once {
		return nil
	}
	u.pageOn, err = listenPage(u.pageAt)
	return err
}

// startPage serves the live page over the folder and its records, where it is wanted.
func (u *upRun) startPage(ctx context.Context, cfg config.Config) {
	if u.pageOn == nil {
		return
	}
	limits := pageLimits
	limits.Decoder = u.decoder
	limits.MaxBytes, limits.MaxPixels, limits.MaxPages = cfg.MaxBytes, cfg.MaxPixels, cfg.MaxPages
	limits.First = cfg.OnMaxPages == config.ReadFirst
	u.page = servePage(context.WithoutCancel(ctx), u.pageOn, u.pageAt, ui.Config{
		Watch: ofBucket{u.records, u.bucket.Name()}.Watch, Records: u.records, Images: u.bucket,
		Upload: folderUpload{u.bucket, cfg.Filter}, Retry: pageRetry{u.records, onPage(u.sys)},
		Delete: pageDelete{u.records, u.bucket}, Export: pageExport{u.records, u.bucket.Name()},
		Search:    pageSearch(ctx, u.records),
		Operation: ui.Operation{Engine: u.engine, Compared: compared},
		Place:     fmt.Sprintf("folder %s", filepath.Base(u.dir)), MaxBytes: cfg.MaxBytes, Limits: limits, Log: u.log,
	})
}

// closePage ends the page, or releases its address.
func (u *upRun) closePage() {
	switch {
	case u.page != nil:
		u.page.close()
	case u.pageOn != nil:
		_ = u.pageOn.Close()
	}
}
