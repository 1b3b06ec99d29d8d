package model

import (
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/plan"
)

// Config describes one run of the model. [Default] fills in most of it.
type Config struct {
	Seed    uint64
	Objects int           // number of objects
	Pages   int           // per object, at most 64
	Spread  time.Duration // over which the objects arrive evenly
	Limit   time.Duration // end of the run, even if unfinished

	Setup plan.Setup
	Rules document.Rules

	GPUStart      time.Duration // from the first request until an instance can read
	FunctionStart time.Duration
	Call          time.Duration // one Firestore call
	Overhead      time.Duration // of the function per page: fetching and sending it
	Window        int           // concurrent pushes; 0: unlimited

	CrashOneIn    int           // one in so many pages crashes its function instance after it was read; 0: none
	GPULostEvery  time.Duration // mean working time after which a GPU instance dies; 0: never
	MaxRetryDelay time.Duration // of Pub/Sub's backoff
	Incidents     []Incident

	Every time.Duration // between two calls of Watch
	Watch func(Moment)  // nil: none
}

// Incident is a failure or slowdown of one GPU.
type Incident struct {
	At    time.Duration
	GPU   int     // the first is 0
	Speed float64 // factor of its reading rate from then on; 0: it dies with all its pages, and another starts
}

// Moment is a snapshot of a run.
type Moment struct {
	At        time.Duration
	Read      int // pages, so far
	Limit     int // current places of all function instances
	AtService int // pages sent and not yet answered
	AtGPUs    int // of AtService, at a GPU
	TimedOut  int // so far
	Suspects  int // so far
}

// Times of the platform, from the contracts of Eventarc's subscription and Cloud Run.
const (
	firstRetry = 10 * time.Second
	lastRetry  = 600 * time.Second
	retention  = plan.Retention
	pending    = 10 * time.Second // wait of a request for a place before it is rejected with 429
	gpuIdle    = 10 * time.Minute // after which an idle instance ends
	sweepEvery = 5 * time.Minute
	sweepWidth = 4 // concurrent records, as in the worker's sweep
)

// Times of the worker that its code does not export.
const (
	silentWait   = time.Minute      // wait of a page for its place while the service is silent
	turnPoll     = 5 * time.Second  // between checks for a suspect's turn, plus up to as much again
	controlTime  = 30 * time.Second // reserved for the control page
	controlPause = 500 * time.Millisecond
	controlWait  = 15 * time.Second // the longest wait before the control page is sent again
	controlWork  = 0.1              // of an average page's
)

// RedeliverAfter is the time after which the sweep may take a released record, the same as the function's.
const RedeliverAfter = 15 * time.Minute

// Default returns a burst of one-page objects on a setup, with guessed times of the right order of magnitude.
func Default(objects int, s plan.Setup) Config {
	return Config{
		Seed: 1, Objects: objects, Pages: 1, Spread: 10 * time.Minute, Limit: 7 * 24 * time.Hour, Setup: s,
		Rules: document.Rules{MaxAttempts: 3, RetryWindow: 24 * time.Hour,
			RetryDelay: func(int) time.Duration { return RedeliverAfter }},
		GPUStart: 3 * time.Minute, FunctionStart: time.Second, Call: 10 * time.Millisecond,
		Overhead:      100 * time.Millisecond,
		MaxRetryDelay: lastRetry,
	}
}

// Result is the outcome of a run.
type Result struct {
	Done, Failed int // objects
	PagesFailed  int
	NeverTried   int // objects whose event was dropped before any attempt; they need a new event
	Unfinished   int // at the end of the run

	Drained      time.Duration // when the last object ended
	Backlog      int           // most objects waiting at once
	Busy         float64       // share of the GPUs' capacity used, from their start until the last object ended
	BusyUntil99  float64       // the same until 99 of 100 objects were done
	GPUSeconds   float64       // instance time including starts, until the last object ended
	FnSeconds    float64       // instance time of the function, while working
	Reads        int           // documents read
	Writes       int
	Pushes       int           // delivery attempts
	Refused      int           // of Pushes, rejected with 429 for lack of a place
	Attempts     int           // claims
	Overloaded   int           // pages that the OCR service rejected
	TimedOut     int           // pages that took longer than OCR_TIMEOUT
	Suspects     int           // pages set aside to be read alone
	Controls     int           // control pages
	TurnsLost    int           // suspects that never got their turn
	WastedPages  int           // pages read after their caller had gone
	Sweeps       int           // sweeps that found a place
	SweepGap     time.Duration // longest time without a sweep
	MostStrikes  int           // of any page
	MostInFlight int           // pages at the GPUs
	Events       int           // steps of the model
}
