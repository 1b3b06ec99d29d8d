package model

import (
	"math/bits"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// record is an object's document in Firestore, and the count of its deliveries.
type record struct {
	published, lease, due, window time.Duration
	read, failed                  pages
	status                        status
	delivered                     uint8
}

// pages is a set of page numbers from 0.
type pages uint64

func (p pages) count() int   { return bits.OnesCount64(uint64(p)) }
func (p pages) first() uint8 { return uint8(bits.TrailingZeros64(uint64(p))) }
func bit(page uint8) pages   { return 1 << page }

// all returns the set of all pages of an object.
func (m *model) all() pages { return 1<<m.c.Pages - 1 }

type status uint8

const (
	none status = iota // no document
	processing
	retrying
	done
	failed
	lost // its event was dropped before any attempt
)

// blame is the class of a fault, as in package document.
type blame uint8

const (
	nothing blame = iota
	ours
	service
	suspect
)

// Errors of a page at the OCR service, as the client reports them.
var (
	errOverloaded = &ocr.Error{Kind: ocr.KindOverloaded}
	errTimeout    = &ocr.Error{Kind: ocr.KindTimeout, Phase: ocr.PhaseWait}
	errLost       = &ocr.Error{Kind: ocr.KindLost}
)

// strikeOf is a page of an object.
type strikeOf struct {
	object int32
	page   uint8
}

// claim models the worker's claim.
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
	case r.status == processing && m.late(r):
		m.fail(r)
		return false, true
	}
	r.status = processing
	m.lease(r, m.now)
	m.result.Attempts++
	m.result.Writes++
	return true, false
}

// lease leases a record from a time on, without renewal.
func (m *model) lease(r *record, from time.Duration) {
	r.lease = from + document.LeaseTime
	r.due = r.lease + document.DueGrace
}

// late reports whether RETRY_WINDOW has passed.
func (m *model) late(r *record) bool { return m.now-r.window >= m.c.Rules.RetryWindow }

func (m *model) fail(r *record) {
	r.status, r.due = failed, 0
	m.result.Failed++
	m.result.Drained = m.now
}

// release releases a record after a fault. After RETRY_WINDOW it ends the record with the pages read so far, unless the
// fault is our own.
func (m *model) release(object int32, b blame) {
	r := &m.records[object]
	if b != ours && m.late(r) {
		m.result.PagesFailed += (m.all() &^ r.read &^ r.failed).count()
		if r.failed = m.all() &^ r.read; r.read == 0 {
			m.fail(r)
			return
		}
		r.status, r.due, r.lease = done, 0, 0
		m.noteDone()
		return
	}
	r.status = retrying
	r.due = m.now + m.c.Rules.RetryDelay(1)
	m.sweep.expect(object, r.due)
}

// strike counts an otherwise unexplained failure of a page. The last permitted strike fails the page.
func (m *model) strike(object int32, page uint8) {
	n := m.strikes[strikeOf{object, page}] + 1
	m.strikes[strikeOf{object, page}] = n
	m.result.MostStrikes = max(m.result.MostStrikes, n)
	if n >= m.c.Rules.MaxAttempts {
		m.records[object].failed |= bit(page)
		m.result.PagesFailed++
	}
}

// noteDone records how busy the GPUs were until nearly all objects were done: the last ones wait for redelivery.
func (m *model) noteDone() {
	m.result.Done++
	m.result.Drained = m.now
	if m.result.Done == m.c.Objects*99/100 {
		m.result.BusyUntil99 = m.busy()
	}
}

// keep stores v at a free index, or else at a new one, and returns the index.
func keep[T any](all *[]T, free *[]int32, v T) int32 {
	if n := len(*free); n > 0 {
		i := (*free)[n-1]
		*free = (*free)[:n-1]
		(*all)[i] = v
		return i
	}
	*all = append(*all, v)
	return int32(len(*all) - 1)
}
