package main

import (
	"io"
	"runtime"
	"testing"

	"github.com/bucketocr/bucketocr/bench/internal/standin"
)

// TestBench: the programs are built, work against the stand-ins, and make the calls and allocations that
// docs/capacity.md states. It checks no times.
func TestBench(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	r := &run{ctx: t.Context(), out: io.Discard, rounds: 1, events: 20}
	done, err := r.prepare()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	r.world.Put("half.png", pngPage(500_000))
	us, them, err := r.latencyOf("half.png", 500_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s    *side
		want standin.Counts
	}{{us, standin.Counts{Opens: 20, Pages: 20, Writes: 40, Calls: 40}},
		{them, standin.Counts{Opens: 20, Pages: 20, Writes: 20, Calls: 20}}} {
		if c.s.counts.PageBytes < 20*666_000 {
			t.Errorf("%s sent %d bytes", c.s.name, c.s.counts.PageBytes)
		}
		c.s.counts.PageBytes = 0
		if c.s.counts != c.want || len(c.s.added) != 20 || c.s.things == 0 {
			t.Errorf("%s: %+v, want %+v", c.s.name, c.s.counts, c.want)
		}
	}
	const most = 1280 // objects that an event may allocate: 1,167 in a long run
	if n := us.things / uint64(len(us.took)); n > most {
		t.Errorf("an event allocates %d objects, at most %d", n, most)
	}
	r.events = 3
	for name, measure := range map[string]func(*run) error{"start": start, "throughput": throughput} {
		if err := measure(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
