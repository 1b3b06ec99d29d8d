package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

const retryHelp = `Asks for another try of objects: their documents become retrying with fresh budgets, due now, and the next sweep takes them.
Pages that were read stay and are not paid for again.

Without a selection all that failed are tried again; name objects (gs://BUCKET/NAME, a document's id, with --local a path in
the folder) to try just those. --stuck takes unfinished ones whose turn with the sweep was over long ago. --status done,
with --warning or --model, has done ones read anew, whole with --model, else the pages with that warning: their text is gone
until then, so those whose image is no longer in the bucket are left alone.

Nothing is written over a document that somebody works on or that has changed since it was read. --dry-run counts and
writes nothing. It costs one read for each document of the status, and two and a write for each that is tried again.
` + placeText + targetText + `
Example: bucketocr retry --code ocr_unavailable,ocr_timeout --newer-than 24h --dry-run
         bucketocr retry --status done --model lightonai/LightOnOCR-1B-1025 --limit 1000
`

func retryFlags(fs *flag.FlagSet) action {
	w := &wish{dir: placeFlag(fs)}
	fs.StringVar(&w.status, "status", "failed", "try those that are `failed|done`")
	fs.BoolVar(&w.stuck, "stuck", false, "try unfinished ones that nobody takes up")
	fs.DurationVar(&w.overdue, "overdue", 15*time.Minute, "with --stuck: for how long their turn has been over")
	fs.StringVar(&w.codes, "code", "", "only those that failed with one of these error `CODES`, separated by commas")
	fs.StringVar(&w.prefix, "prefix", "", "only objects whose name begins with `NAME`, or gs://BUCKET/NAME")
	fs.StringVar(&w.warning, "warning", "", "with --status done: only those with this `WARNING`")
	fs.StringVar(&w.model, "model", "", "with --status done: only those read by this `MODEL`")
	fs.Var(&w.newer, "newer-than", "only those that ended after this `TIME`: 24h (ago), 2026-11-24 or RFC 3339")
	fs.Var(&w.older, "older-than", "only those that ended before this `TIME`")
	fs.IntVar(&w.limit, "limit", 0, "no more than `N`; 0: all")
	fs.Float64Var(&w.rate, "rate", 100, "no more than `N` a second")
	fs.BoolVar(&w.dry, "dry-run", false, "count them and write nothing")
	fs.BoolVar(&w.now, "now", false, "have a sweep begin at once: a POST to the function at --to, or to the running up")
	fs.StringVar(&w.by, "by", "", "`WHO` asks, for the document's retriedBy (default: you at this machine)")
	fs.BoolVar(&w.json, "json", false, "a line of JSON for each object and for the sum")
	w.target.flags(fs)
	return w.run
}

// wish is one call of retry.
type wish struct {
	dir                                       *string
	status, codes, prefix, warning, model, by string
	stuck, dry, now, json                     bool
	overdue                                   time.Duration
	newer, older                              when
	limit                                     int
	rate                                      float64
	target                                    target
	only                                      []string // ids of named objects
	codeList                                  []string
}

func (w *wish) run(ctx context.Context, sys system, args []string) int {
	if err := w.check(args); err != nil {
		return complain(sys, "retry", err)
	}
	p, code := openPlace(sys, "retry", *w.dir)
	if p == nil {
		return code
	}
	defer p.close()
	for _, arg := range args {
		id, err := p.id(arg)
		if err != nil {
			return complain(sys, "retry", err)
		}
		w.only = append(w.only, id)
	}
	var sweep func(context.Context) error
	if w.now && !w.dry {
		poster, err := w.target.poster(sys, p)
		if err != nil {
			return complain(sys, "retry", err)
		}
		sweep = poster.sweep
	}
	r := newRetrial(sys, p, w)
	err := r.all(ctx)
	r.report(err)
	if err == nil && sweep != nil && r.sum.Retried > 0 {
		err = sweep(ctx)
	}
	if err != nil {
		return fail(ctx, sys, "retry", err)
	}
	return exitGood
}

// check finds what is wrong with the arguments before anything is asked.
func (w *wish) check(args []string) error {
	w.codeList = slices.DeleteFunc(strings.Split(w.codes, ","), func(s string) bool { return strings.TrimSpace(s) == "" })
	for i, c := range w.codeList {
		w.codeList[i] = strings.TrimSpace(c)
		if document.Code(w.codeList[i]).Code == "" {
			return fmt.Errorf("no error code is called %s: README lists them", plain(c))
		}
	}
	picks := w.codes != "" || w.prefix != "" || w.stuck || !w.newer.IsZero() || !w.older.IsZero() || w.warning != "" || w.model != ""
	switch done := w.status == string(document.StatusDone); {
	case w.status != string(document.StatusFailed) && !done:
		return fmt.Errorf("--status is failed or done, not %s; --stuck is for unfinished ones", plain(w.status))
	case len(args) > 0 && (picks || done):
		return errors.New("name objects, or select them; not both")
	case done && w.warning == "" && w.model == "":
		return errors.New("--status done wants --warning or --model")
	case done && (w.codes != "" || w.stuck):
		return errors.New("--code and --stuck are for objects that are not done")
	case !done && (w.warning != "" || w.model != ""):
		return errors.New("--warning and --model are for --status done")
	case w.warning != "" && !slices.Contains(warningNames(), w.warning):
		return fmt.Errorf("no warning is called %s: %s", plain(w.warning), strings.Join(warningNames(), ", "))
	case w.limit < 0 || !(w.rate > 0) || w.overdue < 0:
		return errors.New("--limit, --rate and --overdue are not negative, and --rate is not 0")
	}
	return nil
}

// who asks, where nobody says so.
func who() string {
	name := "somebody"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil && host != "" {
		name += "@" + host
	}
	return name
}

// when is a moment given as one, as a day, or as how long ago.
type when struct{ time.Time }

// String is [flag.Value].
func (w *when) String() string {
	if w == nil || w.IsZero() {
		return ""
	}
	return w.Format(time.RFC3339)
}

// Set is [flag.Value].
func (w *when) Set(s string) error {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		w.Time = time.Now().Add(-d)
		return nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && n >= 0 && fmt.Sprint(n) == days {
			w.Time = time.Now().AddDate(0, 0, -n)
			return nil
		}
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			w.Time = t
			return nil
		}
	}
	return errors.New("write it as 90m or 7d (ago), 2026-11-24, or 2026-11-24T10:00:00Z")
}

// warningNames returns the words of the table of warnings.
func warningNames() []string {
	var names []string
	for _, w := range document.Warnings() {
		names = append(names, w.Warning)
	}
	return names
}
