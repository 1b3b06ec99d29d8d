package sim

import (
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// attempt is one claimed object in work.
type attempt struct {
	object, serial int32 // serial 0: the place is free
	instance       int32
	left, flying   int32 // pages not begun, and at the GPUs
	begun          time.Duration
	fault          blame
	moved, closing bool
}

// attempt begins to work on a claimed object.
func (f *functions) attempt(object, i int32) {
	f.serials++
	a := attempt{object: object, serial: f.serials, instance: i, begun: f.m.now,
		left: int32(f.m.c.Pages) - f.m.records[object].pagesDone}
	k := f.room(a)
	f.m.push(f.m.now+f.m.c.Setup.ProcessTimeout*15/16, timeOver, k, a.serial)
	for range min(int(a.left), f.m.c.Setup.PagesOfObject(f.m.c.Pages)) {
		f.send(k, f.m.c.Call)
	}
}

func (f *functions) room(a attempt) int32 {
	if n := len(f.free); n > 0 {
		k := f.free[n-1]
		f.free = f.free[:n-1]
		f.attempts[k] = a
		return k
	}
	f.attempts = append(f.attempts, a)
	return int32(len(f.attempts) - 1)
}

func (f *functions) send(k int32, after time.Duration) {
	a := &f.attempts[k]
	a.left--
	a.flying++
	f.m.push(f.m.now+after+f.m.c.Overhead, sent, k, a.serial)
}

func (f *functions) waitsFor(k, serial int32) bool {
	a := &f.attempts[k]
	return a.serial == serial && !a.closing
}

// pageDone goes on with the next page or the end.
func (f *functions) pageDone(k int32) {
	a := &f.attempts[k]
	if n := f.m.c.CrashOneIn; n > 0 && a.instance >= 0 && f.m.dice.IntN(n) == 0 {
		f.crash(a.instance)
		return
	}
	a.flying--
	a.moved = true
	if f.m.c.Pages > 1 {
		f.m.records[a.object].pagesDone++
		f.m.records[a.object].doubts = 0
		f.m.result.Writes += 2 // the page and the record; pages that finish together would share the latter
	}
	f.more(k)
}

func (f *functions) pageFailed(k int32, b blame) {
	f.attempts[k].flying--
	f.attempts[k].fault = max(f.attempts[k].fault, b)
	f.more(k)
}

// more sends the next page, or ends where there is none or a fault.
func (f *functions) more(k int32) {
	a := &f.attempts[k]
	switch {
	case a.left > 0 && a.fault == nothing:
		f.send(k, 0)
	case a.flying == 0:
		f.close(k)
	}
}

func (f *functions) onTimeOver(k, serial int32) {
	if f.waitsFor(k, serial) {
		f.attempts[k].fault = max(f.attempts[k].fault, doubt)
		f.close(k)
	}
}

func (f *functions) close(k int32) {
	a := &f.attempts[k]
	a.closing = true
	f.m.push(f.m.now+f.m.c.Call, closed, k, a.serial)
}

// onClosed is the closing write, and the answer to whoever delivered.
func (f *functions) onClosed(k, serial int32) {
	a := f.attempts[k]
	if a.serial != serial {
		return
	}
	f.attempts[k].serial = 0
	f.free = append(f.free, k)
	f.m.result.Writes += 1 + int((f.m.now-a.begun)/document.RenewEvery)
	if a.fault == nothing {
		r := &f.m.records[a.object]
		r.status, r.due, r.lease = done, 0, 0
		f.m.noteDone()
	} else {
		f.m.release(a.object, a.fault, a.moved)
	}
	f.answer(a)
}

func (f *functions) answer(a attempt) {
	if a.instance == bySweep {
		f.m.sweep.running--
		f.m.push(f.m.now, sweepNext, 0, 0)
		return
	}
	f.leave(a.instance)
	if s := f.m.records[a.object].status; s == done || s == failed {
		f.m.pubsub.ack(a.object)
	} else {
		f.m.pubsub.nack(a.object)
	}
}
