package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/document"
)

const watchHelp = `Shows what happens, a line for each change of a document, until Ctrl-C.

Over Firestore it begins with one read for each document that there is, and costs one for each change.
` + placeText + `
Example: bucketocr watch --status done,failed
`

func watchFlags(fs *pflag.FlagSet) action {
	w := &watchCmd{dir: placeFlag(fs)}
	fs.StringVar(&w.statuses, "status", "", "only documents in one of these `STATUSES`, separated by commas")
	fs.StringVar(&w.prefix, "prefix", "", "only objects whose name begins with `NAME`, or gs://BUCKET/NAME")
	fs.BoolVar(&w.all, "all", false, "begin with the documents that are there already")
	fs.BoolVar(&w.json, "json", false, "each as a line of JSON, under the names of the document's fields")
	return w.run
}

// clocks is how far ours may be ahead of the store's, whose times the documents hold. What changed within it before the
// start is shown as well.
const clocks = 5 * time.Second

// watchCmd is one call of watch.
type watchCmd struct {
	dir              *string
	statuses, prefix string
	all, json        bool
	begun            time.Time
}

func (w *watchCmd) run(ctx context.Context, sys system, args []string) int {
	if len(args) > 0 {
		return complain(sys, "watch", fmt.Errorf("unknown argument %q", args[0]))
	}
	wanted, err := statusList(w.statuses)
	if err != nil {
		return complain(sys, "watch", err)
	}
	p, code := openPlace(sys, "watch", *w.dir)
	if p == nil {
		return code
	}
	defer p.close()
	w.begun = time.Now()
	fmt.Fprintf(sys.stderr, "watching %s (Ctrl-C ends it)\n", p.where)
	err = p.records.Watch(ctx, func(_ string, r *document.Record) error {
		if !w.news(r) || len(wanted) > 0 && !slices.Contains(wanted, r.Status) || !hasPrefix(r, w.prefix) {
			return nil
		}
		return w.print(sys, p, r)
	})
	if err != nil {
		return fail(ctx, sys, "watch", err)
	}
	return stoppedCode(ctx)
}

// news reports whether a record changed since the start, or all are wanted.
func (w *watchCmd) news(r *document.Record) bool {
	return w.all || r.Updated.After(w.begun.Add(-clocks))
}

func (w *watchCmd) print(sys system, p *place, r *document.Record) error {
	if w.json {
		return printJSON(jsonTo(sys.stdout), r, nil)
	}
	_, err := fmt.Fprintf(sys.stdout, "%s  %-11s %s%s\n", r.Updated.Local().Format(time.TimeOnly), plain(r.Status),
		p.name(r), detail(r))
	return err
}

// statusList reads statuses separated by commas.
func statusList(s string) ([]document.Status, error) {
	var all []document.Status
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.Contains(document.Statuses(), document.Status(name)) {
			return nil, errors.New("no status is called " + plain(name) +
				": processing, retrying, done, failed, deleted")
		}
		all = append(all, document.Status(name))
	}
	return all, nil
}

// hasPrefix reports whether an object's name begins as wanted: NAME in any bucket, or gs://BUCKET/NAME.
func hasPrefix(r *document.Record, prefix string) bool {
	if bucket, name, ok := gsName(prefix); ok {
		return r.Bucket == bucket && strings.HasPrefix(r.Name, name)
	}
	return strings.HasPrefix(r.Name, prefix)
}
