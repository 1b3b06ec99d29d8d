package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
)

const backfillHelp = `Delivers events for the objects that are already in a bucket, as if they had just been uploaded:
all objects below gs://BUCKET/PREFIX or, with --local, the files of a folder, to the bucketocr up
process that is running there.

Objects whose documents are finished or in progress are skipped; the sweep takes care of the
latter. Objects created after the run began are left to their own events. When the function
refuses an event, all deliveries pause and are then retried one at a time; a dozen refusals in a
row, about seven minutes if each comes immediately, end the run. Ctrl-C ends it too: run it again,
or continue after the name that it prints (--after). In no case is anything read twice.

A POST takes until its object has been processed, so --in-flight, 8 by default, should not exceed
what the function can take: FUNCTION_MAX_INSTANCES × FUNCTION_CONCURRENCY, 4 × 8 by default. For
buckets with millions of objects, publish to a topic instead (--topic; deploy.sh creates
bucketocr-backfill): this command then only lists, and Pub/Sub delivers at the platform's pace for
up to a week.

Exits with 1 if any object failed or could not be delivered. Costs one list operation per thousand
objects and one read per image; the progress bar on a terminal lists twice.
` + placeText + targetText + `
Example: bucketocr backfill gs://my-scans/2025/ --dry-run
         bucketocr backfill gs://my-scans \
           --topic projects/my-project/topics/bucketocr-backfill
         bucketocr backfill --local examples/samples
`

func backfillFlags(fs *pflag.FlagSet) action {
	f := newBackfillCmd(fs, "backfill")
	fs.StringVar(&f.topic, "topic", "", "publish to this `TOPIC` instead of posting: projects/PROJECT/topics/NAME")
	fs.Var(&f.newer, "newer-than", "only objects created after this `TIME`: 24h (ago), 2026-11-24 or RFC 3339")
	section(fs, "Selection", "newer-than")
	return f.run
}

// newBackfillCmd declares the flags that backfill and reconcile share.
func newBackfillCmd(fs *pflag.FlagSet, name string) *backfillCmd {
	f := &backfillCmd{name: name, dir: placeFlag(fs)}
	batches := ""
	if name == "backfill" {
		batches = " (with --topic, batches of 100)"
	}
	fs.BoolVar(&f.dry, "dry-run", false, "count objects, bytes and pages, estimate the GPU time, and deliver nothing")
	fs.IntVar(&f.limit, "limit", 0, "deliver at most `N` events; 0: all")
	fs.Float64Var(&f.rate, "rate", 0, "deliver at most `N` events per second; 0: as fast as the function accepts them")
	fs.IntVar(&f.inFlight, "in-flight", 8, "deliver `N` events concurrently"+batches)
	fs.StringVar(&f.include, "include", "", "only names that match one of these `GLOBS`, written as in INCLUDE")
	fs.StringVar(&f.exclude, "exclude", "", "skip names that match one of these `GLOBS`")
	fs.StringVar(&f.after, "after", "", "only names after `NAME`, at which an earlier run stopped")
	fs.BoolVar(&f.json, "json", false, "print a line of JSON for each object and for the totals")
	figuresFlag(fs, &f.figures)
	f.target.flags(fs)
	section(fs, "Selection", "limit", "include", "exclude", "after")
	return f
}

// backfillCmd is one run of backfill or of reconcile. The latter selects by age and also looks for documents without an
// object.
type backfillCmd struct {
	name                                    string
	dir                                     *string
	erase                                   bool
	older                                   when
	dry, json                               bool
	topic, include, exclude, after, figures string
	limit, inFlight                         int
	rate                                    float64
	newer                                   when
	target                                  target
	filter                                  event.Filter
}

func (f *backfillCmd) run(ctx context.Context, sys system, args []string) int {
	if err := f.check(args); err != nil {
		return complain(sys, f.name, err)
	}
	p, code := openPlace(sys, f.name, *f.dir)
	if p == nil {
		return code
	}
	defer p.close()
	o, err := f.options(sys, p, args)
	if err != nil {
		return complain(sys, f.name, err)
	}
	r := &backfillReport{ctx: ctx, sys: sys, p: p, f: f, progress: newProgress(sys, f.json || f.dry)}
	o.Ended = r.ended
	o.Passed = func(document.Object, string) { r.progress.add("") }
	go r.countAll(ctx, *o)
	sum, err := backfill.Run(ctx, *o)
	r.progress.finish()
	if f.dry && err == nil {
		r.estimates, err = estimates(f.figures, sum)
	}
	r.report(sum, err)
	switch {
	case err != nil:
		return fail(ctx, sys, f.name, err)
	case sum.Results[string(document.OutcomeFailed)] > 0, sum.Results[backfill.Undelivered] > 0:
		return exitFailed
	}
	return exitGood
}

// check validates the arguments before any request is made.
func (f *backfillCmd) check(args []string) error {
	_, _, gs := gsName(strings.Join(args, ""))
	switch {
	case *f.dir == "" && (len(args) != 1 || !gs):
		return errors.New("name one bucket: gs://BUCKET or gs://BUCKET/PREFIX; or a folder with --local")
	case *f.dir != "" && len(args) > 1:
		return errors.New("with --local, give at most a prefix of names in the folder")
	case f.limit < 0, !(f.rate >= 0), f.inFlight < 1, f.inFlight > 1000:
		return errors.New("--limit and --rate must not be negative, and --in-flight must be 1 to 1000")
	case f.erase && !f.newer.IsZero():
		return errors.New("--newer-than cannot be combined with --erase: when an object that is gone was created is unknown")
	case f.topic != "" && (f.target.to != "" || *f.dir != ""):
		return errors.New("--topic cannot be combined with --to or --local")
	}
	var err error
	f.filter, err = event.NewFilter(globList(f.include), globList(f.exclude))
	return err
}

// globList splits patterns at their commas.
func globList(s string) []string {
	var globs []string
	for g := range strings.SplitSeq(s, ",") {
		if g = strings.TrimSpace(g); g != "" {
			globs = append(globs, g)
		}
	}
	return globs
}

func (f *backfillCmd) options(sys system, p *place, args []string) (*backfill.Options, error) {
	o := &backfill.Options{
		Objects: p.objects, Records: p.records, Filter: f.filter,
		Listing:   document.Listing{Bucket: p.bucket, After: f.after},
		NewerThan: f.newer.Time, OlderThan: f.older.Time, Limit: f.limit, InFlight: f.inFlight, Rate: f.rate,
		Source: f.name,
	}
	if f.erase {
		o.Gone = p.objects
	}
	if len(args) > 0 {
		bucket, prefix, gs := gsName(args[0])
		if !gs {
			prefix = args[0]
		}
		if gs && p.bucket != "" && bucket != p.bucket {
			return nil, fmt.Errorf("the bucket of this folder is %s", plain(p.bucket))
		}
		o.Listing.Prefix = prefix
		if p.bucket == "" {
			o.Listing.Bucket = bucket
		}
	}
	var err error
	switch {
	case f.dry:
	case f.topic != "":
		o.Deliver, err = openTopic(sys, f.topic)
	default:
		o.Deliver, err = f.target.poster(sys, p)
	}
	return o, err
}

// backfillReport shows the progress and the results of a backfill.
type backfillReport struct {
	ctx      context.Context // of the run that is reported
	sys      system
	p        *place
	f        *backfillCmd
	progress *progress

	estimates []estimate // of a dry run

	mu  sync.Mutex
	bad int64 // failed or undelivered
}

// countAll lists the objects a second time, concurrently with the run and without reading documents, to give the
// progress bar its total.
func (r *backfillReport) countAll(ctx context.Context, o backfill.Options) {
	if !r.progress.bar || r.f.dry || r.f.json || r.f.limit > 0 {
		return
	}
	n := int64(0)
	err := o.Objects.ListObjects(ctx, o.Listing, func(document.Listed) error { n++; return nil })
	if err == nil {
		r.progress.of(n)
	}
}

// ended reports an object's result: with --json every one, otherwise only failures.
func (r *backfillReport) ended(res backfill.Result) {
	r.mu.Lock()
	bad := res.What == backfill.Undelivered || res.What == string(document.OutcomeFailed)
	if bad {
		r.bad++
	}
	n := r.bad
	r.mu.Unlock()
	if bad && res.Why == "" {
		res.Why = r.why(res.Object)
	}
	if r.f.json {
		_ = json.NewEncoder(jsonTo(r.sys.stdout)).Encode(map[string]any{
			"bucket": res.Object.Bucket, "name": res.Object.Name, "generation": fmt.Sprint(res.Object.Generation),
			"document": res.Object.ID(), "result": res.What, "reason": res.Why,
		})
		return
	}
	extra := ""
	if n > 0 {
		extra = count(n) + " failed"
	}
	r.progress.add(extra)
	if bad {
		line := fmt.Sprintf("%-11s %s", res.What,
			r.p.name(&document.Record{Bucket: res.Object.Bucket, Name: res.Object.Name}))
		if res.Why != "" {
			line += "  " + oneLine(res.Why)
		}
		r.progress.printLine(r.sys.stdout, line)
	}
}

// why returns the error in a failed document, which the function's response does not include.
func (r *backfillReport) why(o document.Object) string {
	heads, err := r.p.records.Heads(r.ctx, []string{o.ID()})
	if err != nil || len(heads) == 0 || heads[0] == nil || heads[0].Error == nil {
		return ""
	}
	return failure(heads[0].Error)
}

// report prints the final table.
func (r *backfillReport) report(sum backfill.Summary, err error) {
	if r.f.json {
		_ = json.NewEncoder(jsonTo(r.sys.stdout)).Encode(map[string]any{"sum": sum, "complete": err == nil,
			"estimates": r.estimates})
		return
	}
	w := tabwriter.NewWriter(r.sys.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "listed\t%s\n", count(sum.Listed))
	for _, why := range slices.Sorted(maps.Keys(sum.Skipped)) {
		fmt.Fprintf(w, "skipped\t%s\t%s\n", count(sum.Skipped[why]), skipMeaning(why))
	}
	if r.f.dry && r.f.erase {
		fmt.Fprintf(w, "to erase\t%s\tdocuments without an object\n", count(sum.Gone))
	}
	if r.f.dry {
		fmt.Fprintf(w, "to deliver\t%s\t%s\n", count(sum.Chosen), byteCount(sum.Bytes))
		fmt.Fprintf(w, "pages\t%s\t%s\n", count(sum.Pages), pagesHint(sum))
		if err == nil && sum.Pages > 0 {
			printEstimates(w, r.estimates)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(sum.Results)) {
		fmt.Fprintf(w, "%s\t%s\t%s\n", what, count(sum.Results[what]), resultMeaning(what))
	}
	w.Flush()
	switch {
	case r.f.dry:
		fmt.Fprintln(r.sys.stdout, "\nDry run: nothing was delivered.")
	case err != nil && sum.After != "":
		fmt.Fprintf(r.sys.stdout, "\nStopped after %s and %s. Run it again, or continue with --after %s\n",
			age(time.Since(r.progress.begun)), requests(sum.Requests), shellWord(sum.After))
	case err != nil:
		fmt.Fprintf(r.sys.stdout, "\nStopped after %s and %s. Run it again.\n", age(time.Since(r.progress.begun)),
			requests(sum.Requests))
	case err == nil && sum.Requests > 0:
		fmt.Fprintf(r.sys.stdout, "\n%s in %s.\n", requests(sum.Requests), age(time.Since(r.progress.begun)))
	}
}

// requests returns a count with its noun.
func requests(n int64) string {
	if n == 1 {
		return "1 request"
	}
	return count(n) + " requests"
}

// resultMeaning explains a result: in words of its own, or with the summary in the table of outcomes.
func resultMeaning(what string) string {
	switch what {
	case backfill.Left:
		return "has an unfinished document, which the sweep will process"
	case backfill.Undelivered:
		return "not delivered: run this again"
	case backfill.Returned:
		return "the object exists after all"
	case published:
		return "the function will process it later: bucketocr stats"
	case string(document.OutcomeDone):
		return "text and status are written"
	case string(document.OutcomeFailed):
		return "the document has the reason: bucketocr show"
	case string(document.OutcomeBusy):
		return "another worker holds the lease"
	}
	for _, o := range document.Outcomes() {
		if string(o.Outcome) == what {
			return o.Summary
		}
	}
	return ""
}

// skipMeaning explains a reason for skipping an object.
func skipMeaning(reason string) string {
	switch reason {
	case backfill.SkipEnded:
		return "done or failed already"
	case backfill.SkipWork:
		return "in progress, or due for the sweep"
	case backfill.SkipNew:
		return "created after this run began: its own event is on the way"
	case backfill.SkipOld:
		return "too old for --newer-than"
	case backfill.SkipYoung:
		return "too young for --older-than: its own event may be on the way"
	case event.ReasonFolder:
		return "a folder's placeholder"
	case event.ReasonJunk:
		return "a file left by an operating system"
	case event.ReasonExcluded:
		return "excluded"
	case event.ReasonNotIncluded:
		return "not included"
	case event.ReasonNotImage:
		return "not an image by type and name"
	}
	return ""
}

// pagesHint explains why the page count of a dry run is only a lower bound.
func pagesHint(sum backfill.Summary) string {
	if sum.PDFs == 0 {
		return "one per image; TIFFs may have more"
	}
	return fmt.Sprintf("at least: the pages of %s PDFs are counted when they are read", count(sum.PDFs))
}
