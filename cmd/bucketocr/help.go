package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpWidth is how many columns help takes: those of a terminal that is not resized.
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
	fmt.Fprintf(w, "\nbucketocr help COMMAND says more. Settings are variables of the environment:\nbucketocr help serve lists them.\n%s",
		wrapped(exitCodesHelp))
}

// section names the part of a command's help that flags are listed in.
func section(fs *pflag.FlagSet, title string, names ...string) {
	for _, name := range names {
		_ = fs.SetAnnotation(name, sectionOf, []string{title}) // a flag that is not declared fails the test of help
	}
}

const (
	sectionOf  = "section"
	flagsTitle = "Flags" // of those of no section
)

// printFlags lists flags by section.
func printFlags(w io.Writer, fs *pflag.FlagSet) {
	titles, sections := sectionsOf(fs)
	for _, title := range titles {
		fmt.Fprintf(w, "\n%s:\n%s", title, sections[title].FlagUsagesWrapped(helpWidth))
	}
}

// sectionsOf returns flags by the title of their section, in the order in which they were declared. Those of no section
// come first.
func sectionsOf(fs *pflag.FlagSet) (titles []string, sections map[string]*pflag.FlagSet) {
	titles, sections = []string{flagsTitle}, map[string]*pflag.FlagSet{} // the first is never empty: it has --help
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

// wrapped fills the lines of help. Lines that begin with a space, and examples, stay as they are.
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

// filled is a paragraph in lines of helpWidth at most, each after an indent.
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
