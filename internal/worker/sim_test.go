package worker_test

import (
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

var (
	simSeed  = flag.Uint64("seed", 0, "replay this seed of the simulation alone")
	simSeeds = flag.Int("seeds", 60, "how many seeds of the simulation to run")
	simFirst = flag.Uint64("first", 1, "the first of them")
)

// TestSim runs whole little worlds through the real Process under fake time, one for each seed: a platform that delivers
// late, twice, in any order or stops to; people who overwrite, delete and ask for another try; instances that die at any call; a store, a bucket
// and an OCR service that fail. When the dust has settled, every invariant of DESIGN 1 is checked. A failure names its
// seed: go test ./internal/worker -run Sim -seed N replays it.
func TestSim(t *testing.T) {
	if *simSeed != 0 {
		s := runSim(t, *simSeed)
		t.Logf("seed %d: %s, trace %x", *simSeed, s.count, s.trace.Sum64())
		return
	}
	var total counts
	for i := range *simSeeds {
		seed := *simFirst + uint64(i)
		total.add(runSim(t, seed).count)
		if t.Failed() {
			t.Fatalf("replay with: go test ./internal/worker -run Sim -seed %d", seed)
		}
	}
	t.Logf("%d seeds: %s", *simSeeds, total)
}

// TestSimReplays: the same seed makes the same history.
func TestSimReplays(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		if a, b := runSim(t, seed), runSim(t, seed); a.trace.Sum64() != b.trace.Sum64() || a.count != b.count {
			t.Errorf("seed %d: two histories: %s and %s", seed, a.count, b.count)
		}
	}
}

func runSim(t *testing.T, seed uint64) *sim {
	var s *sim
	synctest.Test(t, func(t *testing.T) {
		s = newSim(t, seed)
		s.people()
		s.run(3 * time.Hour)
		s.settle()
		s.check()
	})
	return s
}

// counts is what a simulation was made of.
type counts struct {
	objects, deliveries, faults, lost, crashes, sweeps, dropped, answers, retries int
}

func (c counts) String() string {
	return fmt.Sprintf("%d objects, %d deliveries, %d faults, %d lost answers, %d crashes, %d sweeps, %d deliveries stopped, %d OCR answers, %d asked for again",
		c.objects, c.deliveries, c.faults, c.lost, c.crashes, c.sweeps, c.dropped, c.answers, c.retries)
}

func (c *counts) add(d counts) {
	c.objects += d.objects
	c.deliveries += d.deliveries
	c.faults += d.faults
	c.lost += d.lost
	c.crashes += d.crashes
	c.sweeps += d.sweeps
	c.dropped += d.dropped
	c.answers += d.answers
	c.retries += d.retries
}
