package model

import (
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
)

// theSweep stands for the object in the sweep's requests.
const theSweep = -1

// instance is one of the function's.
type instance struct {
	alive, ready bool
	active       int
	since        time.Duration // of active's last change
	seconds      float64       // while working
	pace         pace
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

// functions is the function's service: its instances, its queue and the attempts in progress.
type functions struct {
	m         *model
	instances []instance
	line      []request // the longest waiting first
	watched   bool      // an expires event is scheduled
	attempts  []attempt
	free      []int32
	serials   int32
	turn      turn
}

// arrive admits a request or queues it.
func (f *functions) arrive(object int32) {
	if i := f.emptiest(); i >= 0 {
		f.enter(i, object)
		return
	}
	f.scale()
	f.line = append(f.line, request{object, f.m.now})
	f.watch()
}

// watch schedules the expiry of the queue's head.
func (f *functions) watch() {
	if len(f.line) > 0 && !f.watched {
		f.watched = true
		f.m.schedule(f.line[0].at+pending, expires, 0, 0)
	}
}

// emptiest returns the emptiest instance with room, or -1.
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
			limit := worker.NewLimit(f.m.c.Setup.InstancePages, f.m.c.Setup.OCRTimeout)
			*n = instance{alive: true, seconds: n.seconds, since: f.m.now, pace: pace{limit: limit}}
			f.m.schedule(f.m.now+f.m.c.FunctionStart, fnReady, int32(i), 0)
			return
		}
	}
}

func (f *functions) onInstanceReady(i int32) {
	f.instances[i].ready = true
	f.admitWaiting()
}

// onRequestExpires rejects requests that have waited too long.
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

// admitWaiting admits queued requests while there is room.
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

// enter takes a place in an instance and claims the object.
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
		f.beginAttempt(object, i, false)
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

// crash ends an instance and its attempts: leases expire, and Pub/Sub sees broken connections.
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
		if !a.bySweep {
			f.m.pubsub.nack(a.object)
		}
	}
	if s := &f.m.sweep; s.active && s.instance == i {
		s.active, s.running = false, 0
	}
	n := &f.instances[i]
	n.note(f.m.now)
	n.active, n.alive, n.ready = 0, false, false
}
