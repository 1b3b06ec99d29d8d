package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
)

const backfillHelp = `Delivers the events of objects that are in a bucket already, as if they had just been dropped: all below gs://BUCKET/PREFIX, or
with --local those of a folder to the running up.

What has ended is passed over, and what is in work as well: the sweep finishes that. Objects that came after the start are left
to their own events. When the function refuses, all wait together and try again one at a time; a dozen refusals in a row, some seven
minutes where they come at once, end the run. Ctrl-C ends it too: run it again, or go on behind the name that it prints (--after). Nothing is read twice in any case.

By POST each event waits for its object's end, so --in-flight should not be above what the function takes: FUNCTION_MAX_INSTANCES
× FUNCTION_CONCURRENCY, 8 by default. For buckets of millions publish to a topic instead (--topic; deploy.sh makes
bucketocr-backfill): Pub/Sub then delivers at the platform's pace, for a week, and this command only lists.

Exits with 1 where an object failed or could not be delivered. It costs a list operation for each thousand objects, and a read
for each image among them; a bar on a terminal lists twice.
` + placeText + targetText + `
Example: bucketocr backfill gs://my-scans/2025/ --dry-run
         bucketocr backfill gs://my-scans --topic projects/my-project/topics/bucketocr-backfill
         bucketocr backfill --local examples/samples
`

func backfillFlags(fs *flag.FlagSet) action {
	f := &filling{dir: placeFlag(fs)}
	fs.BoolVar(&f.dry, "dry-run", false, "count objects, bytes and pages, reckon the GPU time, and deliver nothing")
	fs.StringVar(&f.topic, "topic", "", "publish to this `TOPIC` instead of posting: projects/PROJECT/topics/NAME")
	fs.IntVar(&f.limit, "limit", 0, "deliver no more than `N` objects; 0: all")
	fs.Float64Var(&f.rate, "rate", 0, "deliver no more than `N` objects a second; 0: as fast as they are taken")
	fs.IntVar(&f.inFlight, "in-flight", 8, "deliver `N` at the same time (with --topic batches of 100)")
	fs.StringVar(&f.include, "include", "", "only names that match one of these `GLOBS`, as INCLUDE has them")
	fs.StringVar(&f.exclude, "exclude", "", "no names that match one of these `GLOBS`")
	fs.Var(&f.newer, "newer-than", "only objects created after this `TIME`: 24h (ago), 2026-11-24 or RFC 3339")
	fs.StringVar(&f.after, "after", "", "only names that come behind `NAME`: where a run before was stopped")
	fs.BoolVar(&f.json, "json", false, "a line of JSON for each object and for the sum")
	fs.StringVar(&f.figures, "figures", defaultFigures, "with --dry-run: `FILE` with prices and pages per second")
	f.target.flags(fs)
	return f.run
}

// filling is one call of backfill.
type filling struct {
	dir                                     *string
	dry, json                               bool
	topic, include, exclude, after, figures string
	limit, inFlight                         int
	rate                                    float64
	newer                                   when
	target                                  target
	filter                                  event.Filter
}

func (f *filling) run(ctx context.Context, sys system, args []string) int {
	if err := f.check(args); err != nil {
		return complain(sys, "backfill", err)
	}
	p, code := openPlace(sys, "backfill", *f.dir)
	if p == nil {
		return code
	}
	defer p.close()
	o, err := f.options(sys, p, args)
	if err != nil {
		return complain(sys, "backfill", err)
	}
	r := &fillingReport{sys: sys, f: f, progress: newProgress(sys, f.json || f.dry)}
	o.Ended = r.ended
	o.Passed = func(document.Object, string) { r.progress.add(1, "") }
	go r.countAll(ctx, *o)
	sum, err := backfill.Run(ctx, *o)
	r.progress.finish()
	if f.dry && err == nil {
		r.estimates, err = estimates(f.figures, sum)
	}
	r.report(sum, err)
	switch {
	case err != nil:
		return fail(ctx, sys, "backfill", err)
	case sum.Results[string(document.OutcomeFailed)] > 0, sum.Results[backfill.Undelivered] > 0:
		return exitFailed
	}
	return exitGood
}

// check finds what is wrong with the arguments before anything is asked.
func (f *filling) check(args []string) error {
	_, _, gs := gsName(strings.Join(args, ""))
	switch {
	case *f.dir == "" && (len(args) != 1 || !gs):
		return errors.New("name one bucket: gs://BUCKET or gs://BUCKET/PREFIX; or a folder with --local")
	case *f.dir != "" && len(args) > 1:
		return errors.New("with --local at most a prefix of names in the folder")
	case f.limit < 0, !(f.rate >= 0), f.inFlight < 1, f.inFlight > 1000:
		return errors.New("--limit and --rate are not negative, --in-flight is 1 to 1000")
	case f.topic != "" && (f.target.to != "" || *f.dir != ""):
		return errors.New("--topic goes with neither --to nor --local")
	}
	var err error
	f.filter, err = event.NewFilter(globList(f.include), globList(f.exclude))
	return err
}

// globList takes patterns apart at their commas.
func globList(s string) []string {
	var globs []string
	for g := range strings.SplitSeq(s, ",") {
		if g = strings.TrimSpace(g); g != "" {
			globs = append(globs, g)
		}
	}
	return globs
}

func (f *filling) options(sys system, p *place, args []string) (*backfill.Options, error) {
	o := &backfill.Options{
		Objects: p.objects, Records: p.records, Filter: f.filter, Listing: document.Listing{Bucket: p.bucket, After: f.after},
		NewerThan: f.newer.Time, Limit: f.limit, InFlight: f.inFlight, Rate: f.rate,
	}
	if len(args) > 0 {
		bucket, prefix, gs := gsName(args[0])
		if !gs {
			prefix = args[0]
		}
		if gs && p.bucket != "" && bucket != p.bucket {
			return nil, fmt.Errorf("the bucket of this folder is %s", p.bucket)
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
