package config

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bucketocr/bucketocr/internal/event"
)

// kind reads values of one kind into a field.
type kind struct {
	unit  string
	limit string                    // what is allowed, for people
	set   func(value string) error  // says what is wrong in words that follow the value
	show  func(value string) string // for values that may hold a secret; else they are quoted
}

// read sets the field from the lookup or from its default. It returns what is wrong, or nothing.
func (s setting) read(lookup func(string) (string, bool)) string {
	value, _ := lookup(s.name)
	value = strings.TrimSpace(value)
	if value == "" && s.def == required {
		return "is not set; allowed: " + s.kind.limit
	}
	if value == "" && s.derived {
		return ""
	}
	if value == "" {
		value = s.def
	}
	err := s.kind.set(value)
	if err == nil {
		return ""
	}
	shown := fmt.Sprintf("%.100q", value)
	if s.kind.show != nil {
		shown = s.kind.show(value)
	}
	return fmt.Sprintf("%s %v; allowed: %s", shown, err, s.kind.limit)
}

func duration(p *time.Duration, least, most time.Duration) kind {
	limit := plain(least) + " to " + plain(most) + ", written like 90s, 2m30s or 24h"
	return kind{unit: "duration", limit: limit, set: func(value string) error {
		d, err := time.ParseDuration(value)
		if err != nil {
			return errors.New("is no duration with its unit")
		}
		*p = d
		return within(d, least, most)
	}}
}

// plain writes whole hours and seconds without the zeros that String adds.
func plain(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return d.String()
}

// seconds is for the one variable that the platform writes as a bare number.
func seconds(p *time.Duration, least, most int) kind {
	var n int
	k := number(&n, "seconds", least, most)
	read := k.set
	k.set = func(value string) error {
		err := read(value)
		*p = time.Duration(n) * time.Second
		return err
	}
	return k
}

func number(p *int, unit string, least, most int) kind {
	return kind{unit: unit, limit: fmt.Sprintf("whole number, %d to %d", least, most), set: func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil {
			return errors.New("is no whole number")
		}
		*p = n
		return within(n, least, most)
	}}
}

func within[N int | int64 | time.Duration](n, least, most N) error {
	switch {
	case n < least:
		return errors.New("is too little")
	case n > most:
		return errors.New("is too much")
	}
	return nil
}

func oneOf[T ~string](p *T, choices ...T) kind {
	names := make([]string, len(choices))
	for i, c := range choices {
		names[i] = string(c)
	}
	return kind{limit: strings.Join(names, ", "), set: func(value string) error {
		i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, value) })
		if i < 0 {
			return errors.New("is none of the choices")
		}
		*p = choices[i]
		return nil
	}}
}

func level(p *slog.Level) kind {
	var name string
	k := oneOf(&name, "debug", "info", "warn", "error")
	choose := k.set
	k.set = func(value string) error {
		if err := choose(value); err != nil {
			return err
		}
		return p.UnmarshalText([]byte(name))
	}
	return k
}

func matching(p *string, pattern, limit string) kind {
	re := regexp.MustCompile(`\A(?:` + pattern + `)\z`)
	return kind{limit: limit, set: func(value string) error {
		if !re.MatchString(value) {
			return errors.New("is not valid")
		}
		*p = value
		return nil
	}}
}

func token(p *string) kind { return matching(p, `[!-~]+`, "printable ASCII without spaces") }

func secret(p *Secret) kind {
	k := token((*string)(p))
	k.show = func(string) string { return "its value " + hidden }
	return k
}

func projectID(p *string) kind {
	return matching(p, `[a-z0-9][a-z0-9.:-]{0,98}[a-z0-9]`, "project id: lower-case letters, digits and - . :")
}

func databaseID(p *string) kind {
	return matching(p, `\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]`,
		"(default), or 4 to 63 lower-case letters, digits and -, a letter first and no - last")
}

func functionName(p *string) kind {
	return matching(p, `[A-Za-z][A-Za-z0-9_.-]{0,62}`, "up to 63 letters, digits and _ . -, a letter first")
}

func address(p *string) kind {
	return matching(p, `(?:https?://)?[A-Za-z0-9._:\[\]-]+/?`, "host:port, or a URL of that")
}

func hostPort(p *string) kind {
	return matching(p, `[A-Za-z0-9._:\[\]-]+`, "host:port, without http://")
}

func filePath(p *string) kind { return matching(p, `[^\x00-\x1f\x7f]+`, "path of a file") }

// collectionID follows Firestore's rules for ids. The name of the pages' own collection is taken.
func collectionID(p *string) kind {
	limit := "1 to 1500 bytes of UTF-8 without a slash; not . or .. or ocr_pages, not __between__ double underscores"
	return kind{limit: limit, set: func(value string) error {
		reserved := len(value) >= 4 && strings.HasPrefix(value, "__") && strings.HasSuffix(value, "__")
		if reserved || len(value) > 1500 || strings.Contains(value, "/") || !utf8.ValidString(value) ||
			slices.Contains([]string{".", "..", "ocr_pages"}, value) {
			return errors.New("is no collection for us")
		}
		*p = value
		return nil
	}}
}

// globs are INCLUDE and EXCLUDE, which make one filter.
func globs(p *event.Filter) (include, exclude kind) {
	var in, ex []string
	read := func(list *[]string) kind {
		return kind{
			limit: "globs apart by commas, over the whole object name: * ? [a-z] within a segment, ** across",
			set: func(value string) error {
				var patterns []string
				for pattern := range strings.SplitSeq(value, ",") {
					patterns = append(patterns, strings.TrimSpace(pattern))
				}
				if _, err := event.NewFilter(patterns, nil); err != nil {
					return fmt.Errorf("holds a pattern that is none: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
				}
				*list = patterns
				var err error
				*p, err = event.NewFilter(in, ex)
				return err
			},
		}
	}
	return read(&in), read(&ex)
}
