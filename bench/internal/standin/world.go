// Package standin is what the measured functions talk to: Cloud Storage, the OCR service and Firestore on loopback,
// each of a known, fixed cost. A call waits as long as it was told to, says afterwards how long that really was, and
// does as little besides as can be: what a function adds is the time of an event less these waits.
//
// Firestore is a small gRPC server and not the emulator: the emulator is a Java program that takes the processor that
// is being measured, and the time of its calls is not fixed.
//
// Files, in reading order:
//
//	world.go      all services, started and controlled
//	ocr.go        the OCR service
//	gate.go       its answers to several requests at the same moment
//	storage.go    Cloud Storage
//	numbered.go   its objects told apart
//	firestore.go  Firestore
//	costs.go      how long the calls take, and how many there were
package standin

import (
	"net"
	"time"
)

// World is all of the outside. Its methods may be called at any time.
type World struct {
	Storage, OCR, Firestore string // host:port

	costs   *costs
	objects *objects
	model   *model
	store   *store
}

// New starts a world that waits for nothing. It runs until the process ends.
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

// SetWaits changes what calls cost from now on.
func (w *World) SetWaits(waits Waits) { w.costs.waits.Store(&waits) }

// Prove has every page's request read as JSON and its image compared with the objects put, which costs time of its own:
// for a few events before a measurement, so that nothing is compared that does not do its work.
func (w *World) Prove(on bool) { w.model.proof.Store(on) }

// Waited returns how long calls have waited so far, in sum.
func (w *World) Waited() time.Duration { return time.Duration(w.costs.waited.Load()) }

// KeepApart has the waits of each object's calls summed by its name, for [World.WaitedFor], and every PNG numbered for
// that: the calls of many events that run at once are told apart by it.
func (w *World) KeepApart(on bool) { w.costs.shares.apart.Store(on) }

// WaitedFor returns how long the calls for an object have waited since the last question.
func (w *World) WaitedFor(name string) time.Duration { return w.costs.shares.take(name) }

// AnswerTogether has the OCR service hold its answers until it has so many requests, and then give them at the same
// moment; with less than two it answers each by itself.
func (w *World) AnswerTogether(n int) { w.model.gate.set(n) }

// Counts returns the calls so far.
func (w *World) Counts() Counts {
	c := w.costs
	return Counts{
		Opens: c.opens.Load(), Pages: c.pages.Load(), PageBytes: c.pageBytes.Load(),
		Reads: c.reads.Load(), Writes: c.writes.Load(), Calls: c.calls.Load(), Faults: c.faults.Load(),
		Commits: c.commits.Load(), CommitBytes: c.commitBytes.Load(),
	}
}

// Put stores bytes under the first part of a name: "page.png" is also found as "17/page.png".
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

// Documents returns how many there are whose status is "done".
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
