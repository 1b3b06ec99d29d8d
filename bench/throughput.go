package main

import (
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

const atOnce = 8 // events in flight in throughput

// throughput measures CPU time rather than real time: how many events per second one core could process if it did
// nothing else. The programs alternate in each round.
func throughput(r *run) error {
	r.world.SetWaits(standin.Waits{})
	rows := [][]string{{"image", "bucketocr, events/s and core", "yardstick", "ratio, median of rounds", "least",
		"most"}}
	for _, s := range sizes {
		r.world.Put(s.file, pngPage(s.bytes))
		us, them, err := r.throughputOf(s.file)
		if err != nil {
			return err
		}
		ratios := make([]float64, len(us))
		for i := range us {
			ratios[i] = them[i].Seconds() / us[i].Seconds()
		}
		per := func(d []time.Duration) string { return fmt.Sprintf("%.0f", 1/median(d).Seconds()) }
		rows = append(rows, []string{s.label, per(us), per(them), fmt.Sprintf("%.2f", median(ratios)),
			fmt.Sprintf("%.2f", quantile(ratios, 0)), fmt.Sprintf("%.2f", quantile(ratios, 1))})
		defer verdict(r.out, median(ratios) >= 1.5, "%s: %.2f times the yardstick's events/s per core, at least 1.5",
			s.label, median(ratios))
	}
	table(r.out, rows)
	return nil
}

// throughputOf returns the CPU time per event of each round.
func (r *run) throughputOf(file string) (us, them []time.Duration, err error) {
	b, err := r.startBoth(file)
	if err != nil {
		return nil, nil, err
	}
	defer b.stop()
	n := 5 * r.events
	for i := range r.rounds + 1 {
		var times [2]time.Duration
		for k := range 2 {
			p, which := b.us, 0
			if (i+k)%2 == 1 {
				p, which = b.them, 1
			}
			if times[which], err = r.busy(p, file, n); err != nil {
				return nil, nil, err
			}
		}
		if i == 0 { // a warm-up: pools fill, and the garbage collector adapts
			b.us.record(r.ctx, r.profile, "throughput-"+file, 3*time.Second)
			b.them.record(r.ctx, r.profile, "throughput-"+file, 3*time.Second)
			continue
		}
		us, them = append(us, times[0]), append(them, times[1])
	}
	return us, them, nil
}

func (r *run) busy(p *process, file string, n int) (time.Duration, error) {
	before, err := p.cpu()
	if err != nil {
		return 0, err
	}
	if err := r.flood(p, file, n, atOnce); err != nil {
		return 0, err
	}
	after, err := p.cpu()
	return (after - before) / time.Duration(n), err
}
