package model

import (
	"time"
)

// event is one event of the simulation.
type event struct {
	at   time.Duration
	kind kind
	a, b int32
	seq  uint32 // keeps simultaneous events in order
	want uint16 // packed role, try and page of a want
}

// want is a page, or the control page, on its way to the OCR service.
type want struct {
	attempt, serial int32
	page, try       uint8 // from 0, and from 1
	role            role
}

type role uint8

const (
	together role = iota // one of several pages
	alone                // a suspect
	control              // the control page
)

type kind uint8

const (
	arrives      kind = iota // object a's event is published
	pushed                   // object a's event is delivered
	expires                  // a request in the function's queue has waited too long
	fnReady                  // function instance a has started
	made                     // a page of attempt a, of serial b, wants a place at the GPU service
	looks                    // the same page has waited for some time
	polls                    // attempt a, of serial b, checks whether a suspect's turn is free
	gpuReady                 // GPU instance a has started
	gpuNext                  // instance a, of version b, has finished a page
	gpuExpires               // a request in the GPUs' queue has waited too long
	pageTimedOut             // page b of the model
	timeOver                 // attempt a, of serial b: PROCESS_TIMEOUT
	closed                   // attempt a, of serial b, has written its end
	sweeps
	sweepNext // the sweep continues
	gpuLost
	incident // number a
	watch
	gpuStops // instance a, of version b, has been idle for gpuIdle
)

// before reports whether e happens before f.
func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && int32(e.seq-f.seq) < 0 }

// epoch is the beginning of the model's time.
var epoch = time.Unix(1<<30, 0)

// clock returns the model's time as a time.Time.
func (m *model) clock() time.Time { return epoch.Add(m.now) }

// queue is a binary heap of events.
type queue struct {
	heap []event
	seq  uint32
}

func (q *queue) push(e event) {
	q.seq++
	e.seq = q.seq
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

func (m *model) schedule(at time.Duration, k kind, a, b int32) {
	m.queue.push(event{at: at, kind: k, a: a, b: b})
}

func (m *model) scheduleWant(at time.Duration, k kind, w want) {
	m.queue.push(event{at: at, kind: k, a: w.attempt, b: w.serial,
		want: uint16(w.role)<<12 | uint16(w.try)<<8 | uint16(w.page)})
}

// wanted returns the want of an event.
func (e event) wanted() want {
	return want{attempt: e.a, serial: e.b, role: role(e.want >> 12), try: uint8(e.want >> 8 & 15), page: uint8(e.want)}
}
