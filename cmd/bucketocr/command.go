package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// command is one sub-command.
type command struct {
	name  string
	args  string // as the usage line shows them
	short string // one sentence
	help  func() string
	// flags declares the command's flags and gives what runs when they are read.
	flags func(fs *flag.FlagSet) action
}

// action does a command's work with the arguments that are no flags, and returns an exit code; it has told the reason by
// then.
type action func(ctx context.Context, sys system, args []string) int

// text is help that is always the same.
func text(help string) func() string { return func() string { return help } }

// find gives the command of a name.
func find(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

// flagSet declares a command's flags.
func (c command) flagSet() (*flag.FlagSet, action) {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs, c.flags(fs)
}

// run reads the command's flags, which may stand behind its arguments too, and does its work.
func (c command) run(ctx context.Context, sys system, args []string) int {
	fs, do := c.flagSet()
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			return c.refuse(sys, fs, err)
		}
		if fs.NArg() == 0 {
			return do(ctx, sys, rest)
		}
		if parsed := args[:len(args)-fs.NArg()]; len(parsed) > 0 && parsed[len(parsed)-1] == "--" {
			return do(ctx, sys, append(rest, fs.Args()...))
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}

// refuse ends a command that was asked for help or got wrong flags.
func (c command) refuse(sys system, fs *flag.FlagSet, err error) int {
	if !errors.Is(err, flag.ErrHelp) {
		return complain(sys, c.name, err)
	}
	fmt.Fprintf(sys.stdout, "%s\n\n%s", strings.TrimRight("Usage: bucketocr "+c.name+" "+c.args, " "), c.help())
	some := false
	fs.VisitAll(func(*flag.Flag) { some = true })
	if some {
		fmt.Fprintln(sys.stdout, "\nFlags:")
		fs.SetOutput(sys.stdout)
		fs.PrintDefaults()
	}
	return exitGood
}

// complain says in one sentence why a command's arguments or settings are wrong.
func complain(sys system, name string, err error) int {
	fmt.Fprintf(sys.stderr, "bucketocr %s: %v (bucketocr %s --help says more)\n", name, err, name)
	return exitUsage
}

// fail says why a command could not do its work, or that it was told to stop: its work is not all done then, whoever said so.
func fail(ctx context.Context, sys system, name string, err error) int {
	if ctx.Err() != nil {
		return exitInterrupted
	}
	fmt.Fprintf(sys.stderr, "bucketocr %s: %v\n", name, err)
	return exitFailed
}
