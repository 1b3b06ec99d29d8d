package event

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// parts matches the parts of a glob's segment: stars, a question mark, a class (in which a leading "]" is a member),
// any other bracket or brace, and plain text.
var parts = regexp.MustCompile(`\*+|\?|\[(?:[!^][^/][^/\]]*|[^/!^][^/\]]*)\]|[\[{}]|[^*?\[{}]+`)

// compileGlob compiles a glob, see [NewFilter], to a regular expression, because Go's run in time linear in the name,
// whatever the pattern.
func compileGlob(glob string) (*regexp.Regexp, error) {
	expr, err := globExpr(glob)
	if err != nil {
		return nil, err
	}
	return regexp.Compile(`(?s)\A` + expr + `\z`)
}

// globExpr returns the expression without anchors.
func globExpr(glob string) (expr string, err error) {
	switch {
	case glob == "":
		return "", errors.New("is empty")
	case !utf8.ValidString(glob):
		return "", errors.New("is not UTF-8")
	}
	for segment := range strings.SplitAfterSeq(glob, "/") {
		if strings.HasPrefix(segment, "**") && strings.Trim(segment, "*") == "/" {
			expr += `(?:.*/)?`
			continue
		}
		for _, part := range parts.FindAllString(segment, -1) {
			translated, err := translate(part)
			if err != nil {
				return "", err
			}
			expr += translated
		}
	}
	return expr, nil
}

// translate returns the expression for one part of a segment.
func translate(part string) (string, error) {
	switch {
	case part == "*":
		return `[^/]*`, nil
	case part[0] == '*':
		return `.*`, nil
	case part == "?":
		return `[^/]`, nil
	case part == "[":
		return "", errors.New("a [ is not closed within its segment")
	case part == "{", part == "}":
		return "", errors.New("braces are not alternatives: write a pattern for each")
	case part[0] != '[':
		return regexp.QuoteMeta(part), nil
	}
	members := part[1 : len(part)-1]
	class := `[` + regexp.QuoteMeta(members) + `]`
	if members[0] == '!' || members[0] == '^' {
		class = `[^/-/` + regexp.QuoteMeta(members[1:]) + `]` // the slash as a range: a "-" may follow
	}
	if re, err := regexp.Compile(class); err != nil {
		return "", fmt.Errorf("a range in %s runs backward", part)
	} else if re.MatchString("/") {
		return "", fmt.Errorf("%s would match a slash", part)
	}
	return class, nil
}
