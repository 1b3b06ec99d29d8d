package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/document"
)

const deleteHelp = `Deletes the documents of objects: text, pages and everything else stored about them. The objects
themselves are kept.

A marker with status deleted remains, as it does when an object is erased: sweep, backfill,
reconcile and up skip that generation, while a later upload is read. The marker is kept for good
if its object still exists, and for a week otherwise.

Asks for confirmation first; without a terminal, --yes is required. Exits with 1 if an object has
no document. Costs two reads and a write per document, and one delete per page.
` + placeText + `
Example: bucketocr delete gs://my-scans/inbox/a.png
         bucketocr delete --local inbox --yes a.png b.png
`

func deleteFlags(fs *pflag.FlagSet) action {
	d := &deleteCmd{dir: placeFlag(fs)}
	fs.BoolVar(&d.yes, "yes", false, "do not ask")
	return d.run
}

// deleteCmd is one run of delete.
type deleteCmd struct {
	dir *string
	yes bool
}

func (d *deleteCmd) run(ctx context.Context, sys system, args []string) int {
	if len(args) == 0 {
		return complain(sys, "delete", errors.New("name the objects"))
	}
	p, code := openPlace(sys, "delete", *d.dir)
	if p == nil {
		return code
	}
	defer p.close()
	ids, err := p.ids(ctx, args)
	if err != nil {
		return complain(sys, "delete", err)
	}
	if !d.yes {
		switch agreed, err := confirm(ctx, sys,
			fmt.Sprintf("Delete %s and the text in it from %s?", documents(len(ids)), p.where), "--yes"); {
		case ctx.Err() != nil:
			return fail(ctx, sys, "delete", err)
		case err != nil:
			return complain(sys, "delete", err)
		case !agreed:
			fmt.Fprintln(sys.stderr, "nothing was deleted")
			return exitFailed
		}
	}
	for i, id := range ids {
		if err := deleteOne(ctx, p, id); err != nil {
			code = fail(ctx, sys, "delete", fmt.Errorf("%s: %w", plain(args[i]), err))
			if code == exitInterrupted {
				return code
			}
			continue
		}
		fmt.Fprintf(sys.stdout, "deleted     %s\n", plain(args[i]))
	}
	return code
}

// deleteOne replaces a document with a marker.
func deleteOne(ctx context.Context, p *place, id string) error {
	seen, err := p.records.Get(ctx, id)
	if err != nil {
		return err
	}
	if seen == nil {
		return fmt.Errorf("no document in %s", p.where)
	}
	return erase(ctx, p.records, p.objects, seen, false)
}

// live looks up the live generation of an object.
type live interface {
	Live(ctx context.Context, bucket, name string) (document.Object, document.Attributes, error)
}

// erase replaces a document with a marker. If the document has changed since it was seen, it is erased all the same or,
// with asSeen, the error is [document.ErrNotAsSeen].
func erase(ctx context.Context, records document.Store, objects live, seen *document.Stored, asSeen bool) error {
	_, _, err := objects.Live(ctx, seen.Bucket, seen.Name)
	lives := !errors.Is(err, document.ErrObjectGone) // true also if that is unknown
	id := seen.Object().ID()
	_, err = document.Update(ctx, records, id, document.Seen(seen),
		func(old *document.Record) (*document.Change, error) {
			switch {
			case asSeen && (old == nil || old.Write != seen.Write):
				return nil, document.ErrNotAsSeen
			case old == nil:
				return nil, nil
			}
			return marker(old, lives)
		})
	if err != nil {
		return err
	}
	return records.ClearPages(ctx, id, 0)
}

// errUnannounced reports a document that must be announced before it may be deleted.
var errUnannounced = errors.New("its end is not announced yet (NOTIFY_TOPIC): try again in some minutes")

// marker returns the change that replaces a document with a marker. The marker of a live object never expires, since
// its generation would then look as if it had never been read. If results are announced, the next sweep announces the
// deletion.
func marker(old *document.Record, lives bool) (*document.Change, error) {
	ev := document.Event{Kind: document.KindDeleted, ID: old.EventID, Time: old.EventTime, Object: old.Object(),
		Owner: old.Owner}
	now := time.Now()
	change, what := document.Remove(old, ev, true, now)
	if what != document.RemoveMarked {
		return nil, errUnannounced
	}
	if change == nil {
		return nil, nil
	}
	if lives {
		change.Record.MarkerExpires = time.Time{}
	}
	if old.Notified != nil {
		change = document.Announce(old, change, now)
	}
	return change, nil
}

// confirm asks for confirmation on the terminal, until ctx ends. If there is none, the error names the flag to use
// instead.
func confirm(ctx context.Context, sys system, question, instead string) (bool, error) {
	if _, ok := sys.stdin.(terminalInput); !ok {
		return false, errors.New("there is no terminal to ask on: use " + instead)
	}
	fmt.Fprintf(sys.stderr, "%s [y/N] ", question)
	line := ""
	err := interruptible(ctx, func() (err error) {
		line, err = bufio.NewReader(sys.stdin).ReadString('\n')
		return err
	})
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}

func documents(n int) string {
	if n == 1 {
		return "1 document"
	}
	return count(int64(n)) + " documents"
}
