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

const watchHelp = `Shows documents as they change, one line per change, until Ctrl-C.

With Firestore, costs one read for each existing document at the start, and one per change.
` + placeText + `
Example: bucketocr watch --status done,failed
`

func watchFlags(fs *pflag.FlagSet) action {
	w := &watchCmd{dir: placeFlag(fs)}
	fs.StringVar(&w.statuses, "status", "", "only documents in one of these `STATUSES`, separated by commas")
	fs.StringVar(&w.prefix, "prefix", "", "only objects whose name begins with `NAME`, or gs://BUCKET/NAME")
	fs.BoolVar(&w.all, "all", false, "show existing documents first")
	fs.BoolVar(&w.json, "json", false, "print each change as a line of JSON with the document's field names")
	return w.run
}

// clocks is the clock skew allowed for: the local clock may be ahead of the store's, which stamps the documents.
// Changes that recent at the start are shown as well.
const clocks = 5 * time.Second

// watchCmd is one run of watch.
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
	fmt.Fprintf(sys.stderr, "watching %s (Ctrl-C to stop)\n", p.where)
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

// news reports whether a record should be shown: it changed since the start, or --all was given.
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

// statusList parses a comma-separated list of statuses.
func statusList(s string) ([]document.Status, error) {
	var all []document.Status
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.Contains(document.Statuses(), document.Status(name)) {
			return nil, errors.New("unknown status " + plain(name) +
				": processing, retrying, done, failed, deleted")
		}
		all = append(all, document.Status(name))
	}
	return all, nil
}

// hasPrefix reports whether an object matches a prefix: NAME in any bucket, or gs://BUCKET/NAME.
func hasPrefix(r *document.Record, prefix string) bool {
	if bucket, name, ok := gsName(prefix); ok {
		return r.Bucket == bucket && strings.HasPrefix(r.Name, name)
	}
	return strings.HasPrefix(r.Name, prefix)
}
