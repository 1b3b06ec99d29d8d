package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"golang.org/x/text/unicode/norm"

	"github.com/bucketocr/bucketocr/internal/document"
)

const exportHelp = `Writes the texts of done documents to OUT: a folder (one NAME.md per text; from Firestore,
BUCKET/NAME.md), an archive NAME.zip with the same files, or NAME.jsonl with one line per document
that includes its text; - writes lines of JSON to standard output.

An export can be stopped and run again: documents that OUT already holds are skipped unless they
have changed since. In a .jsonl file a changed document is appended. --tables applies only to what
this run writes, so choose another OUT for another format.

With Firestore, costs one read per document examined, one per text, and one per page of texts
longer than 900,000 bytes.
` + placeText + `
Example: bucketocr export texts --prefix gs://my-scans/2025/
         bucketocr export --local inbox --tables markdown texts.zip
         bucketocr export - | jq -r .text
`

func exportFlags(fs *pflag.FlagSet) action {
	e := &exportCmd{dir: placeFlag(fs)}
	e.selection.flags(fs, true)
	e.tables = tableFlag(fs)
	return e.run
}

// exportCmd is one run of export.
type exportCmd struct {
	dir       *string
	selection selection
	tables    *choice
}

// exported is the progress of an export.
type exported struct {
	p        *place
	tables   tableFormat
	progress *progress

	mu              sync.Mutex
	out             sink
	names           map[string]string // ID by folded entry
	written, before int64
}

func (e *exportCmd) run(ctx context.Context, sys system, args []string) int {
	if len(args) != 1 {
		return complain(sys, "export", errors.New("name one folder, NAME.zip, NAME.jsonl, or - for standard output"))
	}
	if err := e.selection.check(); err != nil {
		return complain(sys, "export", err)
	}
	p, code := openPlace(sys, "export", *e.dir)
	if p == nil {
		return code
	}
	defer p.close()
	out, err := openSink(sys, args[0])
	if err != nil {
		return fail(ctx, sys, "export", err)
	}
	x := &exported{p: p, tables: tableFormat(e.tables.value), progress: newProgress(sys, false), out: out}
	if err = e.setTotal(ctx, x); err == nil {
		err = x.all(ctx, &e.selection)
	}
	x.progress.finish()
	err = errors.Join(err, out.close()) // complete the output even after an error
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintf(sys.stderr, "stopped after %s: run the same command again to continue\n",
				documents(int(x.written)))
		}
		return fail(ctx, sys, "export", err)
	}
	fmt.Fprintf(sys.stderr, "%s written, %s already up to date\n", documents(int(x.written)), count(x.before))
	return exitGood
}

// setTotal sets the total number of documents, if all are selected.
func (e *exportCmd) setTotal(ctx context.Context, x *exported) error {
	if e.selection.prefix != "" || e.selection.warning != "" {
		return nil
	}
	tally, err := x.p.records.Tally(ctx)
	total := tally.Records[document.StatusDone]
	if e.selection.limit > 0 {
		total = min(total, int64(e.selection.limit))
	}
	x.progress.of(total)
	return err
}

// exportAtOnce is the number of texts read concurrently.
const exportAtOnce = 8

func (x *exported) all(ctx context.Context, s *selection) error {
	texts, going := errgroup.WithContext(ctx)
	texts.SetLimit(exportAtOnce)
	err := s.each(going, x.p, func(r *document.Stored) error {
		if x.has(r.Record) {
			x.progress.add("")
			return nil
		}
		texts.Go(func() error { return x.one(going, r.Object().ID()) })
		return nil
	})
	if bad := texts.Wait(); bad != nil { // the reason why the listing ended
		return bad
	}
	return err
}

func (x *exported) has(r *document.Record) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.out.has(r.Object().ID(), x.entry(r), r.Updated) {
		return false
	}
	x.before++
	return true
}

func (x *exported) one(ctx context.Context, id string) error {
	r, text, err := exportedText(ctx, x.p.records, id)
	if err != nil || r == nil {
		return err
	}
	text = convertTables(text, x.tables)
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.out.add(x.entry(r), r, text); err != nil {
		return fmt.Errorf("%s: %w", x.p.name(r), err)
	}
	x.written++
	x.progress.add("")
	return nil
}

// exportedText returns a document and its text, or nil if the document has no text, or no longer exists.
func exportedText(ctx context.Context, records document.Store, id string) (*document.Record, string, error) {
	r, err := records.Get(ctx, id)
	if err != nil || r == nil || r.Status != document.StatusDone {
		return nil, "", err
	}
	text, err := document.Text(ctx, records, r.Record)
	return r.Record, text, err
}

// entry returns the document's file name in this export. The caller holds mu. Of names that some systems do not tell
// apart, since they differ only in case or Unicode form, the first one keeps its own.
func (x *exported) entry(r *document.Record) string {
	entry, id := exportEntry(x.p.bucket, r), r.Object().ID()
	folded := strings.ToLower(norm.NFC.String(entry))
	if x.names == nil {
		x.names = map[string]string{}
	}
	if x.names[folded] == "" {
		x.names[folded] = id
	}
	if x.names[folded] != id {
		return entryByID(id)
	}
	return entry
}

func entryByID(id string) string { return ".by-id/" + id + ".md" }

// exportEntry returns the slash-separated file name of a document's text; bucket is the folder's, empty if there may be
// several. No two documents share a file, and no document's file is another's folder. A document whose name is not
// portable uses its ID instead.
func exportEntry(bucket string, r *document.Record) string {
	name := r.Name
	if bucket == "" {
		name = r.Bucket + "/" + name
	}
	segments := strings.Split(name, "/")
	last := len(segments) - 1
	for i := range segments[:last] {
		if strings.HasSuffix(strings.ToLower(strings.TrimRight(segments[i], "~")), ".md") {
			segments[i] += "~"
		}
	}
	segments[last] += ".md"
	odd := func(s string) bool {
		return s == "" || s == "." || s == ".." || len(s) > 255 || strings.ContainsAny(s, `\:*?"<>|`) ||
			strings.ContainsFunc(s, obeyed) || s != strings.TrimRight(s, " .")
	}
	if slices.ContainsFunc(segments, odd) || !filepath.IsLocal(filepath.FromSlash(name)) {
		return entryByID(r.Object().ID())
	}
	return strings.Join(segments, "/")
}

// sameTime reports whether two times are equal to the second, the precision of archives.
func sameTime(a, b time.Time) bool { return a.Unix() == b.Unix() }
