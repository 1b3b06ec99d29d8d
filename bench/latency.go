package main

import (
	"fmt"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

// usual has waits similar to the real services', except that the model's is shorter, since its length does not matter.
var usual = standin.Waits{Storage: 5 * time.Millisecond, OCR: 20 * time.Millisecond, Firestore: 3 * time.Millisecond}

// both holds the running processes of the two programs that are compared.
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

// sizes lists pages that pass through.
var sizes = []struct {
	label, file string
	bytes       int
}{{"0.5 MB", "half.png", 500_000}, {"2 MB", "two.png", 2_000_000}, {"7 MB", "seven.png", 6_900_000}}

// side holds the figures of one program.
type side struct {
	name   string
	p      *process
	writes int             // documents written per event
	took   []time.Duration // time per event, less the waits of its calls
	bare   []time.Duration // time of the same calls without the program
	added  []time.Duration // took less the median of bare
	counts standin.Counts
	bytes  uint64 // allocated
	things uint64
}

// latency delivers one event after another, alternating between the programs, with the bare calls after each event.
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
			"%s: added p50 %s ms, at most 10; %.2f of the yardstick's, at most 0.50. Including the transfer of the bytes: %s ms, %.2f of the yardstick's",
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

// event delivers an event and notes its time, less the waits of its calls. Both programs make their calls one after
// another.
func (s *side) event(r *run, file string) error {
	counts, waited, start := r.world.Counts(), r.world.Waited(), time.Now()
	if err := s.p.one(r.ctx, r.name(file)); err != nil {
		return err
	}
	s.took = append(s.took, time.Since(start)-(r.world.Waited()-waited))
	s.counts = s.counts.Add(r.world.Counts().Sub(counts))
	return nil
}

// begin warms a program up and notes its allocations so far.
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
