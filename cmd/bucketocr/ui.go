package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	pageimage "github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/ui"
)

const uiHelp = `Serves the live page: the documents as they change, each with its page images beside its text, failed ones with their
reason and a button to try them again. Several can be selected and tried again, exported or deleted together. What it shows and does, it does with your own rights. Ctrl-C ends it.

The page is for this machine alone, http://127.0.0.1:` + pagePort + ` unless that port is taken. The key in the address that is printed
lets your browser in, which remembers it: from then on a bookmark does. Whoever has the key and can reach the address can read the
documents, have failed ones tried again and delete documents, and others on the way can listen: name another host with --listen only where that is
wanted.

Over Firestore it listens to the whole collection: each start reads every document once, its text too, and then each
change once; to open a document of several pages reads each of its page documents. Some thousands are fine; beyond that,
--newest N listens to the N documents that were created last. For the small pictures of the rows in sight it reads their
objects, those of up to 32 MiB, once each as long as the browser keeps the picture. Names alone are searched: Firestore has
no search in texts, a folder has.
` + placeText + `
Example: GOOGLE_CLOUD_PROJECT=my-project bucketocr ui --newest 2000
`

func uiFlags(fs *pflag.FlagSet) action {
	dir := placeFlag(fs)
	listen := fs.String("listen", "", "where the page is: `PORT` or HOST:PORT")
	newest := fs.Int("newest", 0, "show only the `N` documents created last; 0: all (Firestore only)")
	return func(ctx context.Context, sys system, args []string) int {
		switch {
		case len(args) > 0:
			return complain(sys, "ui", fmt.Errorf("unknown argument %q", args[0]))
		case *newest < 0:
			return complain(sys, "ui", fmt.Errorf("--newest %d: it takes 0 or more", *newest))
		}
		p, code := openPlace(sys, "ui", *dir)
		if code != exitGood {
			return code
		}
		defer p.close()
		return serveUI(ctx, sys, p, *listen, *newest)
	}
}

// serveUI shows a place until it is told to stop.
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
	if cloud, ok := p.records.(*firestore.Store); ok && newest > 0 {
		c.Partial = fmt.Sprintf("the newest %d", newest)
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
