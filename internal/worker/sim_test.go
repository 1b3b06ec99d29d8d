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

// TestSim runs whole little worlds through the real Process under fake time, one for each seed: images and books, some
// of their pages bad and some deadly; a platform that delivers late, twice, in any order or stops to; people who
// overwrite, delete and ask for another try; instances with other settings and other clocks, that die at any call; a
// store whose answers get lost and whose commits land late, a bucket and an OCR service that fail. Every step from one
// state of a record to the next is held against the invariants of DESIGN 1 and 5, and so is all of it when the dust has
// settled. A failure names its seed: go test ./internal/worker -run 'TestSim$' -seed N replays it.
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

// TestSimReplays: a seed makes the same history again, or its failure could not be replayed. Where the machine stops a
// goroutine in the middle, or the race detector shuffles them, those of one delivery may come to their turn in another
// order, so not of every seed.
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
		time.Sleep(time.Hour) // what dead processes still wait for
		s.check()
	})
	return s
}

// counts is what a simulation was made of.
type counts struct {
	// generations that were put, their pages, and those of them that cannot be read
	Objects, Pages, Bad, Deadly             int
	Deliveries, Sweeps, Dropped             int
	Faults, LostAnswers, LateCommits        int
	Crashes, Deaths, Shutdowns              int // of processes: of themselves, by a page, by the platform
	Outages                                 int
	PagesSent, PagesRead, Strikes, Unearned int // strikes of good pages, which an outage explains
	ControlPages, ControlPagesRead, Bursts  int
	Retries, Rereadings, Resplits           int
	// leases of live holders that were taken before an instance knew the store's time
	SkewedInstances, ClockJumps, EarlyTakings int
	LiveLeasesRetried                         int // leases of live holders that an operator with another clock took
	// documents with staged pages of a reading that a crash or fault ended
	LeftBehind                int
	Announced, AnnouncedAgain int // ends
	FirstPages                int // documents that end with pages skipped
	Copies, Copied            int // files with the bytes of another, documents with its text
	UnluckyPages              int // good pages that failed, as the chances of their world explain
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
