package config

import (
	"fmt"
	"io"
	"strings"
)

// Error holds every problem of a configuration.
type Error struct {
	problems []string
}

// Problems are sentences that begin with the name of the variable, in the table's order. They quote the value, cut
// short, and say what is allowed; a secret's value is never in them.
func (e *Error) Problems() []string { return e.problems }

// Error prints one problem per line.
func (e *Error) Error() string { return strings.Join(e.problems, "\n") }

func inOrder(settings []setting, problems map[string]string) *Error {
	e := new(Error)
	for _, s := range settings {
		if what, ok := problems[s.name]; ok {
			e.problems = append(e.problems, s.name+": "+what)
		}
	}
	return e
}

// Secret is a value that no print, log or encoding shows. string(s) is the value itself.
type Secret string

const hidden = "(not shown)"

// Format prints a stand-in, whatever the verb, and nothing for an empty secret.
func (s Secret) Format(f fmt.State, _ rune) {
	if s != "" {
		_, _ = io.WriteString(f, hidden) // to a printer's buffer, which does not fail
	}
}

// MarshalText does the same for encodings and for slog.
func (s Secret) MarshalText() ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	return []byte(hidden), nil
}
