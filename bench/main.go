// Command bench compares bucketocr's function with a naive baseline, the yardstick. Both run as separate processes
// against the same stand-ins, in the same run and in turns. docs/performance.md explains the figures.
//
//	go run -C bench . --quick        # all tables except peers: some fifteen minutes
//	go run -C bench . latency memory # some of the tables
//
// Files, in reading order:
//
//	main.go        the command
//	start.go       table: from exec to the first acknowledged event
//	throughput.go  table: CPU time per event
//	memory.go      table: peak resident memory
//	backlog.go     table: ten times the events
//	budget.go      table: a hard limit of memory
//	long.go        table: a document of 300 pages
//	burst.go       table: 10,000 events
//	latency.go     table: what one event takes
//	peers.go       table: other clients of the OCR service, on the same pages
//	bare.go        the remote calls alone
//	images.go      pictures
//	event.go       delivering events
//	process.go     the measured programs
//	figures.go     medians, units, tables in Markdown
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

const help = `Usage: go run -C bench . [--quick] [--rounds N] [--profile DIR] [TABLE...]

Measures the function against the yardstick (bench/yardstick) and prints tables in Markdown. Linux only. Tables:

  start       from exec to the first acknowledged event, compared with an empty function
  latency     time of one event less the waits of its remote calls; calls, documents and allocations per event
  throughput  CPU time per event with many in flight
  memory      peak resident memory by size of the image and number in flight
  backlog     ten times the events: ten times the time, the same memory
  budget      80 uploads of 60 megapixels at once under a hard limit of memory
  long        a document of 300 pages: time, calls and bytes per page, memory
  burst       10,000 one-page events at a deployed instance's concurrency: events/s and core, tail, allocations, memory
  peers       other clients on the same pages: openai-go, openai-node, httpx, openai-python. Runs only when named, and
              says how to install what is missing

Options:
`

// run is the state of one run of the command.
type run struct {
	ctx     context.Context
	out     io.Writer
	world   *standin.World
	bin     string // folder of the built programs
	env     []string
	rounds  int
	events  int // per block
	profile string
	serial  int // numbers object names
}

var tables = []struct {
	name    string
	measure func(*run) error
}{
	{"start", start}, {"latency", latency}, {"throughput", throughput}, {"memory", memory}, {"backlog", backlog},
	{"budget", budget}, {"long", long}, {"burst", burst}, {"peers", peers},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := bench(ctx, os.Stdout, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, out io.Writer, args []string) error {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.Usage = func() { fmt.Fprint(fs.Output(), help); fs.PrintDefaults() }
	quick := fs.Bool("quick", false, "fewer rounds")
	rounds := fs.Int("rounds", 0, "turns of each side (default 15, with --quick 5)")
	profile := fs.String("profile", "", "folder to write CPU profiles of the latency and throughput tables to")
	if err := fs.Parse(args); err != nil {
		return err
	}
	r := &run{ctx: ctx, out: out, rounds: 15, events: 20, profile: *profile}
	if *quick {
		r.rounds, r.events = 5, 12
	}
	if *rounds > 0 {
		r.rounds = *rounds
	}
	done, err := r.prepare()
	if err != nil {
		return err
	}
	defer done()
	fmt.Fprintf(out, "%s, %s\n", machine(), time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	return r.measure(fs.Args())
}

// measure prints the named tables, or all.
func (r *run) measure(names []string) error {
	for _, n := range names {
		if !slices.ContainsFunc(tables, func(t struct {
			name    string
			measure func(*run) error
		}) bool {
			return t.name == n
		}) {
			return fmt.Errorf("unknown table %q", n)
		}
	}
	for _, t := range tables {
		if !slices.Contains(names, t.name) && (len(names) > 0 || t.name == "peers") {
			continue
		}
		fmt.Fprintf(r.out, "\n### %s\n\n", strings.ToUpper(t.name[:1])+t.name[1:])
		if err := t.measure(r); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}
