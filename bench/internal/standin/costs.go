package standin

import (
	"sync"
	"sync/atomic"
	"time"
)

// Waits holds the latency of each service's calls, in addition to the transfer of bytes.
type Waits struct {
	Storage, OCR, Firestore time.Duration
}

// Counts holds totals of calls.
type Counts struct {
	Opens, Pages         int64 // objects opened, pages requested
	PageBytes            int64 // request bodies of pages
	Reads, Writes, Calls int64 // Firestore documents read and written, and calls
	Commits, CommitBytes int64 // commits, and the bytes of their messages
	Faults               int64 // requests that a real service would have refused
}

// Sub returns the difference of two counts.
func (c Counts) Sub(before Counts) Counts {
	return Counts{
		Opens: c.Opens - before.Opens, Pages: c.Pages - before.Pages, PageBytes: c.PageBytes - before.PageBytes,
		Reads: c.Reads - before.Reads, Writes: c.Writes - before.Writes, Calls: c.Calls - before.Calls,
		Commits: c.Commits - before.Commits, CommitBytes: c.CommitBytes - before.CommitBytes,
		Faults: c.Faults - before.Faults,
	}
}

// Add returns the sum of both.
func (c Counts) Add(more Counts) Counts {
	zero := Counts{}.Sub(more)
	return c.Sub(zero)
}

type counters struct {
	opens, pages, pageBytes, reads, writes, calls, commits, commitBytes, faults atomic.Int64
}

// costs holds the waits and counts of all services.
type costs struct {
	waits  atomic.Pointer[Waits]
	waited atomic.Int64 // nanoseconds
	shares shares
	counters
}

// wait waits for d and records it. name is the object that the call is for, or "" if unknown.
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

// shares holds the waits by object, while KeepApart is on.
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
