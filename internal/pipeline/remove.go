package pipeline

import (
	"context"
	"time"
)

// remove handles the end of a generation. With ON_DELETE=keep nothing is written: people archive and expire objects whose
// text they paid for. An overwrite also ends the older generation, and its event may come late: it takes nothing from the
// newer one.
func (p *Pipeline) remove(ctx context.Context, ev Event) report {
	if !p.o.Erase {
		return report{outcome: OutFiltered}
	}
	for gone := false; ; gone = true {
		var v verdict
		stored, err := p.o.Records.Update(ctx, ev.Object.ID(), nil, func(old *Record) (ch *Change, _ error) {
			ch, v = remove(old, ev, gone, time.Now())
			return ch, nil
		})
		if err != nil {
			return report{outcome: OutRetry, fault: faultOf(err)}
		}
		if v == claimed {
			return p.clearErased(ctx, ev, stored.Record)
		}
		kept := v == ended
		if v == older {
			if kept, err = p.lives(ctx, stored.Object()); err != nil {
				return report{outcome: OutRetry, fault: faultOf(err), rec: stored.Record}
			}
		}
		if kept {
			return report{outcome: OutSuperseded, rec: stored.Record}
		}
	}
}

// clearErased removes the pages under a marker. A crash before it is mended by the next event that finds the marker.
func (p *Pipeline) clearErased(ctx context.Context, ev Event, rec *Record) report {
	if err := p.o.Records.ClearPages(ctx, ev.Object.ID(), 0); err != nil {
		return report{outcome: OutRetry, fault: faultOf(err), rec: rec}
	}
	return report{outcome: OutDeleted, rec: rec}
}
