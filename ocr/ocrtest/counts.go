package ocrtest

import (
	"context"
	"maps"
	"slices"
)

// Counts is what a server has seen.
type Counts struct {
	Requests int // for a page, answered or not
	Answers  int // pages answered 200 in full
	Refused  int // pages answered with another status
	Left     int // clients that left before their answer
	Wasted   int // pages that the model finished for clients that had left
	Running  int // pages that the model is at work on now, also for clients that left
	Peak     int // the highest Running
	Models   int // requests of /v1/models
	Health   int // requests of /health and /ping
}

// Counts returns a copy of the counts.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// count changes the counts and wakes those who wait for it.
func (s *Server) count(change func(*Counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.counts)
	s.counts.Peak = max(s.counts.Peak, s.counts.Running)
	close(s.changed)
	s.changed = make(chan struct{})
}

// Wait returns when the counts satisfy a condition, or with the context's error. The condition must not call the
// server.
func (s *Server) Wait(ctx context.Context, reached func(Counts) bool) error {
	for {
		s.mu.Lock()
		done, changed := reached(s.counts), s.changed
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Images returns, for the [Hash] of each image, how many requests held it.
func (s *Server) Images() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.images)
}

// Requests returns all requests for pages in the order in which they came, those refused by token or key not included.
func (s *Server) Requests() []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Last is the last of Requests; nil if there was none.
func (s *Server) Last() *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		return nil
	}
	return s.requests[len(s.requests)-1]
}

// note keeps a request and counts its image.
func (s *Server) note(r *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	if r.Image != nil {
		s.images[Hash(r.Image)]++
	}
}

// pick takes the reply for a request: from the queue, by its image, or the default. The image is nil if it was not read
// yet.
func (s *Server) pick() (Reply, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.script) == 0 {
		return Reply{}, false
	}
	next := s.script[0]
	s.script = s.script[1:]
	return next, true
}

// replyTo is what a request gets that found the queue empty.
func (s *Server) replyTo(r *Request) Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reply, ok := s.byImage[Hash(r.Image)]; ok && r.Image != nil {
		return reply
	}
	return s.fallback
}
