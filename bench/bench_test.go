package main

import (
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

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
	}{
		{us, standin.Counts{Opens: 20, Pages: 20, Writes: 40, Calls: 40, Commits: 40}},
		{them, standin.Counts{Opens: 20, Pages: 20, Writes: 20, Calls: 20, Commits: 20}},
	} {
		if c.s.counts.PageBytes < 20*666_000 {
			t.Errorf("%s sent %d bytes", c.s.name, c.s.counts.PageBytes)
		}
		c.s.counts.PageBytes, c.s.counts.CommitBytes = 0, 0
		if c.s.counts != c.want || len(c.s.added) != 20 || c.s.things == 0 {
			t.Errorf("%s: %+v, want %+v", c.s.name, c.s.counts, c.want)
		}
	}
	const most = 1200 // objects that an event may allocate: 1,108 in a long run
	if n := us.things / uint64(len(us.took)); n > most {
		t.Errorf("an event allocates %d objects, at most %d", n, most)
	}
	before := r.world.Counts()
	ours, theirs, err := r.burstOf("half.png", 40)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []*flooded{ours, theirs} {
		if len(f.turns) != 1 || len(f.turns[0]) != 40 || slices.Min(f.turns[0]) <= 0 || f.things == 0 || f.peak == 0 {
			t.Errorf("%s: a burst of 40 events: %+v", f.name, f)
		}
	}
	if c := r.world.Counts().Sub(before); c.Faults > 0 {
		t.Errorf("%d requests of a burst were refused", c.Faults)
	}
	r.events = 3
	for name, measure := range map[string]func(*run) error{"start": start, "throughput": throughput} {
		if err := measure(r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLong: what a page of a long document takes of the calls does not grow with it, and pages that finish together are
// committed together: the first of four by itself, the others while that is under way.
func TestLong(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	r := &run{ctx: t.Context(), out: io.Discard}
	done, err := r.prepare()
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	const pages = 16
	for _, c := range []struct {
		atOnce int
		waits  standin.Waits
		most   int64 // commits: the claim, those of pages, and the last one
	}{
		{1, standin.Waits{}, 1 + pages + 1},
		{pagesAtOnce, standin.Waits{Firestore: 200 * time.Millisecond}, 1 + pages*3/4 + 1},
	} {
		d, err := r.readBook(book{"tiff", pages, c.atOnce}, c.waits)
		if err != nil {
			t.Fatal(err)
		}
		got := d.counts
		if got.Opens != 1 || got.Pages != pages || got.Reads != 0 || got.Commits > c.most || got.Calls != got.Commits ||
			got.Writes != pages+got.Commits {
			t.Errorf("%d pages, %s: %+v, at most %d commits", pages, d.way(), got, c.most)
		}
		if each := got.CommitBytes / pages; each > 6<<10 {
			t.Errorf("%d pages, %s: %d bytes of commits for a page of 2 KB", pages, d.way(), each)
		}
		if d.cpu == 0 || d.decoder == 0 || d.peak == 0 || d.decoderPeak == 0 || d.things == 0 {
			t.Errorf("%d pages, %s: %+v", pages, d.way(), d)
		}
	}
}
