package render

import (
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
)

// known lists the elements that HTML in a text may use.
const known = "h1 h2 h3 h4 h5 h6 p br hr blockquote ul ol li dl dt dd pre code em strong b i u s del ins sup sub small mark " +
	"table caption colgroup col thead tbody tfoot tr th td a"

func isKnown(tag string) bool {
	return tag != "" && strings.Contains(" "+known+" ", " "+tag+" ")
}

// Classes for the page's style sheets and scripts.
const (
	classFormula = "formula"
	classPicture = "picture"
)

// policy returns the sanitiser's allow-list. It does not include IDs, which could shadow the page's own.
func policy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(strings.Fields(known)...)
	p.AllowAttrs("class").Matching(regexp.MustCompile("^" + classFormula + "$")).OnElements("code")
	p.AllowAttrs("class").Matching(regexp.MustCompile("^" + classPicture + "$")).OnElements("em")
	p.AllowAttrs("colspan", "rowspan", "span").Matching(regexp.MustCompile(`^[1-9]\d{0,2}$`)).OnElements("td", "th",
		"col", "colgroup")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("td", "th")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^\d{1,9}$`)).OnElements("ol")
	p.AllowAttrs("value").Matching(regexp.MustCompile(`^\d{1,9}$`)).OnElements("li")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	return p
}
