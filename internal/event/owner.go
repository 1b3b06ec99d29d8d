package event

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// Owners finds an object's owner by its name. With the zero Owners no object has an owner. It is immutable.
type Owners struct{ name *regexp.Regexp }

const ownerSegment = "{owner}"

// NewOwners takes a glob like [NewFilter]'s, with one segment "{owner}", which matches any name of one byte or more.
// "**" is refused before it: users could choose another owner by the names of folders below their own.
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

// Of returns the owner of an object, "" if the pattern does not match its name.
func (o Owners) Of(name string) string {
	if o.name == nil {
		return ""
	}
	if m := o.name.FindStringSubmatch(name); m != nil {
		return m[1]
	}
	return ""
}
