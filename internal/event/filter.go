package event

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Reasons for ignoring an event, in the order of the checks.
const (
	ReasonFolder      = "folder"       // the name ends in a slash: a console's placeholder for a folder
	ReasonJunk        = "junk"         // a name of files that operating systems create
	ReasonExcluded    = "excluded"     // EXCLUDE matches
	ReasonNotIncluded = "not_included" // INCLUDE is set and does not match
	ReasonNotImage    = "not_image"    // neither the declared type nor the extension is that of an image
)

// Filter decides which objects to ignore. The zero Filter includes every name. It is immutable.
type Filter struct {
	include, exclude []*regexp.Regexp
}

// NewFilter returns a filter for globs, which are matched against the whole name of an object, with case. An empty
// include matches every name, an empty exclude none.
//
//   - "*" matches any run of characters, "?" any one character, "[a-z_]" one of those, "[!a-z]" (or "[^a-z]") one of
//     the others; none of them matches a slash.
//   - "**" matches any run of characters, including slashes. "**/" at the start of a segment may also match nothing:
//     "a/**/b" matches "a/b".
//   - Everything else matches itself, including a backslash. "[*]" is an asterisk, "[]]" and "[[]" are brackets.
//
// The error names every invalid pattern: one that is empty or not UTF-8, has an open or backward class, a slash in a
// class, even within a range, or braces, which look like alternatives but would match nothing ("[{]" is a brace).
func NewFilter(include, exclude []string) (Filter, error) {
	in, inErr := compile(include)
	ex, exErr := compile(exclude)
	if err := errors.Join(inErr, exErr); err != nil {
		return Filter{}, err
	}
	return Filter{include: in, exclude: ex}, nil
}

func compile(patterns []string) ([]*regexp.Regexp, error) {
	var compiled []*regexp.Regexp
	var errs []error
	for _, pattern := range patterns {
		re, err := compileGlob(pattern)
		if err != nil {
			errs = append(errs, fmt.Errorf("pattern %.100q: %w", pattern, err))
		}
		compiled = append(compiled, re)
	}
	return compiled, errors.Join(errs...)
}

// Skip reports whether to ignore the event, and by which rule (one of the Reasons). Such an event is acknowledged
// without a document.
//
// An uninformative type (none, or some octet-stream) counts as an image's: the bytes decide in the end.
//
// A deletion is checked like the finalization, including the type, since Cloud Storage repeats the attributes; so an
// object that never had a document gets no marker either. As a consequence, the document of an object that a newer
// INCLUDE or EXCLUDE ignores, or whose type was changed in the bucket, is not erased.
func (f Filter) Skip(ev document.Event) (reason string, skip bool) {
	base := ev.Name[strings.LastIndexByte(ev.Name, '/')+1:]
	switch {
	case base == "":
		return ReasonFolder, true
	case isJunk(base):
		return ReasonJunk, true
	case matches(f.exclude, ev.Name):
		return ReasonExcluded, true
	case len(f.include) > 0 && !matches(f.include, ev.Name):
		return ReasonNotIncluded, true
	case !typeAllows(ev.ContentType) && !extensionAllows(base):
		return ReasonNotImage, true
	}
	return "", false
}

// isJunk reports whether macOS or Windows creates files of this name in every folder. Like Windows, it ignores case.
func isJunk(base string) bool {
	switch strings.ToLower(base) {
	case ".ds_store", "thumbs.db", "desktop.ini":
		return true
	}
	return strings.HasPrefix(base, "._")
}

func matches(globs []*regexp.Regexp, name string) bool {
	return slices.ContainsFunc(globs, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}

// typeAllows reports whether a declared type is that of an image or uninformative.
func typeAllows(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	switch mediaType {
	case "", "application/octet-stream", "binary/octet-stream", "application/pdf":
		return true
	}
	return strings.HasPrefix(mediaType, "image/")
}

func extensionAllows(base string) bool {
	switch strings.ToLower(path.Ext(base)) {
	case ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".heic", ".heif",
		".avif",
		".jp2", ".jpx", ".jpf", ".j2k", ".j2c", ".jpc", ".pdf":
		return true
	}
	return false
}
