package standin

import (
	"sync/atomic"
	"time"
)

// Waits are what the calls cost, at the stand-in, besides moving the bytes.
type Waits struct {
	Storage, OCR, Firestore time.Duration
}

// Counts are calls so far.
type Counts struct {
	Opens, Pages         int64 // objects opened, pages asked for
	PageBytes            int64 // bodies of those, in bytes
	Reads, Writes, Calls int64 // documents of Firestore, and calls to it
	Faults               int64 // requests that a real service would have refused
}

// Sub is what was counted between two looks.
func (c Counts) Sub(before Counts) Counts {
	return Counts{
		Opens: c.Opens - before.Opens, Pages: c.Pages - before.Pages, PageBytes: c.PageBytes - before.PageBytes,
		Reads: c.Reads - before.Reads, Writes: c.Writes - before.Writes, Calls: c.Calls - before.Calls,
		Faults: c.Faults - before.Faults,
	}
}

// Add is the sum of both.
func (c Counts) Add(more Counts) Counts {
	zero := Counts{}.Sub(more)
	return c.Sub(zero)
}

type counters struct {
	opens, pages, pageBytes, reads, writes, calls, faults atomic.Int64
}

// costs are what the calls of all services cost, and how many there were.
type costs struct {
	waits  atomic.Pointer[Waits]
	waited atomic.Int64 // nanoseconds
	counters
}

// wait takes as long as a call costs.
func (c *costs) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	start := time.Now()
	time.Sleep(d)
	c.waited.Add(int64(time.Since(start)))
}
