package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is the width of help texts in columns: that of a standard terminal.
const helpWidth = 80

const exitCodesHelp = `Exit codes: 0 all good, 1 something failed, 2 wrong arguments or configuration, 130 interrupted.
`

func helpCommand(sys system) *cobra.Command {
	cmd := &cobra.Command{
		Use: "help [COMMAND]", Short: "show what a command does",
		Long:                  "Shows what a command does, and its flags.\n\nExample: bucketocr help up\n",
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return knownCommand(cmd.Root(), args)
			}
			return found.Help()
		},
	}
	var names []string
	for _, c := range commands() {
		names = append(names, cobra.CompletionWithDesc(c.name, c.short))
	}
	completeWords(cmd, sys, fixed(names...))
	return cmd
}

// printHelp writes the help of a command, or of the program.
func printHelp(w io.Writer, cmd *cobra.Command) {
	usage := strings.TrimSpace("Usage: " + cmd.UseLine())
	if cmd.HasParent() {
		fmt.Fprintf(w, "%s\n\n%s", usage, wrapped(cmd.Long))
		printFlags(w, cmd.Flags())
		return
	}
	fmt.Fprintf(w, "%s\n\n%s\n", cmd.Long, usage)
	last := group("")
	for _, c := range commands() {
		if c.group != last {
			fmt.Fprintf(w, "\n%s\n", c.group)
			last = c.group
		}
		fmt.Fprintf(w, "  %-11s %s\n", c.name, c.short)
	}
	fmt.Fprintf(w, "\nbucketocr help COMMAND describes a command. Settings are environment variables,\nwhich bucketocr help serve lists.\n%s",
		wrapped(exitCodesHelp))
}

// section lists flags under a title in a command's help.
func section(fs *pflag.FlagSet, title string, names ...string) {
	for _, name := range names {
		// the test of the help texts fails for an undeclared flag
		_ = fs.SetAnnotation(name, sectionOf, []string{title})
	}
}

const (
	sectionOf  = "section"
	flagsTitle = "Flags" // of the flags without a section
)

// printFlags prints flags by section.
func printFlags(w io.Writer, fs *pflag.FlagSet) {
	titles, sections := sectionsOf(fs)
	for _, title := range titles {
		fmt.Fprintf(w, "\n%s:\n%s", title, sections[title].FlagUsagesWrapped(helpWidth))
	}
}

// sectionsOf returns flags by section, and the titles in order of declaration. Flags without a section come first.
func sectionsOf(fs *pflag.FlagSet) (titles []string, sections map[string]*pflag.FlagSet) {
	// the first section is never empty: it has --help
	titles, sections = []string{flagsTitle}, map[string]*pflag.FlagSet{}
	fs.VisitAll(func(f *pflag.Flag) {
		title := flagsTitle
		if named := f.Annotations[sectionOf]; named != nil {
			title = named[0]
		}
		if sections[title] == nil {
			sections[title] = pflag.NewFlagSet(title, pflag.ContinueOnError)
			sections[title].SortFlags = false
			if title != flagsTitle {
				titles = append(titles, title)
			}
		}
		sections[title].AddFlag(f)
	})
	return titles, sections
}

// wrapped wraps the paragraphs of a help text. Lines that begin with a space, and examples, are kept as they are.
func wrapped(text string) string {
	var out, paragraph strings.Builder
	flush := func() {
		out.WriteString(filled(paragraph.String(), ""))
		paragraph.Reset()
	}
	for line := range strings.Lines(text) {
		if fixed := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "Example:"); fixed || line == "\n" {
			flush()
			out.WriteString(line)
			continue
		}
		paragraph.WriteString(line)
	}
	flush()
	return out.String()
}

// filled returns a paragraph wrapped to helpWidth, with each line indented.
func filled(paragraph, indent string) string {
	var out strings.Builder
	column := 0
	for word := range strings.FieldsSeq(paragraph) {
		n := len([]rune(word))
		switch {
		case column == 0:
			out.WriteString(indent)
			column = len(indent)
		case column+1+n > helpWidth:
			out.WriteString("\n" + indent)
			column = len(indent)
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += n
	}
	if column > 0 {
		out.WriteByte('\n')
	}
	return out.String()
}
