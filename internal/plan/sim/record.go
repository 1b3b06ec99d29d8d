package sim

import (
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// record is what Firestore holds of an object, and how often Pub/Sub delivered its event.
type record struct {
	published, lease, due, window time.Duration
	pagesDone                     int32
	status                        status
	suspected, delivered          uint8
}

type status uint8

const (
	none status = iota // no document
	processing
	retrying
	done
	failed
	lost // never tried, and never will be
)

// blame is the class of a fault, as in package document: what counts against the object.
type blame uint8

const (
	nothing blame = iota
	suspect
	service
)

// claim is the worker's claim: it reports whether the object may be worked on.
func (m *model) claim(object int32) (claimed, ended bool) {
	r := &m.records[object]
	if r.status != none {
		m.result.Reads++
	}
	switch {
	case r.status == done || r.status == failed:
		return false, true
	case r.status == processing && m.now < r.lease:
		return false, false
	case r.status == none:
		r.window = m.now
	case r.status == processing && m.charge(r, suspect):
		m.fail(r)
		return false, true
	}
	r.status = processing
	m.lease(r, m.now)
	m.result.Attempts++
	m.result.Writes++
	return true, false
}

// lease holds a record from a time on, for as long as it is not renewed.
func (m *model) lease(r *record, from time.Duration) {
	r.lease = from + document.LeaseTime
	r.due = r.lease + document.DueGrace
}

// charge counts a fault and reports whether it was the last.
func (m *model) charge(r *record, b blame) bool {
	if b == suspect {
		r.suspected++
		m.result.MostSuspected = max(m.result.MostSuspected, int(r.suspected))
	}
	return m.now-r.window >= m.c.Rules.RetryWindow
}

func (m *model) fail(r *record) {
	r.status, r.due = failed, 0
	m.result.Failed++
	m.result.Drained = m.now
}

// release releases a record after a fault; one that made progress is not to blame.
func (m *model) release(object int32, b blame, moved bool) {
	r := &m.records[object]
	if moved {
		r.suspected = 0
	} else if m.charge(r, b) {
		m.fail(r)
		return
	}
	r.status = retrying
	r.due = m.now + m.c.Rules.RetryDelay(1)
	m.sweep.expect(object, r.due)
}

// noteDone keeps how busy the GPUs were until nearly all was done: the last objects wait for their redelivery.
func (m *model) noteDone() {
	m.result.Done++
	m.result.Drained = m.now
	if m.result.Done == m.c.Objects*99/100 {
		m.result.BusyUntil99 = m.busy()
	}
}
