// Package standin is what the measured functions talk to: Cloud Storage, the OCR service and Firestore on loopback, each of
// a known, fixed cost. A call waits as long as it was told to, says afterwards how long that really was, and does as little
// besides as can be: what a function adds is the time of an event less these waits.
//
// Firestore is a small gRPC server and not the emulator: the emulator is a Java program that takes the processor that is
// being measured, and the time of its calls is not fixed.
package standin

import (
	"net"
	"sync/atomic"
	"time"
)

// Waits are what the calls cost, at the stand-in, besides moving the bytes.
type Waits struct {
	Storage, OCR, Firestore time.Duration
}

// World is all of the outside. Its methods may be called at any time.
type World struct {
	Storage, OCR, Firestore string // host:port

	waits   atomic.Pointer[Waits]
	waited  atomic.Int64 // nanoseconds
	calls   counters
	objects objects
	store   store
	proof   atomic.Bool
}

// Counts are calls so far.
type Counts struct {
	Opens, Pages         int64 // objects opened, pages asked for
	PageBytes            int64 // bodies of those, in bytes
	Reads, Writes, Calls int64 // documents of Firestore, and calls to it
	Faults               int64 // requests that a real service would have refused
}

type counters struct {
	opens, pages, pageBytes, reads, writes, calls, faults atomic.Int64
}

// New starts a world that waits for nothing. It runs until the process ends.
func New() (*World, error) {
	w := &World{objects: objects{byName: map[string]*object{}}, store: store{documents: map[string]*document{}}}
	w.waits.Store(&Waits{})
	for _, s := range []struct {
		addr  *string
		serve func(net.Listener)
	}{{&w.Storage, w.serveStorage}, {&w.OCR, w.serveOCR}, {&w.Firestore, w.serveFirestore}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		*s.addr = l.Addr().String()
		go s.serve(l)
	}
	return w, nil
}

// SetWaits changes what calls cost from now on.
func (w *World) SetWaits(waits Waits) { w.waits.Store(&waits) }

// Prove has every page's request read as JSON and its image compared with the objects put, which costs time of its own:
// for a few events before a measurement, so that nothing is compared that does not do its work.
func (w *World) Prove(on bool) { w.proof.Store(on) }

// Waited is how long calls have waited so far, in sum.
func (w *World) Waited() time.Duration { return time.Duration(w.waited.Load()) }

// Counts are the calls so far.
func (w *World) Counts() Counts {
	c := &w.calls
	return Counts{
		Opens: c.opens.Load(), Pages: c.pages.Load(), PageBytes: c.pageBytes.Load(),
		Reads: c.reads.Load(), Writes: c.writes.Load(), Calls: c.calls.Load(), Faults: c.faults.Load(),
	}
}

// Sub is what was counted between two looks.
func (c Counts) Sub(before Counts) Counts {
	return Counts{
		Opens: c.Opens - before.Opens, Pages: c.Pages - before.Pages, PageBytes: c.PageBytes - before.PageBytes,
		Reads: c.Reads - before.Reads, Writes: c.Writes - before.Writes, Calls: c.Calls - before.Calls,
		Faults: c.Faults - before.Faults,
	}
}

// wait is a call's cost.
func (w *World) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	start := time.Now()
	time.Sleep(d)
	w.waited.Add(int64(time.Since(start)))
}

// Add is the sum of both.
func (c Counts) Add(more Counts) Counts {
	zero := Counts{}.Sub(more)
	return c.Sub(zero)
}
