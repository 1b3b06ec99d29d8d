package main

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// asDeployed is the value that deploy.sh sets for FUNCTION_CONCURRENCY and OCR_INSTANCE_CONCURRENCY.
const asDeployed = 8

// burst delivers thousands of events to both programs, in turns of some hundreds, with the concurrency of a deployed
// instance. The waits of an event's calls are subtracted from that event's time only.
func burst(r *run) error {
	r.world.Put("half.png", pngPage(500_000))
	us, them, err := r.burstOf("half.png", 500*r.events)
	if err != nil {
		return err
	}
	table(r.out, [][]string{
		{"program", "events", "events/s", "events/s and core", "event less its waits, p50 ms", "p95", "p99", "most",
			"allocated KB", "objects", "peak MB"},
		us.row(), them.row(),
	})
	var tails []float64
	for i := range us.turns {
		tails = append(tails, quantile(us.turns[i], 0.99).Seconds()/quantile(them.turns[i], 0.99).Seconds())
	}
	each, tail := them.processor().Seconds()/us.processor().Seconds(), median(tails)
	verdict(r.out, each >= 1.5, "%.2f times the yardstick's events/s and core, at least 1.5", each)
	verdict(r.out, tail <= 1, "p99 is %.2f of the yardstick's, median of turns, at most 1", tail)
	return nil
}

// flooded is one program's share of a burst.
type flooded struct {
	name   string
	p      *process
	turns  [][]time.Duration // times of each turn's events, less the waits of their own calls
	took   time.Duration
	cpu    time.Duration
	bytes  uint64 // allocated
	things uint64
	peak   int64
}

// processor returns the CPU time of an event.
func (f *flooded) processor() time.Duration {
	return f.cpu / time.Duration(len(slices.Concat(f.turns...)))
}

func (f *flooded) row() []string {
	added := slices.Concat(f.turns...)
	n := float64(len(added))
	return []string{f.name, fmt.Sprint(len(added)),
		fmt.Sprintf("%.0f", n/f.took.Seconds()), fmt.Sprintf("%.0f", n/f.cpu.Seconds()),
		ms(median(added)), ms(quantile(added, 0.95)), ms(quantile(added, 0.99)), ms(quantile(added, 1)),
		fmt.Sprintf("%.0f", float64(f.bytes)/n/1e3), fmt.Sprintf("%.0f", float64(f.things)/n), mb(f.peak)}
}

// burstOf delivers n events to each program.
func (r *run) burstOf(file string, n int) (us, them *flooded, err error) {
	r.world.SetWaits(usual)
	b, err := r.startBoth(file, fmt.Sprintf("OCR_INSTANCE_CONCURRENCY=%d", asDeployed))
	if err != nil {
		return nil, nil, err
	}
	defer b.stop()
	us, them = &flooded{name: "bucketocr", p: b.us}, &flooded{name: "yardstick", p: b.them}
	for _, f := range []*flooded{us, them} {
		// Fill pools, and let the garbage collector find its pace.
		if err := errors.Join(r.flood(f.p, file, n/20, asDeployed), f.p.clearPeak()); err != nil {
			return nil, nil, err
		}
		f.p.record(r.ctx, r.profile, "burst", 20*time.Second)
	}
	r.world.KeepApart(true)
	defer r.world.KeepApart(false)
	for i := range r.rounds {
		sides := []*flooded{us, them}
		if i%2 == 1 {
			sides = []*flooded{them, us}
		}
		for _, f := range sides {
			if err := f.turn(r, file, (n+r.rounds-1)/r.rounds); err != nil {
				return nil, nil, err
			}
			r.world.Forget()
		}
	}
	for _, f := range []*flooded{us, them} {
		if f.peak, err = f.p.residentMemory("VmHWM"); err != nil {
			return nil, nil, err
		}
		if err := f.p.recordAllocations(r.profile, "burst"); err != nil {
			return nil, nil, err
		}
	}
	return us, them, nil
}

// turn delivers n events and adds up their costs.
func (f *flooded) turn(r *run, file string, n int) error {
	before, err := f.p.allocated()
	cpu, err2 := f.p.cpu()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	var mu sync.Mutex
	var added []time.Duration
	var strange error
	least := usual.Storage + usual.OCR + usual.Firestore // sum of the waits of an event's calls
	start := time.Now()
	err = r.floodEach(f.p, file, n, asDeployed, func(name string, took time.Duration) {
		waited := r.world.WaitedFor(name)
		mu.Lock()
		defer mu.Unlock()
		if waited < least {
			strange = fmt.Errorf("%s: calls for %s waited %v, at least %v: they are not all known", f.name, name,
				waited, least)
		}
		added = append(added, took-waited)
	})
	if err := errors.Join(err, strange); err != nil {
		return err
	}
	f.took, f.turns = f.took+time.Since(start), append(f.turns, added)
	after, err := f.p.allocated()
	cpuAfter, err2 := f.p.cpu()
	f.bytes, f.things = f.bytes+after.Bytes-before.Bytes, f.things+after.Objects-before.Objects
	f.cpu += cpuAfter - cpu
	return errors.Join(err, err2)
}
