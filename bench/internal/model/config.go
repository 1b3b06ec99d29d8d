package model

import (
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/plan"
)

// Config is one run of the model. [Default] fills in all but what is asked.
type Config struct {
	Seed    uint64
	Objects int           // that arrive
	Pages   int           // of each object, 64 at most
	Spread  time.Duration // over which they arrive, evenly
	Limit   time.Duration // the run ends then, whatever is left

	Setup plan.Setup
	Rules document.Rules

	GPUStart      time.Duration // from the first request until an instance reads
	FunctionStart time.Duration
	Call          time.Duration // one call of Firestore
	Overhead      time.Duration // of the function for one page: fetching it and sending it on
	Window        int           // pushes under way at once; 0: Pub/Sub sends whatever is due

	CrashOneIn    int           // pages that take their instance of the function with them once they are read; 0: none
	GPULostEvery  time.Duration // on average, an instance of the GPUs dies in work; 0: never
	MaxRetryDelay time.Duration // of Pub/Sub's backoff
	Incidents     []Incident

	Every time.Duration // between two calls of Watch
	Watch func(Moment)  // nil: none
}

// Incident is what happens to one GPU.
type Incident struct {
	At    time.Duration
	GPU   int     // the first is 0
	Speed float64 // of what it reads, from then on; 0: it dies with all its pages, and another one starts
}

// Moment is how it stands at a time.
type Moment struct {
	At        time.Duration
	Read      int // pages, so far
	Limit     int // places of all instances of the function, as their pace is
	AtService int // pages that the function has sent
	AtGPUs    int // of them at a GPU
	TimedOut  int // so far
	Suspects  int // so far
}

// Times of the platform: contract of Eventarc's subscription and of Cloud Run.
const (
	firstRetry = 10 * time.Second
	lastRetry  = 600 * time.Second
	retention  = plan.Retention
	pending    = 10 * time.Second // a request waits so long for a place, then it is refused with 429
	gpuIdle    = 10 * time.Minute // then an instance without work ends
	sweepEvery = 5 * time.Minute
	sweepWidth = 4 // records at once, as the worker's sweep
)

// Times of the worker, beside those that its own code brings.
const (
	silentWait   = time.Minute      // that a page waits for its place while the service is silent
	turnPoll     = 5 * time.Second  // between two looks whether a suspect's turn is free, and up to as much again
	controlTime  = 30 * time.Second // that is left for the control page
	controlPause = 500 * time.Millisecond
	controlWait  = 15 * time.Second // the longest wait before the control page is sent again
	controlWork  = 0.1              // of an average page's
)

// RedeliverAfter is after which time the sweep may take what was released; the function's own is the same.
const RedeliverAfter = 15 * time.Minute

// Default is a burst of single pages on a setup, with times that are guesses of the right order.
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

// Result is what came of a run.
type Result struct {
	Done, Failed int // objects
	PagesFailed  int
	NeverTried   int // whose event was dropped before it was taken: they must be announced again
	Unfinished   int // at the end of the run

	Drained      time.Duration // when the last object ended
	Backlog      int           // most objects that were waiting at once
	Busy         float64       // share of what the GPUs could have read, from their start until the last object ended
	BusyUntil99  float64       // the same until 99 of 100 objects were done
	GPUSeconds   float64       // of instances, starts included, until the last object ended
	FnSeconds    float64       // of instances of the function while they worked
	Reads        int           // documents
	Writes       int
	Pushes       int           // deliveries tried
	Refused      int           // of them with 429, for want of a place
	Attempts     int           // claims
	Overloaded   int           // pages that the OCR service refused
	TimedOut     int           // pages that took longer than OCR_TIMEOUT
	Suspects     int           // pages that were set aside, to be read alone
	Controls     int           // control pages
	TurnsLost    int           // suspects that waited for their turn in vain
	WastedPages  int           // read after their caller had gone
	Sweeps       int           // that found a place
	SweepGap     time.Duration // longest time without one
	MostStrikes  int           // of any page
	MostInFlight int           // pages at the GPUs
	Events       int           // steps of the model
}
