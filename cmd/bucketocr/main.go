// Command bucketocr runs the function locally and manages the documents that it has written.
//
// Files, in reading order:
//
//	main.go           table of commands, and dispatch
//	man.go            man pages from the help texts
//	help.go           help, within 80 columns
//	completion.go     completion in shells: commands, flags and words
//	up.go             up: a folder as a bucket, from its first scan to its last text
//	screen.go         up's output
//	counts.go         up's progress
//	read.go           read: text of files
//	readfiles.go      read's arguments: files and pages
//	readrun.go        the function applied to these files
//	ocrservice.go     the OCR service of up
//	child_unix.go     child processes that Ctrl-C does not reach
//	child_windows.go  the same on Windows
//	eventarc.go       delivery of events within up
//	ui.go             ui: the live page alone
//	livepage.go       the live page of ui and up
//	idle.go           whether waiting documents are being read
//	operation.go      this process in the page's activity view
//	serve.go          serve: the function as Cloud Run runs it
//	backfill.go       backfill: events for existing objects
//	reconcile.go      reconcile: repair after lost events
//	topic.go          backfill's delivery through a topic
//	estimate.go       backfill's estimate of time and cost
//	retry.go          retry: another try for objects
//	watch.go          watch: a line for each change
//	show.go           show: one document
//	list.go           list: a line for each document
//	export.go         export: the texts of documents
//	exportsink.go     folders, archives and JSON lines to export to
//	selection.go      documents selected by list and export
//	tables.go         tables in texts, converted for other tools
//	delete.go         delete: documents, without their objects
//	stats.go          stats: counts
//	plan.go           plan: capacity and cost of a load
//	version.go        version: the program's build
//	target.go         the function that commands post to
//	place.go          the documents and objects that commands use
//	progress.go       progress of long commands
//	lines.go          records and numbers in words
//	terminal.go       names and texts, safe for a terminal
//	command.go        common to all commands: flags, streams, exit codes, errors
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	pageimage "github.com/bucketocr/bucketocr/internal/page"
)

// group is the heading under which help lists a command.
type group string

// The groups of commands.
const (
	reading  group = "Read images and PDFs"
	looking  group = "Look at what was read"
	again    group = "Change what was read"
	planning group = "Everything else"
)

func commands() []command {
	return []command{
		{"up", "[--once] [DIR]", reading, "turn the images in a folder into text, locally, without an account",
			text(upHelp), upFlags, folders},
		{"read", "FILE ... | -", reading, "read images and PDFs, and print their text", text(readHelp), readFlags,
			files},
		{"serve", "", reading, "serve the function as Cloud Run runs it, on $PORT", serveHelp, serveFlags, nothing},
		{"ui", "[--local DIR]", looking, "browse the documents on a live page", text(uiHelp), uiFlags, nothing},
		{"list", "[--status STATUSES]", looking, "list documents, one per line", text(listHelp), listFlags, nothing},
		{"watch", "[--status STATUSES]", looking, "show documents as they change, one line per change", text(watchHelp),
			watchFlags, nothing},
		{"show", "OBJECT", looking, "show one object's document", text(showHelp), showFlags, objectNames},
		{"export", "OUT | -", looking, "write texts to a folder, an archive or lines of JSON", text(exportHelp),
			exportFlags, files},
		{"stats", "[--since DURATION]", looking, "count documents, pages and tokens", text(statsHelp), statsFlags,
			nothing},
		{"retry", "[SELECTION | OBJECT ...]", again, "retry objects that failed, are stuck or were misread",
			text(retryHelp),
			retryFlags, objectNames},
		{"backfill", "gs://BUCKET[/PREFIX] | --local DIR", again, "deliver events for objects already in a bucket",
			text(backfillHelp), backfillFlags, nothing},
		{"reconcile", "gs://BUCKET[/PREFIX] | --local DIR", again,
			"find and redeliver lost events", text(reconcileHelp), reconcileFlags, nothing},
		{"delete", "OBJECT ...", again, "delete documents, but not their objects", text(deleteHelp), deleteFlags,
			objectNames},
		{"plan", "--gpu TYPE", planning, "estimate what a load needs and costs", text(planHelp), planFlags, nothing},
		{"completion", "bash|zsh|fish|powershell", planning, "write a completion script for your shell",
			text(completionHelp), completionFlags, shellNames},
		{"man", "DIR", planning, "write man pages", text(manHelp), manFlags, files},
		{"version", "", planning, "print the version", text(versionHelp), versionFlags, nothing},
	}
}

func main() {
	pageimage.ServeIfDecoder()
	sys := system{onTerminal(os.Stdout), onTerminal(os.Stderr), os.LookupEnv, platformBackoff, fromTerminal(os.Stdin),
		engineFolder()}
	os.Exit(run(untilSignal(), sys, os.Args[1:]))
}

// engineFolder returns where compiled decoders are: what came with the program, as in a container's image, else a
// folder in this user's cache; "" where there is none.
func engineFolder() string {
	if shipped := pageimage.ShippedEngines(); shipped != "" {
		return shipped
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "bucketocr", "engines")
}

// untilSignal returns a context that ends at the first Ctrl-C or SIGTERM, or when the terminal is closed unless under
// nohup. A second signal ends the process at once.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		s := <-signals
		signal.Ignore(syscall.SIGHUP) // when a terminal is closed, both the kernel and the shell may send it
		signal.Stop(signals)
		cancel(signaled{s})
	}()
	return ctx
}

// run executes a command and returns its exit code.
func run(ctx context.Context, sys system, args []string) int {
	code := exitGood
	root := newRoot(ctx, sys, &code)
	root.SetArgs(append([]string{}, args...)) // never nil, which means os.Args
	if cmd, err := root.ExecuteC(); err != nil {
		return complain(sys, strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), root.Name())), err)
	}
	return code
}

const rootHelp = "Images and PDFs dropped into a bucket become text in Firestore."

// newRoot returns the root command with all commands.
func newRoot(ctx context.Context, sys system, code *int) *cobra.Command {
	root := &cobra.Command{
		Use: "bucketocr COMMAND [ARGUMENTS]", Long: rootHelp, Args: knownCommand, SilenceErrors: true,
		SilenceUsage:          true,
		DisableFlagsInUseLine: true, SuggestionsMinimumDistance: 2,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	ask := root.Flags().Bool("version", false, "print the version")
	root.Run = func(*cobra.Command, []string) {
		if *ask {
			fmt.Fprintln(sys.stdout, version())
			return
		}
		printHelp(sys.stderr, root)
		*code = exitUsage
	}
	root.SetOut(sys.stdout)
	root.SetErr(sys.stderr)
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { printHelp(sys.stdout, cmd) })
	root.SetHelpCommand(helpCommand(sys))
	root.SetFlagErrorFunc(unknownFlag)
	for _, c := range commands() {
		root.AddCommand(c.cobra(ctx, sys, code))
	}
	for _, cmd := range append(root.Commands(), root) {
		cmd.Flags().BoolP("help", "h", false, "show this help")
	}
	return root
}

// knownCommand returns an error for the name of an unknown command.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("no command %q%s", args[0], didYouMean(root.SuggestionsFor(args[0]), ""))
}

// unknownFlag returns an error that suggests a flag with a similar name.
func unknownFlag(cmd *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	name := unknown.GetSpecifiedName()
	if all := unknown.GetSpecifiedShortnames(); all != "" { // a flag with one dash
		name = all
	}
	names := &cobra.Command{SuggestionsMinimumDistance: 2}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
	})
	name, _, _ = strings.Cut(name, "=")
	return fmt.Errorf("no flag --%s%s", name, didYouMean(names.SuggestionsFor(name), "--"))
}

func didYouMean(names []string, dashes string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", dashes+names[0])
}
