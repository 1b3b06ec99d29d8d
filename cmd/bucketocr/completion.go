package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/document"
)

const completionHelp = `Writes a shell completion script to standard output. It completes commands, flags, statuses,
codes, warnings and, with --local, object names. The script for bash needs the package
bash-completion.

Example: source <(bucketocr completion bash)
         bucketocr completion zsh > "${fpath[1]}/_bucketocr"
         bucketocr completion fish > ~/.config/fish/completions/bucketocr.fish
         bucketocr completion powershell | Out-String | Invoke-Expression
`

func completionFlags(*pflag.FlagSet) action { return completion }

// shells lists the supported shells.
var shells = []string{"bash", "zsh", "fish", "powershell"}

// completion prints the script for a shell; the script asks this program for the words.
func completion(ctx context.Context, sys system, args []string) int {
	if len(args) != 1 || !slices.Contains(shells, args[0]) {
		return complain(sys, "completion", errors.New("name your shell: bash, zsh, fish or powershell"))
	}
	root := newRoot(ctx, sys, new(int))
	script := map[string]func() error{
		"bash":       func() error { return root.GenBashCompletionV2(sys.stdout, true) },
		"zsh":        func() error { return root.GenZshCompletion(sys.stdout) },
		"fish":       func() error { return root.GenFishCompletion(sys.stdout, true) },
		"powershell": func() error { return root.GenPowerShellCompletionWithDesc(sys.stdout) },
	}
	if err := script[args[0]](); err != nil {
		return fail(ctx, sys, "completion", fmt.Errorf("cannot write the script: %w", err))
	}
	return exitGood
}

// completer returns the candidates for an argument or a flag's value that starts with begun. local is the value of the
// command's --local.
type completer func(sys system, local, begun string) ([]string, cobra.ShellCompDirective)

// Completers of arguments.
var (
	shellNames = fixed(shells...)
	nothing    = fixed()
)

// files completes file names.
func files(system, string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// folders completes folder names.
func folders(system, string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// fixed returns a completer for a fixed set of words.
func fixed(words ...string) completer {
	return func(system, string, string) ([]string, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// listed returns a completer for the last word of a comma-separated list.
func listed(words []string) completer {
	return func(_ system, _, begun string) (all []string, _ cobra.ShellCompDirective) {
		before := begun[:strings.LastIndexByte(begun, ',')+1]
		for _, word := range words {
			all = append(all, before+word)
		}
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

// mostNames is the maximum number of object names offered.
const mostNames = 200

// objectNames completes the names of a folder's objects. With Google Cloud it offers none: pressing Tab must not cost
// anything.
func objectNames(sys system, local, begun string) (names []string, _ cobra.ShellCompDirective) {
	if local == "" {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	p, err := localPlace(local)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer p.close()
	_ = p.objects.ListObjects(context.Background(), document.Listing{Bucket: p.bucket, Prefix: begun},
		func(l document.Listed) error {
			if names = append(names, l.Name); len(names) == mostNames {
				return errEnough
			}
			return nil
		})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// flagWords returns the completers of flags by name, for all commands.
func flagWords() map[string]completer {
	statuses := make([]string, 0, 5)
	for _, s := range document.Statuses() {
		statuses = append(statuses, string(s))
	}
	return map[string]completer{
		"local": folders, "status": listed(statuses), "code": listed(codeNames()), "warning": fixed(warningNames()...),
		"prefix": objectNames,
	}
}

// completeWords registers the completers of a command's arguments and flags.
func completeWords(cmd *cobra.Command, sys system, words completer) {
	as := func(c completer) cobra.CompletionFunc {
		return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
			local := ""
			if f := cmd.Flags().Lookup("local"); f != nil {
				local = f.Value.String()
			}
			words, directive := c(sys, local, begun)
			return slices.DeleteFunc(slices.Clone(words), func(word string) bool {
				return !strings.HasPrefix(word, begun)
			}), directive
		}
	}
	cmd.ValidArgsFunction = as(words)
	known := flagWords()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if name, _ := pflag.UnquoteUsage(f); strings.Contains(name, "|") {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, as(fixed(strings.Split(name, "|")...)))
		} else if c, ok := known[f.Name]; ok {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, as(c)) // fails only for an undeclared flag
		}
	})
}
