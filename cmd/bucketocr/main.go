// Command bucketocr runs the function here, and works with what it has done.
//
// Files, in reading order:
//
//	main.go           the commands, and which one runs
//	man.go            man pages of what --help says
//	help.go           help, within 80 columns
//	completion.go     completion in shells: commands, flags and words
//	up.go             up: a folder as bucket, from its first scan to its last text
//	screen.go         what up shows
//	counts.go         how far it has come
//	read.go           read: the text of files
//	readfiles.go      its arguments, as files and pages
//	readrun.go        the function over these files
//	ocrservice.go     the OCR service of up
//	child_unix.go     a child process that Ctrl-C does not reach
//	child_windows.go  the same on Windows
//	eventarc.go       delivery of events inside of up
//	ui.go             ui: the live page alone
//	livepage.go       the live page, as ui and up serve it
//	idle.go           whether anything reads what waits
//	operation.go      what the page's activity says of this process
//	serve.go          serve: the function as Cloud Run runs it
//	backfill.go       backfill: what is in a bucket already
//	reconcile.go      reconcile: what lost events left
//	topic.go          backfill's delivery by way of a topic
//	estimate.go       its estimate of time and cost
//	retry.go          retry: another try
//	watch.go          watch: a line for each change
//	show.go           show: one document
//	list.go           list: a line for each document
//	export.go         export: the texts of documents
//	exportsink.go     the folder, archive or lines that they are written to
//	selection.go      the documents that list and export go through
//	tables.go         tables in texts, as people's tools have them
//	delete.go         delete: documents, but not their objects
//	stats.go          stats: counts
//	plan.go           plan: what a load needs
//	version.go        version: what this was built from
//	target.go         the function that a command posts to
//	place.go          the documents and objects that a command works with
//	progress.go       how far a long command has come
//	lines.go          records and numbers for people
//	terminal.go       names and texts, harmless on a terminal
//	command.go        what every command has: flags, streams, exit codes, errors
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

// group is what a command is for, as help lists it.
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
		{"up", "[--once] [DIR]", reading, "turn the images in a folder into text, here, without an account",
			text(upHelp), upFlags, folders},
		{"read", "FILE ... | -", reading, "read images and PDFs, and print their text", text(readHelp), readFlags,
			files},
		{"serve", "", reading, "serve the function as Cloud Run runs it, on $PORT", serveHelp, serveFlags, nothing},
		{"ui", "[--local DIR]", looking, "look at the documents on a live page", text(uiHelp), uiFlags, nothing},
		{"list", "[--status STATUSES]", looking, "list documents, a line for each", text(listHelp), listFlags, nothing},
		{"watch", "[--status STATUSES]", looking, "show what happens, a line for each change", text(watchHelp),
			watchFlags, nothing},
		{"show", "OBJECT", looking, "show one object's document", text(showHelp), showFlags, objectNames},
		{"export", "OUT | -", looking, "write the texts to a folder, an archive or lines of JSON", text(exportHelp),
			exportFlags, files},
		{"stats", "[--since DURATION]", looking, "count documents, pages and tokens", text(statsHelp), statsFlags,
			nothing},
		{"retry", "[SELECTION | OBJECT ...]", again, "try again what failed, is stuck or was misread", text(retryHelp),
			retryFlags, objectNames},
		{"backfill", "gs://BUCKET[/PREFIX] | --local DIR", again, "deliver what is in a bucket already",
			text(backfillHelp), backfillFlags, nothing},
		{"reconcile", "gs://BUCKET[/PREFIX] | --local DIR", again,
			"find what lost events left, and have it read or erased", text(reconcileHelp), reconcileFlags, nothing},
		{"delete", "OBJECT ...", again, "delete documents; the objects stay", text(deleteHelp), deleteFlags,
			objectNames},
		{"plan", "--gpu TYPE", planning, "estimate what a load needs and costs", text(planHelp), planFlags, nothing},
		{"completion", "bash|zsh|fish|powershell", planning, "write a script that completes commands in your shell",
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

// engineFolder returns where compiled decoders are: what came with the program, as in a container's image, else a folder
// in this user's cache; "" where there is none.
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

// untilSignal is a context that ends at the first Ctrl-C or SIGTERM, or when the terminal is closed, which nohup keeps
// from the process. The second signal ends the process at once.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		s := <-signals
		signal.Ignore(syscall.SIGHUP) // of one terminal that is closed the kernel and the shell may both say so
		signal.Stop(signals)
		cancel(signaled{s})
	}()
	return ctx
}

// run does one command and returns the exit code.
func run(ctx context.Context, sys system, args []string) int {
	code := exitGood
	root := newRoot(ctx, sys, &code)
	root.SetArgs(append([]string{}, args...)) // never nil, which would be the process's own
	if cmd, err := root.ExecuteC(); err != nil {
		return complain(sys, strings.TrimSpace(strings.TrimPrefix(cmd.CommandPath(), root.Name())), err)
	}
	return code
}

const rootHelp = "Images and PDFs dropped into a bucket become text in Firestore."

// newRoot is the program: what it does without a command, and its commands.
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

// knownCommand refuses the name of a command that there is not.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("no command %q%s", args[0], didYouMean(root.SuggestionsFor(args[0]), ""))
}

// unknownFlag says which flag was meant.
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
