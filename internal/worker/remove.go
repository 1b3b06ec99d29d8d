package worker

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// remove handles the end of a generation. With ON_DELETE=keep nothing is written: people archive and expire objects whose
// text they paid for. An overwrite also ends the older generation, and its event may come late: it takes nothing from the
// newer one.
func (p *Worker) remove(ctx context.Context, ev document.Event) report {
	if !p.o.Erase {
		return report{outcome: document.OutcomeFiltered}
	}
	for gone := false; ; gone = true {
		var v document.Verdict
		stored, err := document.Update(ctx, p.o.Records, ev.Object.ID(), document.Unread(), func(old *document.Record) (ch *document.Change, _ error) {
			ch, v = document.Remove(old, ev, gone, time.Now())
			return ch, nil
		})
		if err != nil {
			return report{outcome: document.OutcomeRetry, fault: faultOf(err)}
		}
		if v == document.VerdictClaimed {
			return p.clearErased(ctx, ev, stored.Record)
		}
		kept := v == document.VerdictEnded
		if v == document.VerdictOlder {
			if kept, err = p.lives(ctx, stored.Object()); err != nil {
				return report{outcome: document.OutcomeRetry, fault: faultOf(err), rec: stored.Record}
			}
		}
		if kept {
			return report{outcome: document.OutcomeSuperseded, rec: stored.Record}
		}
	}
}

// clearErased removes the pages under a marker. A crash before it is mended by the next event that finds the marker.
func (p *Worker) clearErased(ctx context.Context, ev document.Event, rec *document.Record) report {
	if err := p.o.Records.ClearPages(ctx, ev.Object.ID(), 0); err != nil {
		return report{outcome: document.OutcomeRetry, fault: faultOf(err), rec: rec}
	}
	return report{outcome: document.OutcomeDeleted, rec: rec}
}
