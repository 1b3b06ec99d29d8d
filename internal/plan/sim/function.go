package sim

import (
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// theSweep takes the place of an object where a request is the sweep's, bySweep that of an instance where an attempt
// is.
const (
	theSweep = -1
	bySweep  = -1
)

// instance is one of the function's.
type instance struct {
	alive, ready bool
	active       int
	since        time.Duration // of active's last change
	seconds      float64       // with work
}

func (i *instance) note(now time.Duration) {
	if i.active > 0 {
		i.seconds += (now - i.since).Seconds()
	}
	i.since = now
}

type request struct {
	object int32
	at     time.Duration
}

// functions is the function's service: instances, the line before them, and what they work on.
type functions struct {
	m         *model
	instances []instance
	line      []request // the longest waiting first
	watched   bool      // an expires is on its way
	attempts  []attempt
	free      []int32
	serials   int32
}

// arrive takes a request in, or lets it wait.
func (f *functions) arrive(object int32) {
	if i := f.emptiest(); i >= 0 {
		f.enter(i, object)
		return
	}
	f.scale()
	f.line = append(f.line, request{object, f.m.now})
	f.watch()
}

// watch has the head of the line looked at when it has waited too long.
func (f *functions) watch() {
	if len(f.line) > 0 && !f.watched {
		f.watched = true
		f.m.schedule(f.line[0].at+pending, expires, 0, 0)
	}
}

// emptiest is an instance with room, the emptiest; -1 for none.
func (f *functions) emptiest() int32 {
	best := int32(-1)
	for i := range f.instances {
		if n := &f.instances[i]; n.ready && n.active < f.m.c.Setup.FunctionConcurrency &&
			(best < 0 || n.active < f.instances[best].active) {
			best = int32(i)
		}
	}
	return best
}

func (f *functions) scale() {
	for i := range f.instances {
		if n := &f.instances[i]; !n.alive {
			*n = instance{alive: true, seconds: n.seconds, since: f.m.now}
			f.m.schedule(f.m.now+f.m.c.FunctionStart, fnReady, int32(i), 0)
			return
		}
	}
}

func (f *functions) onInstanceReady(i int32) {
	f.instances[i].ready = true
	f.admitWaiting()
}

// onRequestExpires refuses those who waited too long.
func (f *functions) onRequestExpires() {
	f.watched = false
	for len(f.line) > 0 && f.line[0].at+pending <= f.m.now {
		r := f.line[0]
		f.line = f.line[1:]
		if r.object != theSweep {
			f.m.result.Refused++
			f.m.pubsub.nack(r.object)
		}
	}
	f.watch()
}

// admitWaiting lets those in who wait, as far as there is room.
func (f *functions) admitWaiting() {
	for len(f.line) > 0 {
		i := f.emptiest()
		if i < 0 {
			return
		}
		r := f.line[0]
		f.line = f.line[1:]
		f.enter(i, r.object)
	}
}

// enter takes a place in an instance and claims.
func (f *functions) enter(i, object int32) {
	n := &f.instances[i]
	n.note(f.m.now)
	n.active++
	if object == theSweep {
		f.m.sweep.begin(i)
		return
	}
	claimed, ended := f.m.claim(object)
	if claimed {
		f.beginAttempt(object, i)
		return
	}
	f.leave(i)
	if ended {
		f.m.pubsub.ack(object)
	} else {
		f.m.pubsub.nack(object)
	}
}

// leave frees a place.
func (f *functions) leave(i int32) {
	f.instances[i].note(f.m.now)
	f.instances[i].active--
	f.admitWaiting()
}

// crash ends an instance and all that it works on: leases run out, and Pub/Sub sees broken connections. The sweep's own
// attempts stay, for simplicity.
func (f *functions) crash(i int32) {
	for k := range f.attempts {
		a := &f.attempts[k]
		if a.serial == 0 || a.instance != i {
			continue
		}
		r := &f.m.records[a.object]
		f.m.lease(r, f.m.now-document.RenewEvery/2) // it was renewed half a period ago, on average
		f.m.sweep.expect(a.object, r.due)
		a.serial = 0
		f.free = append(f.free, int32(k))
		f.m.pubsub.nack(a.object)
	}
	n := &f.instances[i]
	n.note(f.m.now)
	if f.m.sweep.active && f.m.sweep.instance == i {
		n.active = 1
		return
	}
	n.active, n.alive, n.ready = 0, false, false
}

// attempt is one claimed object in work.
type attempt struct {
	object, serial int32 // serial 0: the place is free
	instance       int32
	left, flying   int32 // pages not begun, and at the GPUs
	begun          time.Duration
	fault          blame
	moved, closing bool
}

// beginAttempt begins to work on a claimed object.
func (f *functions) beginAttempt(object, i int32) {
	f.serials++
	a := attempt{object: object, serial: f.serials, instance: i, begun: f.m.now,
		left: int32(f.m.c.Pages) - f.m.records[object].pagesDone}
	k := f.keepAttempt(a)
	f.m.schedule(f.m.now+f.m.c.Setup.ProcessTimeout*15/16, timeOver, k, a.serial)
	for range min(int(a.left), f.m.c.Setup.PagesOfObject(f.m.c.Pages)) {
		f.send(k, f.m.c.Call)
	}
}

func (f *functions) keepAttempt(a attempt) int32 {
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
	f.m.schedule(f.m.now+after+f.m.c.Overhead, sent, k, a.serial)
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
		f.m.records[a.object].suspected = 0
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
		f.attempts[k].fault = max(f.attempts[k].fault, suspect)
		f.close(k)
	}
}

func (f *functions) close(k int32) {
	a := &f.attempts[k]
	a.closing = true
	f.m.schedule(f.m.now+f.m.c.Call, closed, k, a.serial)
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
