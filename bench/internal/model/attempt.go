package model

import (
	"errors"
	"time"

	"github.com/bucketocr/bucketocr/internal/worker"
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
