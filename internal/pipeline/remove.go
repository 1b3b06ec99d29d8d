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
	for living := false; ; {
		var mine, ask bool
		stored, err := p.o.Records.Update(ctx, ev.Object.ID(), nil, func(old *Record) (*Change, error) {
			mine = old == nil || old.Generation <= ev.Generation
			ask = mine && old != nil && old.Generation != ev.Generation && old.Status != Erased && !living
			if !mine || ask || (old != nil && old.Status == Erased && old.Generation == ev.Generation) {
				return nil, nil
			}
			return erase(old, ev, time.Now()), nil
		})
		if err != nil {
			return report{outcome: OutRetry, fault: faultOf(err)}
		}
		if !mine {
			return report{outcome: OutSuperseded, rec: stored.Record}
		}
		if !ask {
			return p.clearErased(ctx, ev, stored.Record)
		}
		kept, err := p.lives(ctx, stored.Object())
		if err != nil {
			return report{outcome: OutRetry, fault: faultOf(err)}
		}
		if kept {
			return report{outcome: OutSuperseded, rec: stored.Record}
		}
		living = true
	}
}

// clearErased removes the pages under a marker. A crash before it is mended by the next event that finds the marker.
func (p *Pipeline) clearErased(ctx context.Context, ev Event, rec *Record) report {
	if err := p.o.Records.ClearPages(ctx, ev.Object.ID(), 0); err != nil {
		return report{outcome: OutRetry, fault: faultOf(err), rec: rec}
	}
	return report{outcome: OutDeleted, rec: rec}
}
