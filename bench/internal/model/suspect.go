package model

import (
	"errors"
	"time"

	"github.com/bucketocr/bucketocr/internal/worker"
)

// suspected is the state of an attempt's suspects.
type suspected struct {
	page      uint8
	asked     time.Duration // when it asked for the turn
	turn      bool          // this attempt has the turn
	struck    bool          // a page got a strike and is left to another attempt
	err       error         // of the page read alone
	control   reason
	tries     int           // of the control page
	sent      time.Duration // when the control page was sent
	lateTwice bool          // a second late control page means that the service has a queue
}

// reason is the reason for sending the control page.
type reason uint8

const (
	silence       reason = iota // several pages in a row failed
	beforeSuspect               // the service has not answered for a while
	afterSuspect                // to find out whose fault it was
)

// turn is the single suspect across all instances that may be tried.
type turn struct {
	attempt, serial int32
	until           time.Duration
}

// nextSuspect makes the next suspect wait for its turn, or ends the attempt if there is none.
func (f *functions) nextSuspect(k int32) {
	a := &f.attempts[k]
	if a.fault != nothing || a.suspects == 0 {
		if a.alone.struck {
			f.fault(k, suspect)
		}
		f.close(k)
		return
	}
	a.alone.page, a.alone.asked = a.suspects.first(), f.m.now
	a.suspects &^= bit(a.alone.page)
	f.onPolls(k, a.serial)
}

// trial returns the longest time for a page alone and the control page after it.
func (f *functions) trial() time.Duration { return f.m.c.Setup.OCRTimeout + controlTime }

// onPolls checks whether the turn is free.
func (f *functions) onPolls(k, serial int32) {
	if !f.waitsFor(k, serial) {
		return
	}
	a := &f.attempts[k]
	f.m.result.Reads++
	switch {
	case f.m.now >= f.turn.until:
		f.turn = turn{k, serial, f.m.now + f.timeLeft(k)}
		a.alone.turn = true
		f.m.result.Writes++
		f.ask(want{attempt: k, serial: serial, page: a.alone.page, role: alone})
	case f.m.now-a.alone.asked > f.trial():
		f.m.result.TurnsLost++
		f.fault(k, ours)
		f.close(k)
	default:
		f.m.schedule(f.m.now+turnPoll+time.Duration(f.m.dice.Float64()*float64(turnPoll)), polls, k, serial)
	}
}

// giveTurn returns the turn if the attempt has it.
func (f *functions) giveTurn(k int32) {
	a := &f.attempts[k]
	if a.alone.turn && f.turn.attempt == k && f.turn.serial == a.serial {
		f.turn = turn{}
		f.m.result.Writes++
	}
	a.alone.turn = false
}

// endTrial returns the suspect's places and turn, and continues.
func (f *functions) endTrial(k int32) {
	f.giveTurn(k)
	f.give(k)
	f.nextSuspect(k)
}

func (f *functions) sendSuspect(k int32) {
	if f.timeLeft(k) < min(f.trial(), f.m.c.Setup.ProcessTimeout/2) {
		f.fault(k, ours)
		f.endTrial(k)
		return
	}
	a := &f.attempts[k]
	a.sent = true
	f.m.gpus.ask(want{attempt: k, serial: a.serial, page: a.alone.page, role: alone})
}

func (f *functions) suspectCame(w want, err error) {
	k := w.attempt
	switch {
	case err == nil:
		if !f.read(w) {
			f.endTrial(k)
		}
	case errors.Is(err, errOverloaded):
		f.fault(k, service)
		f.endTrial(k)
	default:
		f.attempts[k].alone.err, f.attempts[k].alone.lateTwice = err, false
		f.sendControl(k, afterSuspect)
	}
}

// sendControl sends the control page, or resends it.
func (f *functions) sendControl(k int32, why reason) {
	a := &f.attempts[k]
	if why != a.alone.control {
		a.alone.tries = 0
	}
	a.alone.control, a.alone.sent = why, f.m.now
	a.alone.tries++
	f.m.result.Controls++
	f.m.gpus.ask(want{attempt: k, serial: a.serial, role: control})
}

func (f *functions) controlCame(k int32, err error) {
	a := &f.attempts[k]
	if err == nil {
		f.controlRead(k)
		return
	}
	pause, comesBack := worker.Pause(err, a.alone.tries, f.m.dice.Float64())
	if errors.Is(err, errLost) {
		pause, comesBack = controlPause<<min(a.alone.tries-1, 8), true
	}
	if comesBack {
		f.m.scheduleWant(f.m.now+min(pause, controlWait), made, want{attempt: k, serial: a.serial, role: control})
		return
	}
	f.fault(k, service)
	f.endTrial(k)
}

// controlRead continues after the control page was read.
func (f *functions) controlRead(k int32) {
	a := &f.attempts[k]
	a.alone.tries = 0
	late := errors.Is(a.alone.err, errTimeout) && f.m.now-a.alone.sent > f.m.c.Setup.OCRTimeout/4
	switch {
	case a.alone.control == silence:
		f.give(k)
		f.goOn(k)
	case a.alone.control == beforeSuspect:
		f.sendSuspect(k)
	case late && !a.alone.lateTwice:
		a.alone.lateTwice = true
		f.sendControl(k, afterSuspect)
	case late:
		f.fault(k, service)
		f.endTrial(k)
	default:
		f.m.strike(a.object, a.alone.page)
		a.alone.struck = a.alone.struck || f.m.records[a.object].failed&bit(a.alone.page) == 0
		f.endTrial(k)
	}
}
