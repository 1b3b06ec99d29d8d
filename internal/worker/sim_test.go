package worker_test

import (
	"flag"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

var (
	simSeed  = flag.Uint64("seed", 0, "replay this seed of the simulation alone")
	simSeeds = flag.Int("seeds", 60, "how many seeds of the simulation to run")
	simFirst = flag.Uint64("first", 1, "the first of them")
)

// TestSim simulates small worlds with the real Process under fake time, one per seed: images and books with bad and
// deadly pages; a platform that delivers late, twice, in any order or stops delivering; people who overwrite, delete
// and retry; instances with different settings and clocks, which die at any call; a store that loses answers and
// applies commits late; a bucket and an OCR service that fail. Every change of a record is checked against the
// invariants, as is the final state. A failure names its seed: go test ./internal/worker -run 'TestSim$' -seed N
// replays it.
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
			t.Fatalf("replay with: go test ./internal/worker -run 'TestSim$' -seed %d", seed)
		}
	}
	t.Logf("%d seeds: %s", *simSeeds, total)
}

// TestSimReplays: a seed must produce the same history again, or its failure could not be replayed. If the machine
// preempts a goroutine, or the race detector shuffles them, the goroutines of one delivery may run in another order, so
// this is not required of every seed.
func TestSimReplays(t *testing.T) {
	const seeds = 10
	alike := 0
	for i := range uint64(seeds) {
		if seed := *simFirst + i; runSim(t, seed).alike(runSim(t, seed)) {
			alike++
		}
	}
	if alike < seeds/3 {
		t.Errorf("%d of %d seeds made the same history twice, from seed %d", alike, seeds, *simFirst)
	}
}

func (s *sim) alike(other *sim) bool {
	return s.trace.Sum64() == other.trace.Sum64() && s.count == other.count
}

func runSim(t *testing.T, seed uint64) *sim {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or goroutines of one delivery race for its turn
	cryptotest.SetGlobalRandom(t, seed)             // of the ids of commits, by which waits are spread
	var s *sim
	synctest.Test(t, func(t *testing.T) {
		s = newSim(t, seed)
		s.people()
		s.run(3 * time.Hour)
		s.settle()
		time.Sleep(time.Hour) // until dead processes have ended
		s.check()
	})
	return s
}

// counts are the statistics of a simulation.
type counts struct {
	// generations put, their pages, and the unreadable ones
	Objects, Pages, Bad, Deadly             int
	Deliveries, Sweeps, Dropped             int
	Faults, LostAnswers, LateCommits        int
	Crashes, Deaths, Shutdowns              int // deaths of processes: at random, by a page, by the platform
	Outages                                 int
	PagesSent, PagesRead, Strikes, Unearned int // strikes of good pages, explained by an outage
	ControlPages, ControlPagesRead, Bursts  int
	Retries, Rereadings, Resplits           int
	// leases of live holders taken over by an instance that did not know the store's time yet
	SkewedInstances, ClockJumps, EarlyTakings int
	LiveLeasesRetried                         int // leases of live holders taken by an operator with another clock
	// documents with staged pages of a reading that a crash or fault ended
	LeftBehind                int
	Announced, AnnouncedAgain int // ends
	FirstPages                int // documents that end with pages skipped
	Copies, Copied            int // files with the bytes of another, documents with its text
	UnluckyPages              int // good pages that failed by chance, as their world permits
}

func (c counts) String() string {
	var b strings.Builder
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		fmt.Fprintf(&b, "%s %d, ", v.Type().Field(i).Name, v.Field(i).Int())
	}
	return strings.TrimSuffix(b.String(), ", ")
}

func (c *counts) add(d counts) {
	v, w := reflect.ValueOf(c).Elem(), reflect.ValueOf(d)
	for i := range v.NumField() {
		v.Field(i).SetInt(v.Field(i).Int() + w.Field(i).Int())
	}
}
