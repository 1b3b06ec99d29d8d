// Command bucketocr runs the function here, and works with what it has done.
//
// Files, in reading order:
//
//	main.go           the commands, and which one runs
//	completion.go     completion: scripts for shells, made from the commands
//	up.go             up: a folder as bucket, from its first scan to its last text
//	screen.go         what up shows
//	ocrservice.go     the OCR service of up
//	child_unix.go     a child process that Ctrl-C does not reach
//	child_windows.go  the same on Windows
//	eventarc.go       delivery of events inside of up
//	ui.go             ui: the live page alone
//	livepage.go       the live page, as ui and up serve it
//	serve.go          serve: the function as Cloud Run runs it
//	backfill.go       backfill: what is in a bucket already
//	reconcile.go      reconcile: what lost events left
//	topic.go          backfill's delivery by way of a topic
//	estimate.go       its estimate of time and cost
//	retry.go          retry: another try
//	watch.go          watch: a line for each change
//	show.go           show: one document
//	stats.go          stats: counts
//	plan.go           plan: what a load needs
//	target.go         the function that a command posts to
//	place.go          the documents and objects that a command works with
//	progress.go       how far a long command has come
//	lines.go          records and numbers for people
//	terminal.go       names and texts, harmless on a terminal
//	command.go        what every command has: flags, streams, exit codes, errors
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	pageimage "github.com/bucketocr/bucketocr/internal/page"
)

func commands() []command {
	return []command{
		{"up", "[--once] [DIR]", "turn the images in DIR (default ./inbox) into text, here, without an account or a GPU", text(upHelp), upFlags},
		{"ui", "[--local DIR]", "look at the documents on a live page", text(uiHelp), uiFlags},
		{"serve", "", "serve the function as Cloud Run runs it, on $PORT", serveHelp, serveFlags},
		{"backfill", "gs://BUCKET[/PREFIX] | --local DIR", "deliver what is in a bucket already", text(backfillHelp), backfillFlags},
		{"reconcile", "gs://BUCKET[/PREFIX] | --local DIR", "find what lost events left, and have it read or erased", text(reconcileHelp), reconcileFlags},
		{"retry", "[SELECTION | OBJECT ...]", "ask for another try of what failed, is stuck or was read badly", text(retryHelp), retryFlags},
		{"watch", "[--status STATUSES]", "show what happens, a line for each change", text(watchHelp), watchFlags},
		{"show", "OBJECT", "show one object's document", text(showHelp), showFlags},
		{"stats", "[--since DURATION]", "count documents, pages and tokens", text(statsHelp), statsFlags},
		{"plan", "--gpu TYPE", "estimate what a load needs: GPUs, instances, writes, seconds, and money once prices are filled in", text(planHelp), planFlags},
		{"completion", "bash|zsh|fish", "write a script that completes commands and flags in your shell", text(completionHelp), completionFlags},
	}
}

func main() {
	pageimage.ServeIfDecoder()
	os.Exit(run(untilSignal(), system{onTerminal(os.Stdout), onTerminal(os.Stderr), os.LookupEnv, platformBackoff}, os.Args[1:]))
}

// untilSignal is a context that ends at the first Ctrl-C or SIGTERM. The second one ends the process at once.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		signal.Stop(signals)
		cancel(signaled{s})
	}()
	return ctx
}

// run does one command and returns the exit code.
func run(ctx context.Context, sys system, args []string) int {
	if len(args) == 0 {
		usage(sys.stderr)
		return exitUsage
	}
	if c, ok := find(args[0]); ok {
		return c.run(ctx, sys, args[1:])
	}
	switch args[0] {
	case "help", "-h", "-help", "--help":
		if len(args) > 1 {
			return run(ctx, sys, []string{args[1], "--help"})
		}
		usage(sys.stdout)
		return exitGood
	}
	fmt.Fprintf(sys.stderr, "bucketocr: there is no command %q\n\n", args[0])
	usage(sys.stderr)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Images dropped into a bucket become text in Firestore.\n\nUsage: bucketocr COMMAND [ARGUMENTS]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  bucketocr %-11s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, "\nbucketocr COMMAND --help says more. Exit codes: 0 all good, 1 something failed, 2 wrong arguments or\n"+
		"configuration, 130 interrupted.\n")
}

// find returns the command of a name.
func find(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}
