package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/document"
)

// selection holds the flags that select documents.
type selection struct {
	statuses, codes, warning, prefix string
	limit                            int
	wanted                           []document.Status
	codeList                         []string
}

// flags declares the flags. Commands about texts deal only with done documents, so they have neither --status nor
// --code.
func (s *selection) flags(fs *pflag.FlagSet, textsOnly bool) {
	if textsOnly {
		s.statuses = string(document.StatusDone)
	} else {
		fs.StringVar(&s.statuses, "status", "", "only documents in one of these `STATUSES`, separated by commas")
		fs.StringVar(&s.codes, "code", "", "only documents with one of these error `CODES`, separated by commas")
		section(fs, "Selection", "status", "code")
	}
	fs.StringVar(&s.warning, "warning", "", "only documents with this `WARNING`")
	fs.StringVar(&s.prefix, "prefix", "", "only objects whose name begins with `NAME`, or gs://BUCKET/NAME")
	fs.IntVar(&s.limit, "limit", 0, "at most `N` documents; 0: all")
	section(fs, "Selection", "warning", "prefix", "limit")
}

// check validates the flags.
func (s *selection) check() (err error) {
	if s.wanted, err = statusList(s.statuses); err != nil {
		return err
	}
	if s.codeList, err = codeList(s.codes); err != nil {
		return err
	}
	if s.limit < 0 {
		return errors.New("--limit must not be negative")
	}
	return checkWarning(s.warning)
}

// codeList parses a comma-separated list of codes.
func codeList(s string) ([]string, error) {
	var all []string
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if document.Code(name).Code == "" {
			return nil, fmt.Errorf("unknown error code %s; the codes are %s", plain(name),
				strings.Join(codeNames(), ", "))
		}
		all = append(all, name)
	}
	return all, nil
}

func checkWarning(name string) error {
	if name != "" && !slices.Contains(warningNames(), name) {
		return fmt.Errorf("unknown warning %s; the warnings are %s", plain(name),
			strings.Join(warningNames(), ", "))
	}
	return nil
}

// query returns the part of the selection that the store can apply by itself. The documents come in order of names if
// there is a prefix, or in a folder.
func (s *selection) query(p *place) document.Query {
	prefix := s.prefix
	if _, name, ok := gsName(prefix); ok {
		prefix = name
	}
	switch {
	case prefix != "":
		return document.Query{Names: &document.Names{From: prefix, To: prefix + "\U0010FFFF"}}
	case p.bucket != "":
		return document.Query{Names: &document.Names{}}
	case s.warning != "" && len(s.wanted) == 1:
		return document.Query{Status: s.wanted[0], Warning: s.warning}
	case len(s.wanted) == 1:
		return document.Query{Status: s.wanted[0]}
	}
	return document.Query{Names: &document.Names{}}
}

// each calls fn for the selected documents, without their text.
func (s *selection) each(ctx context.Context, p *place, fn func(*document.Stored) error) error {
	n := 0
	err := p.records.List(ctx, s.query(p), func(r *document.Stored) error {
		switch {
		case len(s.wanted) > 0 && !slices.Contains(s.wanted, r.Status),
			len(s.codeList) > 0 && (r.Error == nil || !slices.Contains(s.codeList, r.Error.Code)),
			s.warning != "" && !slices.Contains(r.Warnings, s.warning),
			!hasPrefix(r.Record, s.prefix):
			return nil
		}
		if n++; s.limit > 0 && n > s.limit {
			return errEnough
		}
		return fn(r)
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
