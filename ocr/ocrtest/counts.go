package ocrtest

import (
	"context"
	"maps"
	"slices"
)

// Counts holds the counts of a server's requests.
type Counts struct {
	Requests int // for pages, answered or not
	Answers  int // pages answered 200 in full
	Refused  int // pages answered with another status
	Left     int // clients that left before their answer
	Wasted   int // pages that the model finished for clients that had left
	Running  int // pages being processed by the model, even for clients that left
	Peak     int // the maximum of Running
	Models   int // requests of /v1/models
	Health   int // requests of /health and /ping
}

// Counts returns a copy of the counts.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// count changes the counts and wakes waiting goroutines.
func (s *Server) count(change func(*Counts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.counts)
	s.counts.Peak = max(s.counts.Peak, s.counts.Running)
	close(s.changed)
	s.changed = make(chan struct{})
}

// Wait returns once the counts satisfy a condition, or with the context's error. The condition must not call the
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

// Images returns the number of requests for each image, by its [Hash].
func (s *Server) Images() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.images)
}

// Requests returns all requests for pages in order of arrival, except those refused because of their token or key.
func (s *Server) Requests() []*Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Last returns the last of [Server.Requests], or nil if there was none.
func (s *Server) Last() *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		return nil
	}
	return s.requests[len(s.requests)-1]
}

// note records a request and counts its image.
func (s *Server) note(r *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	if r.Image != nil {
		s.images[Hash(r.Image)]++
	}
}

// pick takes the next reply from the queue, if there is one.
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

// replyTo returns the reply for a request when the queue is empty.
func (s *Server) replyTo(r *Request) Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reply, ok := s.byImage[Hash(r.Image)]; ok && r.Image != nil {
		return reply
	}
	return s.fallback
}
