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

// system holds everything that a command uses of its environment.
type system struct {
	stdout, stderr io.Writer
	lookup         func(name string) (string, bool)       // environment variable
	backoff        func(attempt int) (wait time.Duration) // before a local redelivery
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
	// flags declares the command's flags and returns the action to run once they are parsed.
	flags func(fs *pflag.FlagSet) action
	words completer // completes arguments other than flags
}

// action runs a command with its arguments other than flags and returns an exit code, after printing the reason for a
// failure.
type action func(ctx context.Context, sys system, args []string) int

// text returns a function that returns a fixed help text.
func text(help string) func() string { return func() string { return help } }

// cobra returns the command for the library. Running it stores the exit code in code.
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

// complain prints why a command's arguments or settings are wrong, in one sentence, and returns the exit code for it.
// An empty name stands for the program itself.
func complain(sys system, name string, err error) int {
	program := strings.TrimSpace("bucketocr " + name)
	fmt.Fprintf(sys.stderr, "%s: %s (%s --help says more)\n", program, clean(err.Error()), program)
	return exitUsage
}

// fail prints why a command failed, and returns its exit code. A command that was told to stop is reported as stopped,
// since its work is incomplete whatever the error.
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

// signaled is the cause of a context that was cancelled by a signal from the user or the platform.
type signaled struct{ os.Signal }

func (s signaled) Error() string { return s.String() }

// stoppedCode returns the exit code after a signal: Ctrl-C is an interruption, SIGTERM an orderly shutdown.
func stoppedCode(ctx context.Context) int {
	if s, ok := errors.AsType[signaled](context.Cause(ctx)); ok && s.Signal == syscall.SIGTERM {
		return exitGood
	}
	return exitInterrupted
}

// rootCause returns the innermost error: the operating system's message without the failed call.
func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// when is a flag value for a moment, given as a time, a day, or an age.
type when struct{ time.Time }

// String implements [pflag.Value].
func (w *when) String() string {
	if w == nil || w.IsZero() {
		return ""
	}
	return w.Format(time.RFC3339)
}

// Type implements [pflag.Value].
func (*when) Type() string { return "TIME" }

// Set implements [pflag.Value].
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

// choice is a flag value that must be one of a set of words.
type choice struct {
	value string
	of    []string
}

// String implements [pflag.Value].
func (c *choice) String() string { return c.value }

// Type implements [pflag.Value].
func (*choice) Type() string { return "WORD" }

// Set implements [pflag.Value].
func (c *choice) Set(s string) error {
	if !slices.Contains(c.of, s) {
		return fmt.Errorf("must be one of %s", strings.Join(c.of, ", "))
	}
	c.value = s
	return nil
}
