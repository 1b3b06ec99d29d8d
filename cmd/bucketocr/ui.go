package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	pageimage "github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/ui"
)

const uiHelp = `Serves the live page: the documents as they change, each with its page images beside its text, and
failed ones with the reason and a button to retry them. Several can be selected and retried,
exported or deleted together. The page acts with your own permissions. Ctrl-C stops it.

By default only this machine can reach it, at http://127.0.0.1:` + pagePort + ` or the next free port. The
printed address contains a key, which your browser remembers: after that, a bookmark will do. Anyone
who has the key and can reach the address can read, retry and delete documents, and the traffic is
not encrypted: use --listen with another host only if you want that.

With Firestore, the page listens to the whole collection: each start reads every document once, with
its text, and each change costs one read, or two for an open document. Opening a document of several
pages reads each of its page documents. If it stays open while its pages are being read, that is
repeated, at about ten page documents a second at most, and once when it is finished. That is fine
for some thousands of documents; for more, --newest N listens to the N most recent ones. Thumbnails
of the visible rows are made from their objects (up to 32 MiB), which are read once for as long as
the browser caches the image. Search covers names only with Firestore, and texts as well with a
folder.
` + placeText + `
Example: GOOGLE_CLOUD_PROJECT=my-project bucketocr ui --newest 2000
`

func uiFlags(fs *pflag.FlagSet) action {
	dir := placeFlag(fs)
	listen := fs.String("listen", "", "address of the page: `PORT` or HOST:PORT")
	newest := fs.Int("newest", 0, "show only the `N` documents created last; 0: all (Firestore only)")
	return func(ctx context.Context, sys system, args []string) int {
		switch {
		case len(args) > 0:
			return complain(sys, "ui", fmt.Errorf("unknown argument %q", args[0]))
		case *newest < 0:
			return complain(sys, "ui", fmt.Errorf("--newest %d: must be 0 or more", *newest))
		}
		p, code := openPlace(sys, "ui", *dir)
		if code != exitGood {
			return code
		}
		defer p.close()
		return serveUI(ctx, sys, p, *listen, *newest)
	}
}

// uiPerPage limits the reads of page documents that a document which is being read costs while it is open.
const uiPerPage = 100 * time.Millisecond

// serveUI serves the live page of a place until it is stopped.
func serveUI(ctx context.Context, sys system, p *place, listen string, newest int) int {
	limits := pageLimits
	limits.Decoder = pageimage.NewDecoder()
	log := slog.New(slog.NewTextHandler(sys.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	app.KeepEngines(limits.Decoder, sys.engines, log)
	c := ui.Config{
		Watch: p.records.Watch, Records: p.records, Images: p.objects,
		Retry: pageRetry{p.records, onPage(sys)}, Delete: pageDelete{p.records, p.objects},
		Export: pageExport{p.records, p.bucket}, Search: pageSearch(ctx, p.records),
		Idle: p.idle, Operation: p.operation(), Place: p.where, Limits: limits,
		Log: log,
	}
	if cloud, ok := p.records.(*firestore.Store); ok {
		c.PerPage = uiPerPage
		c.Newest = newest
		c.Watch = func(ctx context.Context, fn func(string, *document.Record) error) error {
			return cloud.WatchNewest(ctx, newest, fn)
		}
	}
	l, err := listenPage(listen)
	if err != nil {
		return complain(sys, "ui", err)
	}
	page := servePage(context.WithoutCancel(ctx), l, listen, c)
	defer page.close()
	fmt.Fprintf(sys.stdout, "%s at %s\n", p.where, page.url)
	<-ctx.Done()
	return stoppedCode(ctx)
}
