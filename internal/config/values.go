package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/ocr"
)

// kind reads values of one kind into a field.
type kind struct {
	unit   string
	limit  string                   // what is allowed, for people
	set    func(value string) error // its error continues a sentence that begins with the value
	secret func(value string) bool  // reports whether a value may contain a secret; nil: never
}

func number(p *int, unit, least, most string) kind {
	return kind{unit: unit, limit: "whole number, " + least + " to " + most, set: within(p, least, most, whole)}
}

// seconds reads the one variable that the platform writes as a bare number.
func seconds(p *time.Duration, least, most string) kind {
	return kind{unit: "seconds", limit: "whole number, " + least + " to " + most, set: within(p, least, most,
		func(value string) (time.Duration, error) {
			n, err := whole(value)
			return time.Duration(n) * time.Second, err
		})}
}

func whole(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil {
		return 0, errors.New("is not a whole number")
	}
	return n, nil
}

func duration(p *time.Duration, least, most string) kind {
	limit := least + " to " + most + ", written like 90s, 2m30s or 24h"
	return kind{unit: "duration", limit: limit, set: within(p, least, most, func(value string) (time.Duration, error) {
		d, err := time.ParseDuration(value)
		if err != nil {
			return 0, errors.New("is not a duration with a unit")
		}
		return d, nil
	})}
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%gs", d.Seconds()) }

// quantity is a large number with an optional suffix. Factors are by suffix, in lower case.
type quantity struct {
	unit, form string
	factors    map[string]int64
}

func (q quantity) between(p *int64, least, most string) kind {
	return kind{unit: q.unit, limit: q.form + ", " + least + " to " + most, set: within(p, least, most, q.parse)}
}

// parse parses a whole number and its suffix, with or without a space between. A value beyond int64 counts as the
// maximum.
func (q quantity) parse(value string) (int64, error) {
	digits := len(value) - len(strings.TrimLeft(value, "0123456789"))
	factor, ok := q.factors[strings.ToLower(strings.TrimSpace(value[digits:]))]
	if digits == 0 || !ok {
		return 0, errors.New("is not valid")
	}
	n, err := strconv.ParseInt(value[:digits], 10, 64)
	if err != nil || n > math.MaxInt64/factor {
		return math.MaxInt64, nil
	}
	return n * factor, nil
}

// within returns a function that parses a value and sets p, if the value is between least and most, which are written
// like it.
func within[N int | int64 | time.Duration](p *N, least, most string, parse func(string) (N, error)) func(string) error {
	low, lowErr := parse(least)
	high, highErr := parse(most)
	if err := errors.Join(lowErr, highErr); err != nil {
		panic(err)
	}
	return func(value string) error {
		n, err := parse(value)
		switch {
		case err != nil:
			return err
		case n < low:
			return errors.New("is below the minimum")
		case n > high:
			return errors.New("exceeds the maximum")
		}
		*p = n
		return nil
	}
}

// oneOf accepts the choices as printed, in upper or lower case.
func oneOf[T any](p *T, choices ...T) kind {
	var names []string
	for _, c := range choices {
		names = append(names, strings.ToLower(fmt.Sprint(c)))
	}
	return kind{limit: strings.Join(names, ", "), set: func(value string) error {
		i := slices.Index(names, strings.ToLower(value))
		if i < 0 {
			return errors.New("is not one of the choices")
		}
		*p = choices[i]
		return nil
	}}
}

// matching compiles its pattern only if a value is set: few are, and a cold start would pay for all patterns.
func matching[S ~string](p *S, pattern, limit string) kind {
	return kind{limit: limit, set: func(value string) error {
		if !regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString(value) {
			return errors.New("is not valid")
		}
		*p = S(value)
		return nil
	}}
}

func token[S ~string](p *S) kind { return matching(p, `[!-~]+`, "printable ASCII without spaces") }

func hostPort(p *string) kind {
	return matching(p, `[A-Za-z0-9._:\[\]-]+`, "host:port, without http://")
}

func secret(p *Secret) kind {
	k := token(p)
	k.secret = func(string) bool { return true }
	return k
}

// baseURL reads OCR_URL by the rules of the OCR client.
func baseURL(p *string) kind {
	return kind{
		limit: "http or https URL like https://ocr-xyz.run.app, without user, query, fragment, or anything after /v1",
		set: func(value string) error {
			u, err := ocr.ParseURL(value)
			if err != nil {
				return err
			}
			*p = u.String()
			return nil
		},
		secret: func(value string) bool { return strings.ContainsAny(value, "@?#") }, // a password
	}
}

// collectionID reads an id by Firestore's rules, which limit it to 1,500 bytes: less the suffix of the collection of
// turns, and except the id of the pages' collection.
func collectionID(p *string) kind {
	limit := "1 to 1494 bytes of UTF-8 without a slash; not . or .. or ocr_pages, not __between__ double underscores"
	return kind{limit: limit, set: func(value string) error {
		reserved := len(value) >= 4 && strings.HasPrefix(value, "__") && strings.HasSuffix(value, "__")
		if reserved || len(value) > 1494 || strings.Contains(value, "/") || !utf8.ValidString(value) ||
			slices.Contains([]string{".", "..", "ocr_pages"}, value) {
			return errors.New("is not a valid collection ID")
		}
		*p = value
		return nil
	}}
}

// owners reads OWNER_PATTERN.
func owners(p *event.Owners) kind {
	return kind{
		limit: "a glob over the whole object name with {owner} for one segment, and no ** before it: users/{owner}/**",
		set: func(value string) (err error) {
			*p, err = event.NewOwners(value)
			return err
		}}
}

// buckets reads names of buckets, without duplicates.
func buckets(p *[]string) kind {
	const limit = "names of buckets separated by commas, without gs://"
	return kind{limit: limit, set: func(value string) error {
		var names []string
		bucketName := regexp.MustCompile(`\A[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]\z`)
		for name := range strings.SplitSeq(value, ",") {
			name = strings.TrimSpace(name)
			if !bucketName.MatchString(name) {
				return errors.New("contains an invalid bucket name")
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		*p = names
		return nil
	}}
}

// globs reads INCLUDE and EXCLUDE, which make one filter.
func globs(p *event.Filter) (include, exclude kind) {
	var in, ex []string
	read := func(list *[]string) kind {
		limit := "globs separated by commas, over the whole object name: * ? [a-z] within a segment, ** across"
		return kind{limit: limit, set: func(value string) error {
			patterns := strings.Split(value, ",")
			for i := range patterns {
				patterns[i] = strings.TrimSpace(patterns[i])
			}
			if _, err := event.NewFilter(patterns, nil); err != nil {
				return fmt.Errorf("contains an invalid pattern: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
			}
			*list = patterns
			var err error
			*p, err = event.NewFilter(in, ex)
			return err
		}}
	}
	return read(&in), read(&ex)
}
