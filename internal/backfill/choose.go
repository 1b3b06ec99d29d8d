package backfill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// headBatch is how many documents are read at once.
const headBatch = 300

// clocks is how far the local clock may lag behind the bucket's. Objects created within that time are delivered
// although their own events are on the way: that is harmless, while skipping an object without an event would lose it.
const clocks = 10 * time.Minute

var (
	errLimit  = errors.New("limit reached")              // ends the listing when enough was chosen
	errBeyond = errors.New("end of the listing's names") // ends reading documents
)

// chooser goes through the listing and passes on the objects and documents to deliver, in the order of names.
type chooser struct {
	r     *run
	batch []document.Listed
	after string // the last name of the previous batch
	out   func(chosen) error
}

// chooseAll goes through the whole listing.
func (c *chooser) chooseAll(ctx context.Context) error {
	err := c.r.o.Objects.ListObjects(ctx, c.r.o.Listing, func(o document.Listed) error {
		c.batch = append(c.batch, o)
		if len(c.batch) < headBatch {
			return nil
		}
		return c.flush(ctx, o.Name)
	})
	if err != nil {
		return err
	}
	return c.flush(ctx, "")
}

// flush decides on a batch and on all names up to last, or on all remaining names if last is empty.
func (c *chooser) flush(ctx context.Context, last string) error {
	decide := c.byID
	if c.r.o.Gone != nil {
		decide = func(ctx context.Context, batch []document.Listed) error { return c.byName(ctx, batch, last) }
	}
	batch := c.batch
	c.batch = nil
	if err := decide(ctx, batch); err != nil {
		return err
	}
	c.after = last
	if c.r.o.Moved != nil {
		c.r.o.Moved(ctx, c.r.after())
	}
	return nil
}

// byName decides on a batch and the documents of the same range of names, both in the order of names.
func (c *chooser) byName(ctx context.Context, batch []document.Listed, last string) error {
	l := c.r.o.Listing
	names := document.Names{From: max(c.after, l.Prefix), To: last}
	err := c.r.o.Records.List(ctx, document.Query{Names: &names}, func(s *document.Stored) error {
		switch {
		case s.Bucket != l.Bucket, s.Name <= c.after:
			return nil
		case !strings.HasPrefix(s.Name, l.Prefix):
			return errBeyond
		}
		for len(batch) > 0 && batch[0].Name < s.Name {
			if err := c.hand(batch[0], c.reason(batch[0], nil)); err != nil {
				return err
			}
			batch = batch[1:]
		}
		if len(batch) > 0 && batch[0].Name == s.Name {
			o := batch[0]
			batch = batch[1:]
			return c.hand(o, c.reason(o, s))
		}
		return c.missing(s)
	})
	if err != nil && !errors.Is(err, errBeyond) {
		return err
	}
	for _, o := range batch {
		if err := c.hand(o, c.reason(o, nil)); err != nil {
			return err
		}
	}
	return nil
}

func (c *chooser) reason(o document.Listed, s *document.Stored) string {
	if reason := c.r.listingReason(o); reason != "" {
		return reason
	}
	return recordReason(o.Object, s)
}

// tidyTime is how long the pages below a marker are cleared again: the delivery that wrote the marker may have died
// before that.
const tidyTime = 48 * time.Hour

// missing decides on a document whose name is not in the listing. Like a deletion, it is checked against the filter.
func (c *chooser) missing(s *document.Stored) error {
	was := document.Event{Object: s.Object(), Attributes: document.Attributes{ContentType: s.ContentType}}
	if _, skip := c.r.o.Filter.Skip(was); skip {
		return nil
	}
	switch {
	case s.Status == document.StatusDeleted:
		if !strings.HasPrefix(s.EventID, c.r.o.Source+"-") || time.Since(s.Updated) > tidyTime {
			return nil
		}
	case !c.r.o.OlderThan.IsZero() && s.Updated.After(c.r.o.OlderThan):
		return nil
	}
	if c.r.full() {
		return errLimit
	}
	return c.out(chosen{Listed: document.Listed{Object: s.Object()}, gone: true,
		marker: s.Status == document.StatusDeleted})
}

// byID decides on a batch, reading its documents by id.
func (c *chooser) byID(ctx context.Context, batch []document.Listed) error {
	reasons := make([]string, len(batch))
	var ids []string
	var asked []int
	for i, o := range batch {
		if reasons[i] = c.r.listingReason(o); reasons[i] == "" {
			ids, asked = append(ids, o.ID()), append(asked, i)
		}
	}
	if len(ids) > 0 {
		heads, err := c.r.o.Records.Heads(ctx, ids)
		if err != nil {
			return err
		}
		for n, i := range asked {
			reasons[i] = recordReason(batch[i].Object, heads[n])
		}
	}
	for i, o := range batch {
		if err := c.hand(o, reasons[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *chooser) hand(o document.Listed, reason string) error {
	if reason != "" {
		c.r.skip(o, reason)
		if c.r.o.Passed != nil {
			c.r.o.Passed(o.Object, reason)
		}
		return nil
	}
	if c.r.full() {
		return errLimit
	}
	return c.out(chosen{Listed: o})
}

// listingReason returns why an object is skipped regardless of its document; empty if it is not.
func (r *run) listingReason(o document.Listed) string {
	switch {
	case o.Created.After(r.begun.Add(clocks)):
		return SkipNew
	case o.Created.Before(r.o.NewerThan):
		return SkipOld
	case !r.o.OlderThan.IsZero() && o.Created.After(r.o.OlderThan):
		return SkipYoung
	}
	reason, _ := r.o.Filter.Skip(r.eventOf(chosen{Listed: o}))
	return reason
}

// recordReason returns why, according to its document, an object need not be delivered; empty if it must.
func recordReason(o document.Object, s *document.Stored) string {
	switch {
	case s == nil || s.Generation != o.Generation:
		return ""
	case s.Status.Ended():
		return SkipEnded
	}
	return SkipWork
}

// eventOf returns an object's event. Its id names its source and is the same in every run.
func (r *run) eventOf(c chosen) document.Event {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", c.ID(), c.Generation))
	ev := document.Event{
		Kind: document.KindFinalized, ID: r.o.Source + "-" + hex.EncodeToString(sum[:12]), Time: c.Created,
		Object: c.Object, Attributes: c.Attributes,
	}
	if c.gone {
		ev.Kind, ev.Time = document.KindDeleted, r.begun
	}
	return ev
}
