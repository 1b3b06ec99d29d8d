package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/document"
)

const statsHelp = `Counts documents by status and failed ones by code, names the oldest unfinished one, and shows how
much was read in total and recently.

With Firestore, counting costs one read per thousand documents, plus one read for each failed or
unfinished document and for each that was done within --since.
` + placeText + `
Example: bucketocr stats --since 24h
`

func statsFlags(fs *pflag.FlagSet) action {
	s := &statsCmd{dir: placeFlag(fs)}
	fs.DurationVar(&s.since, "since", time.Hour, "period over which to compute the pace")
	fs.BoolVar(&s.json, "json", false, "print JSON")
	return s.run
}

// statsCmd is one run of stats.
type statsCmd struct {
	dir   *string
	since time.Duration
	json  bool
}

// statsResult is the result of stats.
type statsResult struct {
	Documents map[document.Status]int64 `json:"documents"` // by status
	Codes     map[string]int64          `json:"codes"`     // of failed ones
	Overdue   int64                     `json:"overdue"`   // unfinished ones that are due for the sweep
	Oldest    *oldest                   `json:"oldest,omitempty"`

	Pages            int64 `json:"pages"`
	PromptTokens     int   `json:"promptTokens"`
	CompletionTokens int   `json:"completionTokens"`

	Lately lately `json:"lately"`
}

// oldest is the oldest unfinished document.
type oldest struct {
	Object string    `json:"object"`
	Since  time.Time `json:"since"`
	Code   string    `json:"code,omitempty"`
}

// lately counts what was done within a period.
type lately struct {
	Seconds      float64 `json:"seconds"`
	Documents    int64   `json:"documents"`
	Pages        int64   `json:"pages"`
	PagesPerHour float64 `json:"pagesPerHour"`
}

func (s *statsCmd) run(ctx context.Context, sys system, args []string) int {
	if len(args) > 0 || s.since <= 0 {
		return complain(sys, "stats", fmt.Errorf("unknown argument or period: %q, %v", args, s.since))
	}
	p, code := openPlace(sys, "stats", *s.dir)
	if p == nil {
		return code
	}
	defer p.close()
	f, err := s.collect(ctx, p.records, time.Now())
	if err != nil {
		return fail(ctx, sys, "stats", err)
	}
	if s.json {
		err = json.NewEncoder(jsonTo(sys.stdout)).Encode(f)
	} else {
		s.print(sys, p, f)
	}
	if err != nil {
		return fail(ctx, sys, "stats", err)
	}
	return exitGood
}

func (s *statsCmd) collect(ctx context.Context, records document.Lister, now time.Time) (*statsResult, error) {
	tally, err := records.Tally(ctx)
	if err != nil {
		return nil, err
	}
	f := &statsResult{Documents: map[document.Status]int64{}, Codes: map[string]int64{}, Pages: tally.Pages,
		PromptTokens: tally.Usage.PromptTokens, CompletionTokens: tally.Usage.CompletionTokens}
	for _, status := range document.Statuses() {
		f.Documents[status] = tally.Records[status]
	}
	for _, part := range []struct {
		q  document.Query
		fn func(*document.Stored) error
	}{
		{document.Query{Status: document.StatusFailed}, f.failed},
		{document.Query{Status: document.StatusProcessing}, f.unfinished(now)},
		{document.Query{Status: document.StatusRetrying}, f.unfinished(now)},
		{document.Query{Status: document.StatusDone, FinishedSince: now.Add(-s.since)}, f.done},
	} {
		if err := records.List(ctx, part.q, part.fn); err != nil {
			return nil, err
		}
	}
	f.Lately.Seconds = s.since.Seconds()
	f.Lately.PagesPerHour = float64(f.Lately.Pages) / s.since.Hours()
	return f, nil
}

func (f *statsResult) failed(r *document.Stored) error {
	if r.Error == nil { // not written by bucketocr
		f.Codes["no error"]++
		return nil
	}
	f.Codes[r.Error.Code]++
	return nil
}

func (f *statsResult) done(r *document.Stored) error {
	f.Lately.Documents++
	f.Lately.Pages += int64(r.PagesDone)
	return nil
}

func (f *statsResult) unfinished(now time.Time) func(*document.Stored) error {
	return func(r *document.Stored) error {
		if r.Due.Before(now) {
			f.Overdue++
		}
		if r.WindowStart.IsZero() || f.Oldest != nil && !r.WindowStart.Before(f.Oldest.Since) {
			return nil
		}
		f.Oldest = &oldest{Object: "gs://" + r.Bucket + "/" + r.Name, Since: r.WindowStart}
		if r.Error != nil {
			f.Oldest.Code = r.Error.Code
		}
		return nil
	}
}

func (s *statsCmd) print(sys system, p *place, f *statsResult) {
	w := tabwriter.NewWriter(sys.stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "%s\n\n", p.where)
	for _, status := range document.Statuses() {
		more := ""
		if status == document.StatusFailed {
			more = codes(f.Codes)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", status, count(f.Documents[status]), more)
	}
	if f.Oldest != nil {
		fmt.Fprintf(w, "\noldest unfinished\t%s\t%s %s\n", age(time.Since(f.Oldest.Since)),
			plain(strings.TrimPrefix(f.Oldest.Object, p.ownURL())), plain(f.Oldest.Code))
	}
	if f.Overdue > 0 {
		fmt.Fprintf(w, "overdue\t%s\tfor the next sweep; if this does not go down, check that the sweep runs\n",
			count(f.Overdue))
	}
	fmt.Fprintf(w, "\npages read\t%s\tfor %s prompt tokens, %s completion tokens\n", count(f.Pages),
		count(int64(f.PromptTokens)), count(int64(f.CompletionTokens)))
	fmt.Fprintf(w, "last %s\t%s\tpages of %s: %.0f pages an hour over that time\n", age(s.since), count(f.Lately.Pages),
		objects(f.Lately.Documents), f.Lately.PagesPerHour)
}

// codes formats codes with their counts, the most frequent first.
func codes(n map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(n), func(a, b string) int {
		return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %s", count(n[name]), plain(name))
	}
	return strings.Join(names, ", ")
}
