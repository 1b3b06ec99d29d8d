package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const manHelp = `Writes a man page for the program and for each command, with the text of --help, into DIR, which
is created if missing.

Example: bucketocr man ~/.local/share/man/man1 && man bucketocr-up
`

func manFlags(*pflag.FlagSet) action { return man }

func man(ctx context.Context, sys system, args []string) int {
	if len(args) != 1 {
		return complain(sys, "man", errors.New("name the folder for the man pages"))
	}
	if err := os.MkdirAll(args[0], 0o777); err != nil {
		return fail(ctx, sys, "man", err)
	}
	root := newRoot(ctx, sys, new(int))
	for _, cmd := range append(root.Commands(), root) {
		if err := os.WriteFile(filepath.Join(args[0], manName(cmd)+".1"), manPage(cmd), 0o666); err != nil {
			return fail(ctx, sys, "man", err)
		}
	}
	return exitGood
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage returns a command's man page.
func manPage(cmd *cobra.Command) []byte {
	var b bytes.Buffer
	short := cmd.Short
	if !cmd.HasParent() {
		short = "text of images and PDFs"
	}
	fmt.Fprintf(&b, ".TH %s 1 \"\" bucketocr \"bucketocr manual\"\n.SH NAME\n%s \\- %s\n",
		strings.ToUpper(manName(cmd)), roff(manName(cmd)), roff(short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n.SH DESCRIPTION\n", roff(cmd.UseLine()))
	manText(&b, cmd.Long)
	titles, sections := sectionsOf(cmd.Flags())
	for _, title := range titles {
		fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(title))
		sections[title].VisitAll(func(f *pflag.Flag) {
			value, usage := pflag.UnquoteUsage(f)
			if !slices.Contains([]string{"", "0", "false"}, f.DefValue) {
				usage += fmt.Sprintf(" (default %s)", f.DefValue)
			}
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR \\fI%s\\fR\n%s\n", roff("--"+f.Name), roff(value), roff(usage))
		})
	}
	if !cmd.HasParent() {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range commands() {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR(1)\n%s\n", roff("bucketocr-"+c.name), roff(c.short))
		}
	}
	b.WriteString(".SH EXIT STATUS\n")
	manText(&b, exitCodesHelp)
	return b.Bytes()
}

// manText writes the paragraphs of a help text. Lines that begin with a space, and examples, are kept as they are.
func manText(b *bytes.Buffer, text string) {
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		b.WriteString(".PP\n")
		for line := range strings.Lines(paragraph) {
			line = strings.TrimSuffix(line, "\n")
			if kept := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "Example:"); kept {
				fmt.Fprintf(b, ".nf\n%s\n.fi\n", roff(line))
				continue
			}
			b.WriteString(roff(line) + "\n")
		}
	}
}

// roff escapes text for man pages.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}
