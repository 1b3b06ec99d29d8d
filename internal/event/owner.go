package event

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// Owners tells whose an object is by its name. The zero Owners know of none. They never change.
type Owners struct{ name *regexp.Regexp }

const ownerSegment = "{owner}"

// NewOwners takes a glob as [NewFilter] does, in which one segment is "{owner}" and matches any name of one byte or
// more. "**" is refused before it: who may write below a folder of their own could choose the owner by what they call
// folders in it.
func NewOwners(pattern string) (Owners, error) {
	segments := strings.Split(pattern, "/")
	at := slices.Index(segments, ownerSegment)
	switch {
	case at < 0 || strings.Count(pattern, ownerSegment) > 1:
		return Owners{}, errors.New("needs one segment that is {owner}, as in users/{owner}/**")
	case strings.Contains(strings.Join(segments[:at], "/"), "**"):
		return Owners{}, errors.New("has ** before {owner}: folders within another owner's would match too")
	}
	expr := ""
	if at > 0 {
		before, err := globExpr(strings.Join(segments[:at], "/"))
		if err != nil {
			return Owners{}, err
		}
		expr = before + "/"
	}
	expr += `([^/]+)`
	if at < len(segments)-1 {
		after, err := globExpr(strings.Join(segments[at+1:], "/"))
		if err != nil {
			return Owners{}, err
		}
		expr += "/" + after
	}
	name, err := regexp.Compile(`(?s)\A` + expr + `\z`)
	return Owners{name}, err
}

// Of returns the owner of an object, "" where the pattern does not match its name.
func (o Owners) Of(name string) string {
	if o.name == nil {
		return ""
	}
	if m := o.name.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}
