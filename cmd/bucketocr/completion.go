package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"text/template"
)

const completionHelp = `Writes a script to standard output that completes commands and flags in your shell.

Example: source <(bucketocr completion bash)
         bucketocr completion zsh > "${fpath[1]}/_bucketocr"
         bucketocr completion fish > ~/.config/fish/completions/bucketocr.fish
`

func completionFlags(*flag.FlagSet) action { return completion }

// completion prints the script of a shell, made from the commands themselves.
func completion(_ context.Context, sys system, args []string) int {
	if len(args) != 1 || shells[args[0]] == "" {
		return complain(sys, "completion", errors.New("name your shell: bash, zsh or fish"))
	}
	t := template.Must(template.New("").Funcs(template.FuncMap{"quote": singleQuoted}).Parse(shells[args[0]]))
	if err := t.Execute(sys.stdout, completions()); err != nil {
		fmt.Fprintf(sys.stderr, "bucketocr completion: %v\n", err)
		return exitFailed
	}
	return exitGood
}

// completable is a command as a script needs it.
type completable struct {
	Name, Short string
	Flags       []completableFlag
}

type completableFlag struct{ Name, Usage string }

func completions() []completable {
	var all []completable
	for _, c := range commands() {
		entry := completable{Name: c.name, Short: c.short}
		fs, _ := c.flagSet()
		fs.VisitAll(func(f *flag.Flag) {
			_, usage := flag.UnquoteUsage(f)
			entry.Flags = append(entry.Flags, completableFlag{f.Name, usage})
		})
		entry.Flags = append(entry.Flags, completableFlag{"help", "say more"})
		all = append(all, entry)
	}
	return all
}

var shells = map[string]string{
	"bash": `# bash completion of bucketocr
_bucketocr() {
  local cur=${COMP_WORDS[COMP_CWORD]} words=''
  if [ "$COMP_CWORD" = 1 ]; then
    words='{{range .}}{{.Name}} {{end}}help'
  else
    case ${COMP_WORDS[1]} in
{{- range .}}
      {{.Name}}) words='{{range .Flags}}--{{.Name}} {{end}}' ;;
{{- end}}
    esac
    case $cur in
      -*) ;;
      *) words='' ;;
    esac
  fi
  COMPREPLY=()
  local word
  for word in $words; do
    case $word in
      "$cur"*) COMPREPLY+=("$word") ;;
    esac
  done
}
complete -o default -F _bucketocr bucketocr
`,
	"zsh": `#compdef bucketocr
_bucketocr() {
  local -a entries
  if (( CURRENT == 2 )); then
    entries=({{range .}}{{quote (printf "%s:%s" .Name .Short)}} {{end}}'help:say what the commands do')
    _describe command entries
    return
  fi
  case $words[2] in
{{- range .}}
    {{.Name}}) entries=({{range .Flags}}{{quote (printf "--%s:%s" .Name .Usage)}} {{end}}) ;;
{{- end}}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe flag entries
  else
    _files
  fi
}
compdef _bucketocr bucketocr
`,
	"fish": `# fish completion of bucketocr
{{- range .}}{{$command := .Name}}
complete -c bucketocr -n __fish_use_subcommand -f -a {{.Name}} -d {{quote .Short}}
{{- range .Flags}}
complete -c bucketocr -n '__fish_seen_subcommand_from {{$command}}' -l {{.Name}} -d {{quote .Usage}}
{{- end}}
{{- end}}
`,
}
