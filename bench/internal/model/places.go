package model

import (
	"time"

	"github.com/bucketocr/bucketocr/internal/worker"
)

// asking is a page that waits for a place, or for all places of its instance.
type asking struct {
	want
	since time.Duration
}

// pace limits an instance's pages at the OCR service by the product's rule, and queues the others.
type pace struct {
	limit   *worker.Limit
	used    int
	alone   bool // one attempt holds all places
	waiting []asking
}

// paceOf returns the pace of an attempt's instance.
func (f *functions) paceOf(k int32) *pace { return &f.instances[f.attempts[k].instance].pace }

// ask queues a page for a place.
func (f *functions) ask(w want) {
	p := f.paceOf(w.attempt)
	p.waiting = append(p.waiting, asking{w, f.m.now})
	i := f.attempts[w.attempt].instance
	f.admitPages(i)
	if f.find(i, w) >= 0 {
		f.m.scheduleWant(f.m.now+silentWait, looks, w)
	}
}

func (f *functions) find(i int32, w want) int {
	for n, a := range f.instances[i].pace.waiting {
		if a.want == w {
			return n
		}
	}
	return -1
}

// onLooks ends a page's wait if the service has been silent meanwhile.
func (f *functions) onLooks(w want) {
	if !f.waitsFor(w.attempt, w.serial) {
		return
	}
	i := f.attempts[w.attempt].instance
	n := f.find(i, w)
	if n < 0 {
		return
	}
	p := &f.instances[i].pace
	if !p.limit.Silent() {
		f.m.scheduleWant(f.m.now+silentWait, looks, w)
		return
	}
	p.waiting = append(p.waiting[:n], p.waiting[n+1:]...)
	f.stop(w, service)
	f.admitPages(i)
}

// admitPages gives places to waiting pages, in order.
func (f *functions) admitPages(i int32) {
	for p := &f.instances[i].pace; len(p.waiting) > 0 && !p.alone; {
		head := p.waiting[0]
		all := head.role != together
		if all && p.used > 0 || !p.limit.Admits(p.used) {
			return
		}
		p.used, p.alone = p.used+1, all
		p.waiting = p.waiting[1:]
		f.attempts[head.attempt].held++
		f.placed(head)
	}
}

// give returns a place, or all places.
func (f *functions) give(k int32) {
	a := &f.attempts[k]
	p := f.paceOf(k)
	a.held--
	p.used--
	p.alone = false // true only if this attempt held all places
	f.admitPages(a.instance)
}

// leavePlaces returns the places of an ended attempt and removes it from the queue.
func (f *functions) leavePlaces(k int32) {
	a := &f.attempts[k]
	p := f.paceOf(k)
	keep := p.waiting[:0]
	for _, w := range p.waiting {
		if w.attempt != k {
			keep = append(keep, w)
		}
	}
	p.waiting = keep
	if a.held > 0 {
		p.used -= int(a.held)
		p.alone, a.held = false, 0
	}
	f.admitPages(a.instance)
}

// placed sends a page that has got its place.
func (f *functions) placed(at asking) {
	w := at.want
	a := &f.attempts[w.attempt]
	switch {
	case w.role == alone && !f.paceOf(w.attempt).limit.Answering(f.m.clock()):
		f.sendControl(w.attempt, beforeSuspect)
	case w.role == alone:
		f.sendSuspect(w.attempt)
	case w.role == control && !f.paceOf(w.attempt).limit.Silent():
		f.give(w.attempt)
		f.goOn(w.attempt)
	case w.role == control:
		f.sendControl(w.attempt, silence)
	case f.m.now-at.since > time.Second && f.timeLeft(w.attempt) < f.m.c.Setup.ProcessTimeout/4 && !a.sent:
		f.give(w.attempt)
		f.stop(w, ours)
	default:
		a.sent = true
		f.m.gpus.ask(w)
	}
}
