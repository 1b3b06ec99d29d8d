package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/document"
)

// system is what a command has of the outside.
type system struct {
	stdout, stderr io.Writer
	lookup         func(name string) (string, bool)       // the environment
	backoff        func(attempt int) (wait time.Duration) // until a local redelivery
	stdin          io.Reader
	engines        string // folder of compiled decoders; "": none
}

// Exit codes of all commands.
const (
	exitGood        = 0
	exitFailed      = 1 // something failed
	exitUsage       = 2 // wrong arguments or configuration
	exitInterrupted = 130
)

// command is one sub-command.
type command struct {
	name  string
	args  string // as the usage line shows them
	group group
	short string // one sentence
	help  func() string
	// flags declares the command's flags and returns what runs when they are read.
	flags func(fs *pflag.FlagSet) action
	words completer // completes the arguments that are no flags
}

// action does a command's work with the arguments that are no flags, and returns an exit code; it has told the reason
// by then.
type action func(ctx context.Context, sys system, args []string) int

// text is help that is always the same.
func text(help string) func() string { return func() string { return help } }

// cobra returns the command as the library takes it. Its exit code goes to code.
func (c command) cobra(ctx context.Context, sys system, code *int) *cobra.Command {
	cmd := &cobra.Command{
		Use: strings.TrimSpace(c.name + " " + c.args), Short: c.short, Long: c.help(),
		DisableFlagsInUseLine: true, Args: cobra.ArbitraryArgs,
	}
	cmd.Flags().SortFlags = false
	do := c.flags(cmd.Flags())
	cmd.Run = func(_ *cobra.Command, args []string) { *code = do(ctx, sys, args) }
	completeWords(cmd, sys, c.words)
	return cmd
}

// complain says in one sentence why a command's arguments or settings are wrong. An empty name is the program's.
func complain(sys system, name string, err error) int {
	program := strings.TrimSpace("bucketocr " + name)
	fmt.Fprintf(sys.stderr, "%s: %s (%s --help says more)\n", program, clean(err.Error()), program)
	return exitUsage
}

// fail says why a command could not do its work, or that it was told to stop: its work is not all done then, whatever
// the reason.
func fail(ctx context.Context, sys system, name string, err error) int {
	if ctx.Err() != nil {
		return exitInterrupted
	}
	fmt.Fprintf(sys.stderr, "bucketocr %s: %s\n", name, clean(err.Error()))
	if errors.Is(err, document.ErrStoreMisconfigured) {
		return exitUsage
	}
	return exitFailed
}

// signaled is why a context ended: a person or the platform wants us to stop.
type signaled struct{ os.Signal }

func (s signaled) Error() string { return s.String() }

// stoppedCode is the exit code after a signal: Ctrl-C is an interruption, SIGTERM an orderly end.
func stoppedCode(ctx context.Context) int {
	if s, ok := errors.AsType[signaled](context.Cause(ctx)); ok && s.Signal == syscall.SIGTERM {
		return exitGood
	}
	return exitInterrupted
}

// rootCause returns the innermost error: what the operating system said, without the call that it said it to.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// when is a moment given as one, as a day, or as how long ago.
type when struct{ time.Time }

// String is [pflag.Value].
func (w *when) String() string {
	if w == nil || w.IsZero() {
		return ""
	}
	return w.Format(time.RFC3339)
}

// Type is [pflag.Value].
func (*when) Type() string { return "TIME" }

// Set is [pflag.Value].
func (w *when) Set(s string) error {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		w.Time = time.Now().Add(-d)
		return nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days, "%d", &n); err == nil && n >= 0 && fmt.Sprint(n) == days {
			w.Time = time.Now().AddDate(0, 0, -n)
			return nil
		}
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			w.Time = t
			return nil
		}
	}
	return errors.New("write it as 90m or 7d (ago), 2026-11-24, or 2026-11-24T10:00:00Z")
}

// choice is a flag's value that is one of some words.
type choice struct {
	value string
	of    []string
}

// String is [pflag.Value].
func (c *choice) String() string { return c.value }

// Type is [pflag.Value].
func (*choice) Type() string { return "WORD" }

// Set is [pflag.Value].
func (c *choice) Set(s string) error {
	if !slices.Contains(c.of, s) {
		return fmt.Errorf("it is one of %s", strings.Join(c.of, ", "))
	}
	c.value = s
	return nil
}
