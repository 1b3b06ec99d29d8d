package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
)

// firstLines is how many lines of a text a summary shows.
const firstLines = 6

// screen shows what happens, a line per change of a status, and keeps the texts' files in line with the records.
type screen struct {
	u     *upRun
	begun time.Time
	mu    sync.Mutex
	shown map[string]string // by id: what the last line said
}

func newScreen(u *upRun) *screen {
	return &screen{u: u, begun: time.Now(), shown: map[string]string{}}
}

// watch follows the records until ctx ends.
func (s *screen) watch(ctx context.Context) error {
	return s.u.records.Watch(ctx, func(_ string, r *document.Record) error { return s.show(ctx, r) })
}

// show writes the text of a finished record, and a line where its status is news. What was there before this run is not.
func (s *screen) show(ctx context.Context, r *document.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, state := r.Object().ID(), fmt.Sprintf("%s %d %d %d", r.Status, r.Generation, r.Attempt, r.PagesDone)
	if r.Bucket != s.u.bucket.Name() || s.shown[id] == state {
		return nil
	}
	s.shown[id] = state
	path, err := s.u.bucket.WriteText(ctx, s.u.records, r)
	if err != nil {
		fmt.Fprintf(s.u.sys.stderr, "bucketocr up: %s\n", oneLine(err.Error())) // one text's trouble is not the others'
	}
	if r.Updated.Before(s.begun) {
		return nil
	}
	tail := ""
	if path != "" {
		tail = " → " + plain(s.short(path))
	}
	_, err = fmt.Fprintf(s.u.sys.stdout, "%s  %-11s %s%s%s\n", r.Updated.Local().Format(time.TimeOnly), plain(r.Status), plain(r.Name), detail(r), tail)
	return err
}

// pageLines shows on the screen what was done to make each page, and passes the log on.
type pageLines struct {
	slog.Handler
	screen *screen
}

// Enabled lets the lines about pages pass whatever the level of the log is.
func (h pageLines) Enabled(context.Context, slog.Level) bool { return true }

func (h pageLines) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == worker.PageMade {
		said := map[string]string{}
		r.Attrs(func(a slog.Attr) bool { said[a.Key] = a.Value.String(); return true })
		h.screen.printLine(fmt.Sprintf("%s  %-11s %s  %s\n", time.Now().Format(time.TimeOnly), "page "+plain(said["page"]), plain(said["name"]), oneLine(said["how"])))
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

func (s *screen) printLine(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprint(s.u.sys.stdout, line)
}

// short is a path as seen from the folder that the user named.
func (s *screen) short(path string) string {
	dir, err := filepath.Abs(s.u.dir)
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, path); err == nil {
		return filepath.Join(s.u.dir, rel)
	}
	return path
}

// catchUp shows the last change of each object that the watch may have missed.
func (s *screen) catchUp(ctx context.Context) {
	for _, o := range s.u.bucket.Living() {
		if r, err := s.u.records.Get(ctx, o.ID()); err == nil && r != nil {
			_ = s.show(ctx, r.Record)
		}
	}
}

// summary shows the first lines of every text in the folder and where it lies, also of those that an earlier run made.
func (s *screen) summary(ctx context.Context) (int, error) {
	s.catchUp(ctx)
	out := s.u.sys.stdout
	var done, failed int
	for _, o := range s.u.bucket.Living() {
		r, err := s.u.records.Get(ctx, o.ID())
		switch {
		case err != nil:
			return exitFailed, err
		case r == nil || r.Generation != o.Generation:
			continue // not ours: skipped
		case r.Status == document.StatusFailed:
			failed++
			fmt.Fprintf(out, "\n%s\n  failed%s\n", plain(r.Name), reason(r.Record))
			continue
		}
		path, err := s.u.bucket.WriteText(ctx, s.u.records, r.Record)
		if err != nil {
			failed++
			fmt.Fprintf(out, "\n%s\n  read, but %s\n", plain(r.Name), oneLine(err.Error()))
			continue
		}
		done++
		fmt.Fprintf(out, "\n%s\n%s  → %s\n", plain(r.Name), excerpt(r.Record), plain(s.short(path)))
	}
	fmt.Fprintf(out, "\n%d done, %d failed\n", done, failed)
	if failed > 0 {
		return exitFailed, nil
	}
	return exitGood, nil
}

// excerpt is the first lines of a text, indented.
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
