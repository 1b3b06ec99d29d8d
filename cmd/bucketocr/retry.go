package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/document"
)

const retryHelp = `Schedules objects for another try: their documents become retrying, without strikes and with a new
RETRY_WINDOW, due now, and the next sweep processes them. Pages that have been read are kept and not
paid for again.

Without a selection all failed objects are retried, which needs --all or confirmation on a
terminal. To retry certain objects only, name them (gs://BUCKET/NAME, a document's ID or, with
--local, a path in the folder). --stuck selects unfinished objects that the sweep should have
processed long ago. --status done re-reads finished objects: all their pages with --model, or the
pages with that warning with --warning. Their texts stay in place until the new reading is
complete, and for good if it fails. Objects whose image is no longer in the bucket are skipped.

A document that a worker holds, or that has changed since it was read, is never overwritten.
--dry-run counts and writes nothing. Costs one read per document of the status, and two reads and
a write per document retried.
` + placeText + targetText + `
Example: bucketocr retry --code ocr_unavailable --newer-than 24h --dry-run
         bucketocr retry --status done --model lightonai/LightOnOCR-1B-1025
`

func retryFlags(fs *pflag.FlagSet) action {
	w := &retryCmd{dir: placeFlag(fs)}
	fs.StringVar(&w.status, "status", "failed", "retry objects that are `failed|done`")
	fs.BoolVar(&w.everything, "all", false, "retry all failed objects without asking")
	fs.BoolVar(&w.stuck, "stuck", false, "retry unfinished objects that are stuck")
	fs.DurationVar(&w.overdue, "overdue", 15*time.Minute, "with --stuck: how long they must be overdue")
	fs.StringVar(&w.codes, "code", "", "only those that failed with one of these error `CODES`, separated by commas")
	fs.StringVar(&w.prefix, "prefix", "", "only objects whose name begins with `NAME`, or gs://BUCKET/NAME")
	fs.StringVar(&w.warning, "warning", "", "with --status done: only those with this `WARNING`")
	fs.StringVar(&w.model, "model", "", "with --status done: only those read by this `MODEL`")
	fs.Var(&w.newer, "newer-than", "only those that ended after this `TIME`: 24h (ago), 2026-11-24 or RFC 3339")
	fs.Var(&w.older, "older-than", "only those that ended before this `TIME`")
	fs.IntVar(&w.limit, "limit", 0, "at most `N` objects; 0: all")
	fs.Float64Var(&w.rate, "rate", 100, "at most `N` objects per second")
	fs.BoolVar(&w.dry, "dry-run", false, "only count, and write nothing")
	fs.BoolVar(&w.now, "now", false,
		"start a sweep at once, with a POST to the function at --to or to the running bucketocr up")
	fs.StringVar(&w.by, "by", "", "record `WHO` as the document's retriedBy (default: you at this machine)")
	fs.BoolVar(&w.json, "json", false, "print a line of JSON for each object and for the totals")
	w.target.flags(fs)
	section(fs, "Selection", "status", "all", "stuck", "overdue", "code", "prefix", "warning", "model", "newer-than",
		"older-than", "limit")
	return w.run
}

// retryCmd is one run of retry.
type retryCmd struct {
	dir                                       *string
	status, codes, prefix, warning, model, by string
	stuck, dry, now, json, everything         bool
	overdue                                   time.Duration
	newer, older                              when
	limit                                     int
	rate                                      float64
	target                                    target
	only, names                               []string // IDs of the objects named, and their names as given
	codeList                                  []string
}

func (w *retryCmd) run(ctx context.Context, sys system, args []string) int {
	if err := w.check(args); err != nil {
		return complain(sys, "retry", err)
	}
	p, code := openPlace(sys, "retry", *w.dir)
	if p == nil {
		return code
	}
	defer p.close()
	ids, err := p.ids(ctx, args)
	if err != nil {
		return complain(sys, "retry", err)
	}
	w.only, w.names = ids, args
	var sweep func(context.Context) error
	if w.now && !w.dry {
		poster, err := w.target.poster(sys, p)
		if err != nil {
			return complain(sys, "retry", err)
		}
		sweep = poster.sweep
	}
	if !w.everything && !w.dry && len(args) == 0 && !w.selects() {
		switch agreed, err := confirm(ctx, sys, "Retry all failed documents in "+p.where+"?",
			"--all, or select some (--dry-run counts them)"); {
		case ctx.Err() != nil:
			return fail(ctx, sys, "retry", err)
		case err != nil:
			return complain(sys, "retry", err)
		case !agreed:
			fmt.Fprintln(sys.stderr, "nothing was written")
			return exitFailed
		}
	}
	r := newRetryRun(sys, p, w)
	err = r.all(ctx)
	r.report(err)
	if err == nil && sweep != nil && r.sum.Retried > 0 {
		err = sweep(ctx)
	}
	if err != nil {
		return fail(ctx, sys, "retry", err)
	}
	return exitGood
}

// check validates the arguments before any request is made.
func (w *retryCmd) check(args []string) error {
	var err error
	if w.codeList, err = codeList(w.codes); err != nil {
		return err
	}
	switch done := w.status == string(document.StatusDone); {
	case w.status != string(document.StatusFailed) && !done:
		return fmt.Errorf("--status must be failed or done, not %s; use --stuck for unfinished objects",
			plain(w.status))
	case len(args) > 0 && (w.selects() || w.everything || done):
		return errors.New("name objects or select them, not both")
	case done && w.warning == "" && w.model == "":
		return errors.New("--status done requires --warning or --model")
	case done && (w.codes != "" || w.stuck):
		return errors.New("--code and --stuck are for objects that are not done")
	case !done && (w.warning != "" || w.model != ""):
		return errors.New("--warning and --model are for --status done")
	case w.limit < 0 || !(w.rate > 0) || w.overdue < 0:
		return errors.New("--limit and --overdue must not be negative, and --rate must be positive")
	}
	return checkWarning(w.warning)
}

// selects reports whether a flag narrows the selection.
func (w *retryCmd) selects() bool {
	return w.codes != "" || w.prefix != "" || w.stuck || !w.newer.IsZero() || !w.older.IsZero() || w.warning != "" ||
		w.model != "" || w.limit > 0
}

// who returns the default of --by: the current user at this machine.
func who() string {
	name := "unknown"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil && host != "" {
		name += "@" + host
	}
	return name
}

// codeNames returns all error codes.
func codeNames() []string {
	var names []string
	for _, c := range document.Codes() {
		names = append(names, c.Code)
	}
	return names
}

// warningNames returns all warnings.
func warningNames() []string {
	var names []string
	for _, w := range document.Warnings() {
		names = append(names, w.Warning)
	}
	return names
}

// retryAtOnce is the number of documents written concurrently.
const retryAtOnce = 8

// retryRun retries the documents that the flags select.
type retryRun struct {
	sys      system
	p        *place
	w        *retryCmd
	by       string
	limiter  *rate.Limiter
	progress *progress

	mu  sync.Mutex
	sum retrySum
}

// retrySum counts the results.
type retrySum struct {
	Selected int64            `json:"selected"`
	Retried  int64            `json:"retried"`
	Skipped  map[string]int64 `json:"skipped"` // by reason
	Codes    map[string]int64 `json:"codes"`   // of the selected documents
	DryRun   bool             `json:"dryRun"`
}

// Reasons for skipping a selected object.
const (
	skipChanged = "changed in the meantime"
	skipNothing = "in progress, or nothing to read again"
	skipGone    = "no longer in the bucket"
)

func newRetryRun(sys system, p *place, w *retryCmd) *retryRun {
	r := &retryRun{sys: sys, p: p, w: w, by: cmp.Or(w.by, who()), limiter: rate.NewLimiter(rate.Limit(w.rate), 1)}
	r.progress = newProgress(sys, w.json || w.dry)
	r.sum.Skipped, r.sum.Codes, r.sum.DryRun = map[string]int64{}, map[string]int64{}, w.dry
	return r
}

// errEnough stops the listing at the limit.
var errEnough = errors.New("limit reached")

func (r *retryRun) all(ctx context.Context) error {
	defer r.progress.finish()
	writes, going := errgroup.WithContext(ctx)
	writes.SetLimit(retryAtOnce)
	err := r.list(going, func(s *document.Stored) error {
		if !r.wanted(s) {
			return nil
		}
		if r.w.limit > 0 && r.sum.Selected >= int64(r.w.limit) {
			return errEnough
		}
		r.selected(s)
		if err := r.limiter.Wait(going); err != nil {
			return err
		}
		writes.Go(func() error { return r.one(going, s) })
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return cmp.Or(writes.Wait(), err)
}

// list calls fn for the documents that the store can select by itself.
func (r *retryRun) list(ctx context.Context, fn func(*document.Stored) error) error {
	switch {
	case len(r.w.only) > 0:
		return r.named(ctx, fn)
	case r.w.stuck:
		return r.p.records.List(ctx, document.Query{DueBy: time.Now().Add(-r.w.overdue)}, fn)
	}
	return r.p.records.List(ctx,
		document.Query{Status: document.Status(r.w.status), Warning: r.w.warning, Model: r.w.model}, fn)
}

func (r *retryRun) named(ctx context.Context, fn func(*document.Stored) error) error {
	heads, err := r.p.records.Heads(ctx, r.w.only)
	if err != nil {
		return err
	}
	for i, s := range heads {
		if s == nil {
			return fmt.Errorf("%s has no document in %s", plain(r.w.names[i]), r.p.where)
		}
		if err := fn(s); err != nil {
			return err
		}
	}
	return nil
}

// wanted applies the part of the selection that no index supports.
func (r *retryRun) wanted(s *document.Stored) bool {
	w, ended := r.w, s.Finished
	if ended.IsZero() {
		ended = s.Updated
	}
	switch {
	case len(w.codeList) > 0 && (s.Error == nil || !slices.Contains(w.codeList, s.Error.Code)):
	case w.prefix != "" && !hasPrefix(s.Record, w.prefix):
	case ended.Before(w.newer.Time), !w.older.IsZero() && !ended.Before(w.older.Time):
	default:
		return true
	}
	return false
}

func (r *retryRun) selected(s *document.Stored) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Selected++
	code := string(s.Status)
	if s.Error != nil {
		code = s.Error.Code
	}
	r.sum.Codes[code]++
}

// one schedules one record for another try.
func (r *retryRun) one(ctx context.Context, s *document.Stored) error {
	skip, err := r.write(ctx, s)
	if err != nil {
		return fmt.Errorf("%s: %w", r.p.name(s.Record), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if skip == "" {
		r.sum.Retried++
	} else {
		r.sum.Skipped[skip]++
	}
	r.progress.add("")
	if r.w.json {
		return json.NewEncoder(jsonTo(r.sys.stdout)).Encode(map[string]any{
			"document": s.Object().ID(), "bucket": s.Bucket, "name": s.Name, "generation": fmt.Sprint(s.Generation),
			"retried": skip == "", "skipped": skip,
		})
	}
	return nil
}

func (r *retryRun) write(ctx context.Context, s *document.Stored) (skip string, err error) {
	if s.Status == document.StatusDone {
		if gone, err := r.gone(ctx, s.Object()); gone || err != nil {
			return skipGone, err
		}
	}
	if !document.Retryable(s.Record) {
		return skipNothing, nil
	}
	if r.w.dry {
		return "", nil
	}
	_, err = document.Retry(ctx, r.p.records, s, r.by, r.redo())
	switch {
	case errors.Is(err, document.ErrNotAsSeen):
		return skipChanged, nil
	case errors.Is(err, document.ErrNothingToRetry):
		return skipNothing, nil
	}
	return "", err
}

// redo returns a function that selects the pages of done objects to read again.
func (r *retryRun) redo() func(document.Page) bool {
	switch {
	case r.w.warning != "":
		return func(pg document.Page) bool { return slices.Contains(pg.Warnings, r.w.warning) }
	case r.w.model != "":
		return func(document.Page) bool { return true }
	}
	return nil
}

// gone reports whether o's generation is no longer in the bucket, so that its text could not be read again.
func (r *retryRun) gone(ctx context.Context, o document.Object) (bool, error) {
	live, _, err := r.p.objects.Live(ctx, o.Bucket, o.Name)
	if errors.Is(err, document.ErrObjectGone) {
		return true, nil
	}
	return live.Generation != o.Generation, err
}

// report prints the results.
func (r *retryRun) report(err error) {
	if r.w.json {
		_ = json.NewEncoder(jsonTo(r.sys.stdout)).Encode(map[string]any{"sum": r.sum, "complete": err == nil})
		return
	}
	w := tabwriter.NewWriter(r.sys.stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "selected\t%s\t%s\n", count(r.sum.Selected), codes(r.sum.Codes))
	fmt.Fprintf(w, "to be retried\t%s\n", count(r.sum.Retried))
	for _, why := range slices.Sorted(maps.Keys(r.sum.Skipped)) {
		fmt.Fprintf(w, "skipped\t%s\t%s\n", count(r.sum.Skipped[why]), why)
	}
	switch {
	case r.w.dry:
		fmt.Fprintf(w, "\nDry run: nothing was written.\n")
	case err == nil && r.sum.Retried > 0 && !r.w.now:
		fmt.Fprintf(w, "\n%s\n", r.p.nextSweep())
	}
}
