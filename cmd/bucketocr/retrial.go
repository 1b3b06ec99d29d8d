package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/bucketocr/bucketocr/internal/document"
)

// retryAtOnce is how many documents are written at the same time.
const retryAtOnce = 8

// retrial goes through the documents that a wish selects.
type retrial struct {
	sys      system
	p        *place
	w        *wish
	by       string
	limiter  *rate.Limiter
	progress *progress

	mu  sync.Mutex
	sum retrialSum
}

// retrialSum is what came of it.
type retrialSum struct {
	Selected int64            `json:"selected"`
	Retried  int64            `json:"retried"`
	Skipped  map[string]int64 `json:"skipped"` // why not
	Codes    map[string]int64 `json:"codes"`   // of those selected
	DryRun   bool             `json:"dryRun"`
}

// Why a selected object is not tried again.
const (
	skipChanged = "changed meanwhile"
	skipNothing = "in work, or nothing to read again"
	skipGone    = "no longer in the bucket"
)

func newRetrial(sys system, p *place, w *wish) *retrial {
	r := &retrial{sys: sys, p: p, w: w, by: cmp.Or(w.by, who()), limiter: rate.NewLimiter(rate.Limit(w.rate), 1)}
	r.progress = newProgress(sys, w.json || w.dry)
	r.sum.Skipped, r.sum.Codes, r.sum.DryRun = map[string]int64{}, map[string]int64{}, w.dry
	return r
}

// errEnough ends the listing at the limit.
var errEnough = errors.New("as many as were asked for")

func (r *retrial) all(ctx context.Context) error {
	defer r.progress.finish()
	writes, going := errgroup.WithContext(ctx)
	writes.SetLimit(retryAtOnce)
	err := r.list(going, func(s *document.Stored) error {
		if !r.wanted(s) {
			return nil
		}
		if r.w.limit > 0 && r.sum.Selected >= int64(r.w.limit) {
			return errEnough
		}
		r.selected(s)
		if err := r.limiter.Wait(going); err != nil {
			return err
		}
		writes.Go(func() error { return r.one(going, s) })
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return cmp.Or(writes.Wait(), err)
}

// list goes through what the store can select by itself.
func (r *retrial) list(ctx context.Context, fn func(*document.Stored) error) error {
	switch {
	case len(r.w.only) > 0:
		return r.named(ctx, fn)
	case r.w.stuck:
		return r.p.records.List(ctx, document.Query{DueBy: time.Now().Add(-r.w.overdue)}, fn)
	}
	return r.p.records.List(ctx, document.Query{Status: document.Status(r.w.status), Warning: r.w.warning, Model: r.w.model}, fn)
}

func (r *retrial) named(ctx context.Context, fn func(*document.Stored) error) error {
	heads, err := r.p.records.Heads(ctx, r.w.only)
	if err != nil {
		return err
	}
	for i, s := range heads {
		if s == nil {
			return fmt.Errorf("there is no document %s in %s", r.w.only[i], r.p.where)
		}
		if err := fn(s); err != nil {
			return err
		}
	}
	return nil
}

// wanted is the part of the selection that no index knows.
func (r *retrial) wanted(s *document.Stored) bool {
	w, ended := r.w, s.Finished
	if ended.IsZero() {
		ended = s.Updated
	}
	switch {
	case len(w.codeList) > 0 && (s.Error == nil || !slices.Contains(w.codeList, s.Error.Code)):
	case w.prefix != "" && !hasPrefix(s.Record, w.prefix):
	case ended.Before(w.newer.Time), !w.older.IsZero() && !ended.Before(w.older.Time):
	default:
		return true
	}
	return false
}

func (r *retrial) selected(s *document.Stored) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Selected++
	code := string(s.Status)
	if s.Error != nil {
		code = s.Error.Code
	}
	r.sum.Codes[code]++
}

// one asks for another try of one record.
func (r *retrial) one(ctx context.Context, s *document.Stored) error {
	skip, err := r.write(ctx, s)
	if err != nil {
		return fmt.Errorf("%s: %w", gsURL(s.Record), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if skip == "" {
		r.sum.Retried++
	} else {
		r.sum.Skipped[skip]++
	}
	r.progress.add(1, "")
	if r.w.json {
		return json.NewEncoder(r.sys.stdout).Encode(map[string]any{
			"document": s.Object().ID(), "bucket": s.Bucket, "name": s.Name, "generation": s.Generation, "retried": skip == "", "skipped": skip,
		})
	}
	return nil
}

func (r *retrial) write(ctx context.Context, s *document.Stored) (skip string, err error) {
	if s.Status == document.StatusDone {
		if gone, err := r.gone(ctx, s.Object()); gone || err != nil {
			return skipGone, err
		}
	}
	if !document.Retryable(s.Record) {
		return skipNothing, nil
	}
	if r.w.dry {
		return "", nil
	}
	_, err = document.Retry(ctx, r.p.records, s, r.by, r.redo())
	switch {
	case errors.Is(err, document.ErrNotAsSeen):
		return skipChanged, nil
	case errors.Is(err, document.ErrNothingToRetry):
		return skipNothing, nil
	}
	return "", err
}

// redo picks the pages of done objects that are read anew.
func (r *retrial) redo() func(document.Page) bool {
	switch {
	case r.w.warning != "":
		return func(pg document.Page) bool { return slices.Contains(pg.Warnings, r.w.warning) }
	case r.w.model != "":
		return func(document.Page) bool { return true }
	}
	return nil
}

// gone tells whether the bucket holds another generation by now, or none: the text could not be read again.
func (r *retrial) gone(ctx context.Context, o document.Object) (bool, error) {
	live, _, err := r.p.objects.Live(ctx, o.Bucket, o.Name)
	if errors.Is(err, document.ErrObjectGone) {
		return true, nil
	}
	return live.Generation != o.Generation, err
}

// report says what came of it.
func (r *retrial) report(err error) {
	if r.w.json {
		_ = json.NewEncoder(r.sys.stdout).Encode(map[string]any{"sum": r.sum, "complete": err == nil})
		return
	}
	w := tabwriter.NewWriter(r.sys.stdout, 0, 0, 2, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "selected\t%s\t%s\n", count(r.sum.Selected), codes(r.sum.Codes))
	fmt.Fprintf(w, "to be tried again\t%s\n", count(r.sum.Retried))
	for _, why := range slices.Sorted(maps.Keys(r.sum.Skipped)) {
		fmt.Fprintf(w, "left alone\t%s\t%s\n", count(r.sum.Skipped[why]), why)
	}
	switch {
	case r.w.dry:
		fmt.Fprintf(w, "\nA dry run: nothing was written.\n")
	case err == nil && r.sum.Retried > 0 && !r.w.now:
		fmt.Fprintf(w, "\nThe next sweep takes them: within five minutes in the cloud, a second in a running up.\n")
	}
}
