package model

import (
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// deadline returns the time limit of an attempt.
func (f *functions) deadline() time.Duration { return f.m.c.Setup.ProcessTimeout * 15 / 16 }

func (f *functions) timeLeft(k int32) time.Duration {
	return f.attempts[k].begun + f.deadline() - f.m.now
}

func (f *functions) waitsFor(k, serial int32) bool {
	a := &f.attempts[k]
	return a.serial == serial && !a.closing
}

// fault keeps the first reason why pages of an object remain.
func (f *functions) fault(k int32, b blame) {
	if a := &f.attempts[k]; a.fault == nothing {
		a.fault = b
	}
}

// stop ends the work for which a page waited.
func (f *functions) stop(w want, b blame) {
	f.fault(w.attempt, b)
	if w.role == together {
		f.next(w.attempt, 0)
		return
	}
	f.giveTurn(w.attempt)
	f.close(w.attempt)
}

func (f *functions) onTimeOver(k, serial int32) {
	if f.waitsFor(k, serial) {
		f.fault(k, ours)
		f.giveTurn(k)
		f.close(k)
	}
}

func (f *functions) close(k int32) {
	a := &f.attempts[k]
	a.closing = true
	f.m.schedule(f.m.now+f.m.c.Call, closed, k, a.serial)
	f.leavePlaces(k)
}

// onClosed handles the closing write and answers the delivery.
func (f *functions) onClosed(k, serial int32) {
	a := f.attempts[k]
	if a.serial != serial {
		return
	}
	f.attempts[k].serial = 0
	f.free = append(f.free, k)
	f.m.result.Writes += 1 + int((f.m.now-a.begun)/document.RenewEvery)
	switch r := &f.m.records[a.object]; {
	case r.read|r.failed != f.m.all():
		f.m.release(a.object, a.fault)
	case r.read == 0:
		f.m.fail(r)
	default:
		r.status, r.due, r.lease = done, 0, 0
		f.m.noteDone()
	}
	f.answer(a)
}

func (f *functions) answer(a attempt) {
	if a.bySweep {
		f.m.sweep.running--
		f.m.schedule(f.m.now, sweepNext, 0, 0)
		return
	}
	f.leave(a.instance)
	if s := f.m.records[a.object].status; s == done || s == failed {
		f.m.pubsub.ack(a.object)
	} else {
		f.m.pubsub.nack(a.object)
	}
}
