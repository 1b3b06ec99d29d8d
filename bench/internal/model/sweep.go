package model

import "time"

// sweep is the request that arrives every five minutes and takes due records.
type sweep struct {
	m        *model
	due      queue // records; entries may be outdated
	instance int32
	active   bool
	running  int
	until    time.Duration
	last     time.Duration // when a sweep last found a place
}

// expect records when a record becomes due.
func (s *sweep) expect(object int32, due time.Duration) {
	s.due.push(event{at: due, kind: sweeps, a: object})
}

func (s *sweep) onTime() {
	s.m.schedule(s.m.now+sweepEvery, sweeps, 0, 0)
	if !s.active {
		s.m.fn.arrive(theSweep)
	}
}

// begin takes a place in an instance.
func (s *sweep) begin(instance int32) {
	s.m.result.SweepGap = max(s.m.result.SweepGap, s.m.now-s.last)
	s.m.result.Sweeps++
	s.last, s.active, s.instance = s.m.now, true, instance
	s.until = s.m.now + s.m.c.Setup.ProcessTimeout/2
	s.step()
}

// step works on due records, a few at a time, and ends when there are none.
func (s *sweep) step() {
	for s.active && s.running < sweepWidth && s.m.now < s.until {
		object, ok := s.take()
		if !ok {
			break
		}
		if claimed, _ := s.m.claim(object); claimed {
			s.running++
			s.m.fn.beginAttempt(object, s.instance, true)
		}
	}
	if s.active && s.running == 0 {
		s.active = false
		s.m.fn.leave(s.instance)
	}
}

// take returns the longest overdue record.
func (s *sweep) take() (int32, bool) {
	for len(s.due.heap) > 0 && s.due.heap[0].at <= s.m.now {
		e := s.due.pop()
		r := &s.m.records[e.a]
		if r.due == e.at && (r.status == retrying || r.status == processing && r.lease <= s.m.now) {
			return e.a, true
		}
	}
	return 0, false
}
