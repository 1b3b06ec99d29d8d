// Command bucketocr runs the function here, and works with what it has done.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	pageimage "github.com/bucketocr/bucketocr/internal/page"
)

// Exit codes of all commands.
const (
	exitGood        = 0
	exitFailed      = 1 // something failed
	exitUsage       = 2 // wrong arguments or configuration
	exitInterrupted = 130
)

// system is what a command has of the outside.
type system struct {
	stdout, stderr io.Writer
	lookup         func(name string) (string, bool)       // the environment
	backoff        func(attempt int) (wait time.Duration) // until a local redelivery
}

func commands() []command {
	return []command{
		{"up", "[--once] [DIR]", "turn the images in DIR (default ./inbox) into text, here, without an account or a GPU", text(upHelp), upFlags},
		{"ui", "[--local DIR]", "look at the documents on a live page", text(uiHelp), uiFlags},
		{"serve", "", "serve the function as Cloud Run runs it, on $PORT", serveHelp, serveFlags},
		{"backfill", "gs://BUCKET[/PREFIX] | --local DIR", "deliver what is in a bucket already", text(backfillHelp), backfillFlags},
		{"retry", "[SELECTION | OBJECT ...]", "ask for another try of what failed, is stuck or was read badly", text(retryHelp), retryFlags},
		{"watch", "[--status STATUSES]", "show what happens, a line for each change", text(watchHelp), watchFlags},
		{"show", "OBJECT", "show one object's document", text(showHelp), showFlags},
		{"stats", "[--since DURATION]", "count documents, pages and tokens", text(statsHelp), statsFlags},
		{"plan", "--gpu TYPE", "reckon what a load needs: GPUs, instances, writes, seconds, and money once prices are filled in", text(planHelp), planFlags},
		{"completion", "bash|zsh|fish", "write a script that completes commands and flags in your shell", text(completionHelp), completionFlags},
	}
}

func main() {
	pageimage.ServeIfDecoder()
	os.Exit(run(untilSignal(), system{os.Stdout, os.Stderr, os.LookupEnv, platformBackoff}, os.Args[1:]))
}

// signaled is why a context ended: a person or the platform wants us to stop.
type signaled struct{ os.Signal }

func (s signaled) Error() string { return s.String() }

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

// stoppedCode is the exit code after a signal: Ctrl-C is an interruption, SIGTERM an orderly end.
func stoppedCode(ctx context.Context) int {
	if s, ok := errors.AsType[signaled](context.Cause(ctx)); ok && s.Signal == syscall.SIGTERM {
		return exitGood
	}
	return exitInterrupted
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
