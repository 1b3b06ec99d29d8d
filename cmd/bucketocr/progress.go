package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Intervals between updates of the progress shown.
const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 10 * time.Second // without a bar
)

// progress shows the progress of a long command: a progress bar on a terminal, otherwise an occasional line. It writes
// to standard error, to keep standard output free for results. Its methods may be called concurrently.
type progress struct {
	out   io.Writer
	bar   bool
	begun time.Time
	stop  chan struct{}
	ended chan struct{}

	words func(now time.Time) string // text shown instead of a count; nil for a count

	mu     sync.Mutex
	done   int64
	total  int64 // 0 while unknown
	extra  string
	showed bool   // the bar is on the screen's last line
	last   string // its content
}

// newProgress starts a display of counts, unless quiet.
func newProgress(sys system, quiet bool) *progress { return newFooter(sys, quiet, nil) }

// newFooter starts a display of the given words instead of counts.
func newFooter(sys system, quiet bool, words func(now time.Time) string) *progress {
	p := &progress{out: sys.stderr, begun: time.Now(), stop: make(chan struct{}), ended: make(chan struct{}),
		words: words}
	if t, ok := sys.stderr.(*terminal); ok && movesCursor(sys) {
		p.out, p.bar = t.raw, true // a bar needs control characters; the rest of its text is trusted
	}
	if quiet {
		close(p.ended)
		return p
	}
	every := lineEvery
	if p.bar {
		every = barEvery
	}
	go p.loop(every)
	return p
}

func (p *progress) loop(every time.Duration) {
	defer close(p.ended)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.draw(time.Now())
		case <-p.stop:
			return
		}
	}
}

// add counts one more item as done. extra is shown after the count.
func (p *progress) add(extra string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.extra = extra
}

// of sets the total.
func (p *progress) of(total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = total
}

// printLine writes a line, above the bar if one is shown.
func (p *progress) printLine(out io.Writer, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintln(out, line)
}

// hide clears the bar, so that something else can be written. The next update shows it again.
func (p *progress) hide() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// finish stops the display and clears the bar. It may be called twice.
func (p *progress) finish() {
	p.mu.Lock()
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.clear()
	p.mu.Unlock()
	<-p.ended
}

func (p *progress) clear() {
	if p.showed {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.showed = false
	}
}

func (p *progress) draw(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.line(now)
	if p.words != nil {
		line = p.words(now)
	}
	if !p.bar {
		fmt.Fprintln(p.out, line)
		return
	}
	if p.showed && line == p.last {
		return
	}
	fmt.Fprint(p.out, "\r\x1b[K"+line)
	p.showed, p.last = true, line
}

// barWidth is the width of the bar, in characters.
const barWidth = 24

// line returns the progress in words: count, total, pace and remaining time.
func (p *progress) line(now time.Time) string {
	took := now.Sub(p.begun)
	pace := float64(p.done) / max(took.Seconds(), 0.001)
	s := fmt.Sprintf("%s, %.1f/s", objects(p.done), pace)
	if p.total > 0 {
		share := min(float64(p.done)/float64(p.total), 1)
		s = fmt.Sprintf("%3d %%  %s of %s, %.1f/s", int(100*share), count(p.done), count(p.total), pace)
		if p.bar {
			full := int(share * barWidth)
			s = "[" + strings.Repeat("=", full) + strings.Repeat(" ", barWidth-full) + "] " + s
		}
		if left := p.total - p.done; left > 0 && pace > 0 {
			s += ", " + age(time.Duration(float64(left)/pace*float64(time.Second))) + " left"
		}
	}
	if p.extra != "" {
		s += "  " + p.extra
	}
	return s
}
