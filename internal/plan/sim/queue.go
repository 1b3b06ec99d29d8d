package sim

import (
	"time"
)

// event is one thing that happens.
type event struct {
	at   time.Duration
	kind kind
	a, b int32
	seq  uint32 // events of one moment keep their order
}

type kind uint8

const (
	arrives      kind = iota // object a's event is published
	pushed                   // object a's event is delivered
	expires                  // the function's queue has a request that has waited too long
	fnReady                  // an instance of the function
	sent                     // a page of attempt a, of serial b, reaches the GPU service
	gpuReady                 // instance a
	gpuNext                  // instance a, of version b, has finished a page
	gpuExpires               // the GPUs' queue has a request that has waited too long
	pageTimedOut             // page b of the model
	timeOver                 // attempt a, of serial b: PROCESS_TIMEOUT
	closed                   // attempt a, of serial b, has written its end
	sweeps
	sweepNext // the sweep goes on
	gpuLost
	gpuStops // instance a, of version b, was idle for so long
)

// before orders events.
func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && int32(e.seq-f.seq) < 0 }

// queue is a binary heap of events.
type queue struct {
	heap []event
	seq  uint32
}

func (q *queue) push(at time.Duration, k kind, a, b int32) {
	q.seq++
	e := event{at: at, kind: k, a: a, b: b, seq: q.seq}
	q.heap = append(q.heap, e)
	i := len(q.heap) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(q.heap[parent]) {
			break
		}
		q.heap[i] = q.heap[parent]
		i = parent
	}
	q.heap[i] = e
}

func (q *queue) pop() event {
	top := q.heap[0]
	n := len(q.heap) - 1
	last := q.heap[n]
	q.heap = q.heap[:n]
	i := 0
	for n > 0 {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && q.heap[child+1].before(q.heap[child]) {
			child++
		}
		if !q.heap[child].before(last) {
			break
		}
		q.heap[i] = q.heap[child]
		i = child
	}
	if n > 0 {
		q.heap[i] = last
	}
	return top
}

func (m *model) schedule(at time.Duration, k kind, a, b int32) { m.queue.push(at, k, a, b) }
