package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
)

// firstLines is the number of lines of each text in the summary.
const firstLines = 6

// screen prints a line for each finished object, and keeps the text files in step with the records. On a terminal it
// also shows the overall progress in a footer.
type screen struct {
	u      *upRun
	begun  time.Time
	out    *treeSink // nil: texts are written only to the folder
	footer *progress
	colour bool
	counts counts
	mu     sync.Mutex
	shown  map[string]string // by ID: the state last shown

	unwritten map[string]bool // by ID: texts that could not be written

	stopping atomic.Bool // records released from now on are left to the next run
}

func newScreen(u *upRun) (*screen, error) {
	s := &screen{u: u, begun: time.Now(), shown: map[string]string{}, unwritten: map[string]bool{},
		counts: counts{states: map[string]counted{}}}
	if u.out != "" {
		if u.out == "-" || isLines(u.out) || isZip(u.out) {
			return nil, fmt.Errorf("--out %s is not a folder: bucketocr export writes archives and lines", plain(u.out))
		}
		var err error
		if s.out, err = openTree(u.out); err != nil {
			return nil, err
		}
	}
	noColour, _ := u.sys.lookup("NO_COLOR")
	s.colour = movesCursor(u.sys) && noColour == ""
	s.footer = newFooter(u.sys, !movesCursor(u.sys), func(now time.Time) string {
		return s.counts.line(now.Sub(s.begun), u.posting.Load())
	})
	return s, nil
}

// close removes the footer. It may be called twice.
func (s *screen) close() {
	s.footer.finish()
	if s.out != nil {
		_ = s.out.close()
	}
}

// say prints a line.
func (s *screen) say(format string, args ...any) {
	s.footer.printLine(s.u.sys.stderr, fmt.Sprintf(format, args...))
}

// colours maps statuses to ANSI colour codes.
var colours = map[document.Status]string{
	document.StatusDone: "32", document.StatusFailed: "31", document.StatusRetrying: "33"}

// sayStatus prints a line about a record.
func (s *screen) sayStatus(r *document.Record, rest string) {
	at, word := r.Updated.Local().Format(time.TimeOnly), plain(r.Status)
	rest = plain(r.Name) + rest
	if t, ok := s.u.sys.stderr.(*terminal); ok && s.colour && colours[r.Status] != "" {
		s.footer.printLine(t.raw, fmt.Sprintf("%s  \x1b[%sm%-11s\x1b[0m %s", at, colours[r.Status], word, clean(rest)))
		return
	}
	s.say("%s  %-11s %s", at, word, rest)
}

// watch follows the records until ctx ends.
func (s *screen) watch(ctx context.Context) error {
	return s.u.records.Watch(ctx, func(_ string, r *document.Record) error { return s.show(ctx, r) })
}

// show writes the text of a finished record, and prints a line if its status is new in this run. A document that is
// read again gets its line when that is over.
func (s *screen) show(ctx context.Context, r *document.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := workStatus(r)
	id := r.Object().ID()
	state := fmt.Sprintf("%s %d %d %d %d", status, r.Generation, r.Attempt, r.PagesDone, r.Finished.UnixNano())
	if r.Bucket != s.u.bucket.Name() || s.shown[id] == state {
		return nil
	}
	s.shown[id] = state
	s.counts.note(id, r, r.Updated.Before(s.begun))
	path, err := s.writeText(ctx, r)
	delete(s.unwritten, id)
	if err != nil {
		s.say("bucketocr up: %s", oneLine(err.Error())) // an error with one text must not stop the others
		s.unwritten[id] = true
	}
	if r.Updated.Before(s.begun) || status != r.Status || status == document.StatusProcessing && !s.u.verbose {
		return nil
	}
	tail := ""
	switch {
	case path != "":
		tail = " → " + plain(path)
	case r.Status == document.StatusFailed && r.Error != nil:
		tail = " (" + document.Code(r.Error.Code).Summary + ")"
	}
	about := detail(r)
	if s.stopping.Load() && r.Status == document.StatusRetrying {
		about = fmt.Sprintf("  %d of %s read; the next run continues", r.PagesDone, pageCount(max(r.Pages, 1)))
	}
	s.sayStatus(r, about+tail)
	return nil
}

// writeAgain tries again to write the texts that could not be written, until one fails again.
func (s *screen) writeAgain(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.unwritten {
		stored, err := s.u.records.Get(ctx, id)
		if err != nil || stored == nil {
			return
		}
		path, err := s.writeText(ctx, stored.Record)
		if err != nil {
			return
		}
		delete(s.unwritten, id)
		if path != "" {
			s.say("%s  %-11s %s → %s", time.Now().Format(time.TimeOnly), "written", plain(stored.Name), plain(path))
		}
	}
}

// writeText brings the files of a text in step with its record, and returns the path to show.
func (s *screen) writeText(ctx context.Context, r *document.Record) (string, error) {
	path, err := s.u.bucket.WriteText(ctx, s.u.records, r)
	if err == nil && path == "" && s.out != nil {
		return "", s.out.remove(exportEntry(s.u.bucket.Name(), r))
	}
	if err != nil || path == "" || s.out == nil {
		return s.short(path), err
	}
	entry := exportEntry(s.u.bucket.Name(), r)
	if !r.Updated.Before(s.begun) || !s.out.has("", entry, r.Updated) { // a file's time may be that of the second
		text, err := document.Text(ctx, s.u.records, r)
		if err != nil {
			return "", err
		}
		if err := s.out.add(entry, r, text); err != nil {
			return "", err
		}
	}
	return filepath.Join(s.u.out, filepath.FromSlash(entry)), nil
}

// pageLines is a log handler that shows the processing steps of each page on the screen, if requested, and passes all
// records on.
type pageLines struct {
	slog.Handler
	screen *screen
}

// Enabled accepts all levels, since lines about pages are shown whatever the level of the log.
func (h pageLines) Enabled(context.Context, slog.Level) bool { return true }

func (h pageLines) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == worker.PageMade && h.screen.u.verbose {
		said := map[string]string{}
		r.Attrs(func(a slog.Attr) bool { said[a.Key] = a.Value.String(); return true })
		h.screen.say("%s  %-11s %s  %s", time.Now().Format(time.TimeOnly), "page "+plain(said["page"]),
			plain(said["name"]), oneLine(said["how"]))
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h pageLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return pageLines{h.Handler.WithAttrs(attrs), h.screen}
}

func (h pageLines) WithGroup(name string) slog.Handler {
	return pageLines{h.Handler.WithGroup(name), h.screen}
}

// short returns a path below the folder as the user named it.
func (s *screen) short(path string) string {
	if path == "" {
		return ""
	}
	dir, err := filepath.Abs(s.u.dir)
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil {
		return filepath.Join(s.u.dir, rel)
	}
	return path
}

// catchUp shows the final state of records whose last change the watch may have missed.
func (s *screen) catchUp(ctx context.Context) {
	for _, o := range s.u.bucket.Living() {
		if r, err := s.u.records.Get(ctx, o.ID()); err == nil && r != nil {
			_ = s.show(ctx, r.Record)
		}
	}
}

// summary prints the path and the first lines of every text from this run, and the totals. It returns the number of
// failed objects.
func (s *screen) summary(ctx context.Context) (int, error) {
	s.catchUp(ctx)
	s.footer.finish()
	out := s.u.sys.stdout
	var done, failed, before int
	for _, o := range s.u.bucket.Living() {
		r, err := s.u.records.Get(ctx, o.ID())
		switch {
		case err != nil:
			return exitFailed, err
		case r == nil || r.Generation != o.Generation || r.Status == document.StatusDeleted:
			continue // skipped: not an image
		case r.Status == document.StatusFailed:
			failed++
			fmt.Fprintf(out, "%s\n  failed%s\n\n", plain(r.Name), reason(r.Record))
			continue
		}
		done++
		if r.Updated.Before(s.begun) {
			before++
			continue
		}
		path, err := s.writeText(ctx, r.Record)
		if err != nil {
			done, failed = done-1, failed+1
			fmt.Fprintf(out, "%s\n  read, but %s\n\n", plain(r.Name), oneLine(err.Error()))
			continue
		}
		fmt.Fprintf(out, "%s\n%s  → %s\n\n", plain(r.Name), excerpt(r.Record), plain(path))
	}
	tail := ""
	switch {
	case done+failed == 0:
		tail = ": no images or PDFs to read in " + plain(s.u.dir)
	case before > 0:
		tail = fmt.Sprintf(", %d of them read before", before)
	}
	fmt.Fprintf(out, "%d done, %d failed%s\n", done, failed, tail)
	if failed > 0 {
		return exitFailed, nil
	}
	return exitGood, nil
}

// farewell prints how a run that was stopped ended.
func (s *screen) farewell() {
	if n := s.counts.inWork() + s.counts.of(document.StatusRetrying) + int64(s.u.bucket.Waiting()); n > 0 {
		s.say("stopped: %s still to be read; run bucketocr up again to continue", objects(n))
		return
	}
	s.say("stopped: nothing left to read")
}

// excerpt returns the first lines of a text, indented.
func excerpt(r *document.Record) string {
	if r.Blank {
		return "  (blank: no text on it)\n"
	}
	var b strings.Builder
	n := 0
	for line := range strings.Lines(r.Text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if n++; n > firstLines {
			b.WriteString("  …\n")
			break
		}
		fmt.Fprintf(&b, "  %s\n", oneLine(line))
	}
	return b.String()
}
