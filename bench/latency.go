package main

import (
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

// usual are waits of the order that the real services have; the model's is shortened, since only its end matters.
var usual = standin.Waits{Storage: 5 * time.Millisecond, OCR: 20 * time.Millisecond, Firestore: 3 * time.Millisecond}

// both are the two programs that do the work, running.
type both struct{ us, them *process }

func (r *run) startBoth(file string, env ...string) (b both, err error) {
	if b.us, err = r.exec(ours, 0, env...); err != nil {
		return b, err
	}
	if b.them, err = r.exec(theirs, 0, env...); err != nil {
		b.us.stop()
		return b, err
	}
	for _, p := range []*process{b.us, b.them} {
		if err := r.warm(p, file); err != nil {
			b.stop()
			return b, err
		}
	}
	return b, nil
}

func (b both) stop() {
	b.us.stop()
	b.them.stop()
}

// sizes are pages that pass as they are.
var sizes = []struct {
	label, file string
	bytes       int
}{{"0.5 MB", "half.png", 500_000}, {"2 MB", "two.png", 2_000_000}, {"7 MB", "seven.png", 6_900_000}}

// side is one program's share of the table.
type side struct {
	name   string
	p      *process
	writes int             // documents that it writes
	took   []time.Duration // per event, less the waits of its calls
	bare   []time.Duration // the same calls without the program
	added  []time.Duration // the former less the latter's median
	counts standin.Counts
	bytes  uint64 // allocated
	things uint64
}

// latency delivers one event after another, to both in turns, with the bare calls of each between.
func latency(r *run) error {
	r.world.SetWaits(usual)
	rows := [][]string{{"image", "program", "event less waits, p50 ms", "bare calls, p50", "added p50", "added p95",
		"added p99",
		"opens", "documents read", "written", "allocated KB", "objects"}}
	for _, s := range sizes {
		r.world.Put(s.file, pngPage(s.bytes))
		us, them, err := r.latencyOf(s.file, s.bytes)
		if err != nil {
			return err
		}
		rows = append(rows, us.row(s.label), them.row(s.label))
		a, b := median(us.added), median(them.added)
		defer verdict(r.out, a <= 10*time.Millisecond && 2*a <= b,
			"%s: added p50 %s ms, at most 10; %.2f of the yardstick's, at most 0.50. With the bytes' way counted as added, too: %s ms, %.2f of the yardstick's",
			s.label, ms(a), a.Seconds()/b.Seconds(), ms(median(us.took)),
			median(us.took).Seconds()/median(them.took).Seconds())
	}
	table(r.out, rows)
	return nil
}

func (s *side) row(label string) []string {
	n := float64(len(s.took))
	each := func(v int64) string { return fmt.Sprintf("%.1f", float64(v)/n) }
	return []string{
		label, s.name, ms(median(s.took)), ms(median(s.bare)), ms(median(s.added)), ms(quantile(s.added, 0.95)),
		ms(quantile(s.added, 0.99)),
		each(s.counts.Opens), each(s.counts.Reads), each(s.counts.Writes),
		fmt.Sprintf("%.0f", float64(s.bytes)/n/1e3), fmt.Sprintf("%.0f", float64(s.things)/n)}
}

func (r *run) latencyOf(file string, size int) (us, them *side, err error) {
	b, err := r.startBoth(file)
	if err != nil {
		return nil, nil, err
	}
	defer b.stop()
	calls, err := r.newBare()
	if err != nil {
		return nil, nil, err
	}
	defer calls.stop()
	us, them = &side{name: "bucketocr", p: b.us, writes: 2}, &side{name: "yardstick", p: b.them, writes: 1}
	sides, page := []*side{us, them}, body(size)
	for _, s := range sides {
		if err := s.begin(r, file); err != nil {
			return nil, nil, err
		}
	}
	for i := range 2 * r.rounds * r.events {
		s := sides[(i+i/2)%2] // us, them, them, us, …
		if err := s.event(r, file); err != nil {
			return nil, nil, err
		}
		d, err := calls.calls(file, page, s.writes)
		if err != nil {
			return nil, nil, err
		}
		s.bare = append(s.bare, d)
	}
	for _, s := range sides {
		if err := s.end(); err != nil {
			return nil, nil, err
		}
	}
	return us, them, nil
}

// event delivers one and takes from its time what its calls waited. Both programs make their calls one after another.
func (s *side) event(r *run, file string) error {
	counts, waited, start := r.world.Counts(), r.world.Waited(), time.Now()
	if err := s.p.one(r.ctx, r.name(file)); err != nil {
		return err
	}
	s.took = append(s.took, time.Since(start)-(r.world.Waited()-waited))
	s.counts = s.counts.Add(r.world.Counts().Sub(counts))
	return nil
}

// begin warms a program up, beyond what proves that it works, and notes what it has allocated.
func (s *side) begin(r *run, file string) error {
	if err := r.flood(s.p, file, 2*r.events, 1); err != nil {
		return err
	}
	s.p.record(r.ctx, r.profile, "latency-"+file, 5*time.Second)
	a, err := s.p.allocated()
	s.bytes, s.things = a.Bytes, a.Objects
	return err
}

func (s *side) end() error {
	a, err := s.p.allocated()
	s.bytes, s.things = a.Bytes-s.bytes, a.Objects-s.things
	calls := median(s.bare)
	for _, d := range s.took {
		s.added = append(s.added, d-calls)
	}
	return err
}
