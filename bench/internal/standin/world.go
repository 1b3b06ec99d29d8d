// Package standin provides the services that the measured functions call: Cloud Storage, the OCR service and Firestore
// on loopback, each with a known, fixed latency. A call waits as configured, the actual wait is recorded, and all else
// is kept minimal: the time that a function adds is the time of an event less these waits.
//
// Firestore is a small gRPC server rather than the emulator, a Java program that would compete for the measured
// processor and whose latency varies.
//
// Files, in reading order:
//
//	world.go      all services, started and controlled
//	ocr.go        the OCR service
//	gate.go       answering several requests at the same moment
//	storage.go    Cloud Storage
//	numbered.go   telling its objects apart
//	firestore.go  Firestore
//	costs.go      waits and counts of calls
package standin

import (
	"net"
	"time"
)

// World is the set of services. Its methods may be called at any time.
type World struct {
	Storage, OCR, Firestore string // host:port

	costs   *costs
	objects *objects
	model   *model
	store   *store
}

// New starts all services, without waits. They run until the process ends.
func New() (*World, error) {
	w := &World{costs: &costs{shares: shares{waits: map[string]time.Duration{}}},
		objects: &objects{byName: map[string]*object{}}, store: &store{documents: map[string]*document{}}}
	w.SetWaits(Waits{})
	w.model = &model{costs: w.costs, objects: w.objects}
	bucket, records := &storage{costs: w.costs, objects: w.objects}, &firestore{costs: w.costs, store: w.store}
	for _, s := range []struct {
		addr  *string
		serve func(net.Listener)
	}{{&w.Storage, bucket.serve}, {&w.OCR, w.model.serve}, {&w.Firestore, records.serve}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		*s.addr = l.Addr().String()
		go s.serve(l)
	}
	return w, nil
}

// SetWaits changes the waits of future calls.
func (w *World) SetWaits(waits Waits) { w.costs.waits.Store(&waits) }

// Prove makes the OCR service parse every request and compare its image with the stored objects. This takes time, so it
// is meant for a few events before a measurement, to make sure that the measured programs do their work.
func (w *World) Prove(on bool) { w.model.proof.Store(on) }

// Waited returns the sum of all waits so far.
func (w *World) Waited() time.Duration { return time.Duration(w.costs.waited.Load()) }

// KeepApart makes [World.WaitedFor] available: waits are summed by object name, and every PNG contains its name, so
// that the calls of concurrent events can be distinguished.
func (w *World) KeepApart(on bool) { w.costs.shares.apart.Store(on) }

// WaitedFor returns the sum of the waits of an object's calls and resets it.
func (w *World) WaitedFor(name string) time.Duration { return w.costs.shares.take(name) }

// AnswerTogether makes the OCR service hold answers until it has n requests and then send them at the same moment. With
// n below 2 each is answered at once.
func (w *World) AnswerTogether(n int) { w.model.gate.set(n) }

// Counts returns the counts so far.
func (w *World) Counts() Counts {
	c := w.costs
	return Counts{
		Opens: c.opens.Load(), Pages: c.pages.Load(), PageBytes: c.pageBytes.Load(),
		Reads: c.reads.Load(), Writes: c.writes.Load(), Calls: c.calls.Load(), Faults: c.faults.Load(),
		Commits: c.commits.Load(), CommitBytes: c.commitBytes.Load(),
	}
}

// Put stores an object. "page.png" is also found as "17/page.png".
func (w *World) Put(name string, b []byte) {
	w.objects.mu.Lock()
	defer w.objects.mu.Unlock()
	w.objects.byName[name] = newObject(b)
}

// Forget empties Firestore.
func (w *World) Forget() {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	clear(w.store.documents)
}

// Documents returns the number of documents with status "done".
func (w *World) Documents() int {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	n := 0
	for _, d := range w.store.documents {
		if d.fields["status"].GetStringValue() == "done" {
			n++
		}
	}
	return n
}
