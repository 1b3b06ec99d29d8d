package standin

import (
	"sync"
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
	Commits, CommitBytes int64 // those of the calls that write, and their messages, in bytes
	Faults               int64 // requests that a real service would have refused
}

// Sub is what was counted between two looks.
func (c Counts) Sub(before Counts) Counts {
	return Counts{
		Opens: c.Opens - before.Opens, Pages: c.Pages - before.Pages, PageBytes: c.PageBytes - before.PageBytes,
		Reads: c.Reads - before.Reads, Writes: c.Writes - before.Writes, Calls: c.Calls - before.Calls,
		Commits: c.Commits - before.Commits, CommitBytes: c.CommitBytes - before.CommitBytes,
		Faults: c.Faults - before.Faults,
	}
}

// Add is the sum of both.
func (c Counts) Add(more Counts) Counts {
	zero := Counts{}.Sub(more)
	return c.Sub(zero)
}

type counters struct {
	opens, pages, pageBytes, reads, writes, calls, commits, commitBytes, faults atomic.Int64
}

// costs are what the calls of all services cost, and how many there were.
type costs struct {
	waits  atomic.Pointer[Waits]
	waited atomic.Int64 // nanoseconds
	shares shares
	counters
}

// wait takes as long as a call costs. name is that of the object it was made for, empty where that is not known.
func (c *costs) wait(name string, d time.Duration) {
	if d <= 0 {
		return
	}
	start := time.Now()
	time.Sleep(d)
	waited := time.Since(start)
	c.waited.Add(int64(waited))
	c.shares.add(name, waited)
}

// shares are the waits of each object's calls, while they are kept apart.
type shares struct {
	apart atomic.Bool
	mu    sync.Mutex
	waits map[string]time.Duration
}

func (s *shares) add(name string, d time.Duration) {
	if !s.apart.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits[name] += d
}

func (s *shares) take(name string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.waits[name]
	delete(s.waits, name)
	return d
}
