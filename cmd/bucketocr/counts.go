package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// counts tracks the progress of a folder's objects. Its methods may be called concurrently.
type counts struct {
	mu     sync.Mutex
	states map[string]counted // by id
	pages  int                // read in this run
	ended  int                // objects, in this run
}

// counted is the part of a record that has been counted.
type counted struct {
	status     document.Status // see workStatus
	generation int64
	pages      int
}

// workStatus returns a record's status or, while a finished one is read again, that of the new reading.
func workStatus(r *document.Record) document.Status {
	switch {
	case !r.Status.Ended() || !r.Open():
		return r.Status
	case r.Lease != nil:
		return document.StatusProcessing
	}
	return document.StatusRetrying
}

// note counts a record in its current state. States from before the run do not count as its work.
func (c *counts) note(id string, r *document.Record, before bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, status := c.states[id], workStatus(r)
	if old.generation != r.Generation {
		old.pages = 0
	}
	c.states[id] = counted{status, r.Generation, r.PagesDone}
	if before {
		return
	}
	c.pages += max(r.PagesDone-old.pages, 0)
	if status.Ended() && old.status != status {
		c.ended++
	}
}

// of returns the number of records with a status.
func (c *counts) of(s document.Status) (n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, state := range c.states {
		if state.status == s {
			n++
		}
	}
	return n
}

func (c *counts) inWork() int64 { return c.of(document.StatusProcessing) }

// line returns the counts in words. posting is the number of deliveries that are running or waiting to.
func (c *counts) line(took time.Duration, posting int64) string {
	working := c.inWork()
	waiting := max(posting-working, 0) + c.of(document.StatusRetrying)
	s := fmt.Sprintf("%s done, %s failed, %s in progress, %s waiting",
		count(c.of(document.StatusDone)), count(c.of(document.StatusFailed)), count(working), count(waiting))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pages > 0 {
		s += fmt.Sprintf("; %s, %.1f/s", pageCount(c.pages), float64(c.pages)/max(took.Seconds(), 0.001))
	}
	if left := working + waiting; left > 0 && c.ended > 0 {
		s += ", " + age(time.Duration(float64(took)*float64(left)/float64(c.ended))) + " left"
	}
	return s
}
