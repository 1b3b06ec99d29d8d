package backfill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// headBatch is how many documents are asked for at once.
const headBatch = 100

// clocks is how far our clock may lag the bucket's. What came within it is delivered although its own event is on the way:
// that does no harm, while skipping an object that has no event would lose it.
const clocks = 10 * time.Minute

// errLimit ends the listing when enough was chosen.
var errLimit = errors.New("as many as were asked for")

// chooser goes through the listing and hands on what is to be delivered, in the order of names.
type chooser struct {
	r     *run
	batch []document.Listed
	out   func(document.Listed) error
}

// chooseAll goes through the whole listing.
func (c *chooser) chooseAll(ctx context.Context) error {
	err := c.r.o.Objects.ListObjects(ctx, c.r.o.Listing, func(o document.Listed) error {
		c.batch = append(c.batch, o)
		if len(c.batch) < headBatch {
			return nil
		}
		return c.flush(ctx)
	})
	if err != nil {
		return err
	}
	return c.flush(ctx)
}

// flush decides about a batch.
func (c *chooser) flush(ctx context.Context) error {
	batch := c.batch
	c.batch = nil
	reasons := make([]string, len(batch))
	var ids []string
	var asked []int
	for i, o := range batch {
		if reasons[i] = c.r.passedOver(o); reasons[i] == "" {
			ids, asked = append(ids, o.ID()), append(asked, i)
		}
	}
	if len(ids) > 0 {
		heads, err := c.r.o.Records.Heads(ctx, ids)
		if err != nil {
			return err
		}
		for n, i := range asked {
			reasons[i] = standing(batch[i].Object, heads[n])
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
	return c.out(o)
}

// passedOver returns why an object is skipped whatever its document says.
func (r *run) passedOver(o document.Listed) string {
	switch {
	case o.Created.After(r.begun.Add(clocks)):
		return SkipNew
	case o.Created.Before(r.o.NewerThan):
		return SkipOld
	}
	reason, _ := r.o.Filter.Skip(eventOf(o))
	return reason
}

// standing returns why an object need not be delivered, by its document; empty where it must.
func standing(o document.Object, s *document.Stored) string {
	switch {
	case s == nil || s.Generation != o.Generation:
		return ""
	case s.Status.Ended():
		return SkipEnded
	}
	return SkipWork
}

// eventOf returns an object's event. Its id tells where it comes from and is the same in every run.
func eventOf(o document.Listed) document.Event {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", o.ID(), o.Generation))
	return document.Event{
		Kind: document.KindFinalized, ID: "backfill-" + hex.EncodeToString(sum[:12]), Time: o.Created,
		Object: o.Object, Attributes: o.Attributes,
	}
}

func isPDF(o document.Listed) bool {
	return o.ContentType == "application/pdf" || strings.EqualFold(path.Ext(o.Name), ".pdf")
}
