package model

import (
	"errors"
	"math/bits"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// attempt is one claimed object in progress.
type attempt struct {
	object, serial int32 // serial 0: unused entry
	instance       int32
	bySweep        bool
	todo, suspects pages // not begun, and failed
	readers        int   // concurrent pages being made and read
	held           int32 // places at the OCR service
	begun          time.Duration
	sent           bool // has sent a page
	fault          blame
	moved, closing bool
	alone          suspected
}

// pages is a set of page numbers from 0.
type pages uint64

func (p pages) count() int   { return bits.OnesCount64(uint64(p)) }
func (p pages) first() uint8 { return uint8(bits.TrailingZeros64(uint64(p))) }
func bit(page uint8) pages   { return 1 << page }

// Errors of a page at the OCR service, as the client reports them.
var (
	errOverloaded = &ocr.Error{Kind: ocr.KindOverloaded}
	errTimeout    = &ocr.Error{Kind: ocr.KindTimeout, Phase: ocr.PhaseWait}
	errLost       = &ocr.Error{Kind: ocr.KindLost}
)

// beginAttempt begins an attempt at a claimed object.
func (f *functions) beginAttempt(object, i int32, bySweep bool) {
	f.serials++
	r := &f.m.records[object]
	a := attempt{object: object, serial: f.serials, instance: i, bySweep: bySweep, begun: f.m.now,
		todo: f.m.all() &^ r.read &^ r.failed}
	for left := a.todo; left != 0; left &= left - 1 {
		if f.m.strikes[strikeOf{object, left.first()}] > 0 {
			a.suspects |= bit(left.first())
		}
	}
	a.todo &^= a.suspects
	k := f.keepAttempt(a)
	f.m.schedule(f.m.now+f.deadline(), timeOver, k, a.serial)
	f.goOn(k)
}

// deadline returns the time limit of an attempt.
func (f *functions) deadline() time.Duration { return f.m.c.Setup.ProcessTimeout * 15 / 16 }

func (f *functions) timeLeft(k int32) time.Duration {
	return f.attempts[k].begun + f.deadline() - f.m.now
}

func (f *functions) keepAttempt(a attempt) int32 { return keep(&f.attempts, &f.free, a) }

// goOn reads the remaining pages, a few at a time, and then the suspects.
func (f *functions) goOn(k int32) {
	a := &f.attempts[k]
	if a.todo == 0 || a.fault != nothing {
		f.nextSuspect(k)
		return
	}
	a.readers = min(f.m.c.Setup.OCRConcurrency, a.todo.count())
	for range a.readers {
		f.next(k, f.m.c.Call)
	}
}

// next begins the next page, or ends a reader if there is none or none may begin.
func (f *functions) next(k int32, after time.Duration) {
	a := &f.attempts[k]
	silent := f.paceOf(k).limit.Silent()
	if a.fault == nothing && a.todo != 0 && !silent {
		w := want{attempt: k, serial: a.serial, page: a.todo.first(), try: 1}
		a.todo &^= bit(w.page)
		f.m.scheduleWant(f.m.now+after+f.m.c.Overhead, made, w)
		return
	}
	a.readers--
	switch {
	case a.readers > 0:
	case a.fault == nothing && silent:
		f.ask(want{attempt: k, serial: a.serial, role: control})
	default:
		f.goOn(k)
	}
}

// onMade handles a page that was made, or whose pause is over.
func (f *functions) onMade(w want) {
	switch {
	case !f.waitsFor(w.attempt, w.serial):
	case w.role == control:
		f.sendControl(w.attempt, f.attempts[w.attempt].alone.control)
	default:
		f.ask(w)
	}
}

func (f *functions) waitsFor(k, serial int32) bool {
	a := &f.attempts[k]
	return a.serial == serial && !a.closing
}

// came handles the outcome of a page at the OCR service; nil means that it was read.
func (f *functions) came(w want, err error) {
	p := f.paceOf(w.attempt)
	p.limit.Saw(err, p.used, f.m.clock())
	switch w.role {
	case control:
		f.controlCame(w.attempt, err)
		return
	case alone:
		f.suspectCame(w, err)
		return
	}
	pause, again := worker.Pause(err, int(w.try), f.m.dice.Float64())
	switch {
	case err == nil:
		if f.read(w) {
			return
		}
	case again && w.try < worker.MaxSends:
		f.give(w.attempt)
		w.try++
		f.m.scheduleWant(f.m.now+pause, made, w)
		return
	case errors.Is(err, errOverloaded):
		f.fault(w.attempt, service)
	default:
		f.m.result.Suspects++
		f.attempts[w.attempt].suspects |= bit(w.page)
	}
	f.give(w.attempt)
	f.next(w.attempt, 0)
}

// read records that a page was read and reports whether it crashed the instance.
func (f *functions) read(w want) (crashed bool) {
	a := &f.attempts[w.attempt]
	if n := f.m.c.CrashOneIn; n > 0 && f.m.dice.IntN(n) == 0 {
		f.crash(a.instance)
		return true
	}
	a.moved = true
	f.m.records[a.object].read |= bit(w.page)
	if f.m.c.Pages > 1 {
		f.m.result.Writes += 2 // the page and the record; pages that finish together would share the latter
	}
	return false
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
