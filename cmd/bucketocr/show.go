package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/document"
)

const showHelp = `Shows the document of one object, given as gs://BUCKET/NAME or by its document's ID or, with
--local, by its path in the folder. Exits with 1 if there is none, or if --text is given and the
document has no text.
` + placeText + `
Example: bucketocr show gs://my-scans/inbox/a.png
         bucketocr show --local examples/samples --text lion-1912.png
`

func showFlags(fs *pflag.FlagSet) action {
	s := &showCmd{dir: placeFlag(fs)}
	fs.BoolVar(&s.text, "text", false,
		"print only the text, as the model wrote it (without control characters on a terminal)")
	fs.BoolVar(&s.pages, "pages", false, "also show each page's document")
	fs.BoolVar(&s.json, "json", false, "print JSON with the document's field names")
	return s.run
}

// showCmd is one run of show.
type showCmd struct {
	dir               *string
	text, pages, json bool
}

func (s *showCmd) run(ctx context.Context, sys system, args []string) int {
	if len(args) != 1 {
		return complain(sys, "show", errors.New("name one object"))
	}
	p, code := openPlace(sys, "show", *s.dir)
	if p == nil {
		return code
	}
	defer p.close()
	id, err := p.id(ctx, args[0])
	if err != nil {
		return complain(sys, "show", err)
	}
	r, err := p.records.Get(ctx, id)
	if err == nil && r == nil {
		err = fmt.Errorf("%s has no document in %s", plain(args[0]), p.where)
	}
	if err == nil {
		err = s.print(ctx, sys.stdout, p, id, r.Record)
	}
	if err != nil {
		return fail(ctx, sys, "show", err)
	}
	return exitGood
}

func (s *showCmd) print(ctx context.Context, out io.Writer, p *place, id string, r *document.Record) error {
	records := p.records
	if s.text && !s.pages && !s.json {
		return printText(ctx, out, records, r)
	}
	var pages []document.Page
	if s.pages {
		var err error
		if pages, err = records.Pages(ctx, id, r.Generation); err != nil {
			return err
		}
	}
	if s.json {
		return printJSON(jsonTo(out), r, pages)
	}
	printRecord(out, p, id, r)
	for _, pg := range pages {
		s.printPage(out, pg)
	}
	return nil
}

// printText writes a document's whole text, wherever it is stored.
func printText(ctx context.Context, out io.Writer, records store, r *document.Record) error {
	if r.Status != document.StatusDone {
		return fmt.Errorf("no text: the document is %s%s", plain(r.Status), reason(r))
	}
	text, err := document.Text(ctx, records, r)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, text)
	return err
}

// printJSON writes the document and each page, one line each.
func printJSON(out io.Writer, r *document.Record, pages []document.Page) error {
	doc, err := document.EncodeRecord(r)
	if err != nil {
		return err
	}
	line := recordLine{ID: r.Object().ID()}
	if err := json.Unmarshal(doc, &line.Record); err != nil {
		return err
	}
	line.Generation = r.Generation
	if err := encodeLine(out, line); err != nil {
		return err
	}
	for _, pg := range pages {
		if doc, err = document.EncodePage(pg); err != nil {
			return err
		}
		line := pageLine{}
		if err := json.Unmarshal(doc, &line.Page); err != nil {
			return err
		}
		line.Generation = pg.Generation
		if err := encodeLine(out, line); err != nil {
			return err
		}
	}
	return nil
}

// recordLine is a document as a line of JSON, with its ID. The generation is a string, as in Cloud Storage's JSON: it
// does not fit the floating-point numbers of many tools.
type recordLine struct {
	ID string `json:"id"`
	*document.Record
	Generation int64 `json:"generation,string"`
}

// pageLine is a page as a line of JSON.
type pageLine struct {
	*document.Page
	Generation int64 `json:"generation,string"`
}

func encodeLine(out io.Writer, line any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(line)
}

// printRecord writes a document in readable form: the fields that are set, without the text.
func printRecord(out io.Writer, p *place, id string, r *document.Record) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer w.Flush()
	line := func(name, format string, args ...any) {
		if s := fmt.Sprintf(format, args...); s != "" && s != "0" {
			fmt.Fprintf(w, "%s\t%s\n", name, s)
		}
	}
	line("object", "%s", p.name(r))
	line("document", "%s", id)
	line("generation", "%d", r.Generation)
	line("status", "%s%s", plain(r.Status), detail(r))
	line("type", "%s", plain(r.ContentType))
	if r.Size > 0 {
		line("size", "%s", byteCount(r.Size))
	}
	line("pages", "%s", pageProgress(r))
	line("warnings", "%s", words(r.Warnings))
	line("model", "%s", plain(r.Model))
	line("copied from", "%s", plain(r.CopiedFrom))
	if r.Usage != (document.Usage{}) {
		line("tokens", "%s in, %s out", count(int64(r.Usage.PromptTokens)), count(int64(r.Usage.CompletionTokens)))
	}
	line("attempt", "%d", r.Attempt)
	if again := r.Rereading; again != nil {
		line("read again", "%s, requested %s by %s", readingAgain(r), moment(again.Requested), plain(again.By))
	}
	for _, n := range slices.Sorted(maps.Keys(r.Strikes)) {
		s := r.Strikes[n]
		line("strikes", "page %d: %d of the last %s", n, s.Count, plain(s.Code))
	}
	if r.Interruptions > 0 {
		line("interrupted", "%d times", r.Interruptions)
	}
	if r.Lease != nil {
		line("leased", "until %s", moment(r.Lease.Expires))
	}
	printTimes(line, r)
	if r.Status == document.StatusDone {
		line("text", "%s", textPlace(r))
	}
}

func printTimes(line func(string, string, ...any), r *document.Record) {
	for _, t := range []struct {
		name string
		at   time.Time
	}{
		{"created", r.Created}, {"started", r.Started}, {"updated", r.Updated}, {"finished", r.Finished},
		{"due", r.Due},
		{"erased for good", r.MarkerExpires},
	} {
		line(t.name, "%s", moment(t.at))
	}
	if !r.Retried.IsZero() {
		line("retried", "%s by %s", moment(r.Retried), oneLine(r.RetriedBy))
	}
}

// moment formats a time; empty for the zero time.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	since := time.Since(t)
	if since < 0 {
		return fmt.Sprintf("%s (in %s)", t.Local().Format(time.DateTime), age(-since))
	}
	return fmt.Sprintf("%s (%s ago)", t.Local().Format(time.DateTime), age(since))
}

func pageProgress(r *document.Record) string {
	if r.Pages == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d", r.PagesDone, r.Pages)
}

func textPlace(r *document.Record) string {
	if r.TextInPages {
		return "in the pages (--text joins them)"
	}
	return byteCount(int64(len(r.Text))) + " (--text shows it)"
}

func (s *showCmd) printPage(out io.Writer, pg document.Page) {
	state := fmt.Sprintf("%d × %d, %s of text", pg.Width, pg.Height, byteCount(int64(len(pg.Text))))
	switch {
	case pg.Error != nil:
		state = fmt.Sprintf("failed  %s: %s", plain(pg.Error.Code), oneLine(pg.Error.Message))
	case pg.Blank:
		state += ", blank"
	}
	if pg.Source == document.SourcePDFText {
		state = byteCount(int64(len(pg.Text))) + " of text, from the file itself"
	}
	if pg.Source == document.SourceCopy {
		state += ", copied"
	}
	if pg.Turned != 0 {
		state += fmt.Sprintf(", rotated by %d°", pg.Turned)
	}
	if len(pg.Blocks) > 0 {
		state += fmt.Sprintf(", %d blocks", len(pg.Blocks))
	}
	if len(pg.Warnings) > 0 {
		state += ", warning: " + words(pg.Warnings)
	}
	fmt.Fprintf(out, "page %-6d %s\n", pg.Page, state)
	if s.text {
		fmt.Fprintln(out, pg.Text)
	}
}
