package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/document"
)

const listHelp = `Lists documents, one per line: status, object and details. With Firestore, costs one read per
document examined: those whose names begin with --prefix, those with the --status if there is just
one, otherwise all.
` + placeText + `
Example: bucketocr list --status failed --prefix gs://my-scans/2025/
         bucketocr list --json | jq -r 'select(.pages > 10) | .name'
`

func listFlags(fs *pflag.FlagSet) action {
	l := &listCmd{dir: placeFlag(fs)}
	l.selection.flags(fs, false)
	fs.BoolVar(&l.json, "json", false,
		"print each as a line of JSON with the document's field names, without its text")
	return l.run
}

// listCmd is one run of list.
type listCmd struct {
	dir       *string
	selection selection
	json      bool
}

func (l *listCmd) run(ctx context.Context, sys system, args []string) int {
	if len(args) > 0 {
		return complain(sys, "list", fmt.Errorf("unknown argument %q: use --prefix to select names", args[0]))
	}
	if err := l.selection.check(); err != nil {
		return complain(sys, "list", err)
	}
	p, code := openPlace(sys, "list", *l.dir)
	if p == nil {
		return code
	}
	defer p.close()
	n := int64(0)
	err := l.selection.each(ctx, p, func(r *document.Stored) error {
		n++
		if l.json {
			return printJSON(jsonTo(sys.stdout), r.Record, nil)
		}
		_, err := fmt.Fprintf(sys.stdout, "%-11s %s%s\n", plain(r.Status), p.name(r.Record), detail(r.Record))
		return err
	})
	if err != nil {
		return fail(ctx, sys, "list", err)
	}
	if n == 0 {
		fmt.Fprintf(sys.stderr, "no documents in %s\n", p.where)
	}
	return exitGood
}
