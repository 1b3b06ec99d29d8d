// Package plan estimates the needs and costs of a load: GPUs, instances, writes, seconds, money. It is pure arithmetic
// on the caller's figures. The module bench checks it against a model of the platform.
//
// Files, in reading order:
//
//	plan.go   the estimate for a load
//	setup.go  a deployment, and how fast it reads
//	money.go  quantities and their prices
package plan

import (
	"fmt"
	"math"
	"time"
)

// Load is the load to plan for.
type Load struct {
	PagesPerHour   float64 // steadily
	Burst          int     // pages at once, in addition
	PagesPerObject int     // 1 for images
	PageBytes      int64   // transferred by the function per page
	PageTokens     int     // of an average page's text; 0 if not known
	MaxTokens      int     // of the longest permitted text (OCR_MAX_TOKENS)
}

// Limits of a plan.
const (
	// share of the GPUs' capacity that a steady load may take, so that queues stay short
	fullest   = 0.9
	sharing   = 8                 // objects, and pages, that one instance of the function works on at once
	perObject = 4                 // pages of one object, if it has as many
	lastTry   = 600 * time.Second // Pub/Sub's longest backoff, which delays the last of a burst
	gpuStart  = 3 * time.Minute   // a guess: measure it
	bandwidth = 50e6              // bytes per second from the bucket and on to the OCR service, a cautious estimate
	overhead  = 100 * time.Millisecond
	renewal   = 30 * time.Second // of a lease: one write

	pageStored = 5120.0 // bytes of a page's document and its index entries, a guess
	eventBytes = 2048.0 // of an event

	// Retention is how long Pub/Sub keeps an event; events not accepted by then must be sent again.
	Retention = 7 * 24 * time.Hour
	// Within is how long a burst may take: the rest of Retention is reserve, for a night without a GPU.
	Within = 20 * time.Hour
)

// DefaultSeqs is how many pages one GPU reads at once unless told otherwise: deploy.sh's GPU_MAX_NUM_SEQS.
const DefaultSeqs = 32

// Plan is the estimate for a load.
type Plan struct {
	Load  Load
	Setup Setup

	PageTime time.Duration // one page while all places of its GPU are taken
	Longest  time.Duration // the same for a page of MaxTokens; 0 without PageTokens
	Paced    int           // most pages of one GPU at once at which the longest is still read in time
	Utilised float64       // share of the GPUs' capacity that PagesPerHour takes
	InFlight float64       // pages in work, on average, of PagesPerHour
	Backlog  int           // maximum number of waiting objects: the burst, and arrivals while the first GPU starts
	Drained  time.Duration // until the burst is read; 0 without one
	Holds    bool          // the deployment keeps up with the load, and accepts each event before Pub/Sub drops it
	Why      string        // why Holds is false

	Per1000 Quantities // pages: of the burst if there is one, otherwise of PagesPerHour
}

// Make returns a plan with the fewest GPUs that hold a load, at most most (0: as many as necessary), and a matching
// function.
func Make(l Load, pagesPerSecond float64, seqs, most int) Plan {
	s := Setup{GPUMaxNumSeqs: seqs, PagesPerSecond: pagesPerSecond, OCRConcurrency: perObject,
		OCRTimeout: 120 * time.Second, ProcessTimeout: 480 * time.Second}
	for n := 1; ; n++ {
		p := Of(l, s.with(n))
		if p.Holds || n == most || p.tooSlow() || n == 10_000 {
			return p
		}
	}
}

// with returns the setup for n GPUs: the function never asks for more pages than they read at once.
func (s Setup) with(n int) Setup {
	s.GPUMaxInstances = n
	s.FunctionConcurrency = min(sharing, s.GPUMaxNumSeqs)
	s.InstancePages = s.FunctionConcurrency
	s.FunctionMaxInstances = s.Taken() / s.InstancePages
	s.OCRConcurrency = min(perObject, s.InstancePages)
	return s
}

// Of returns the plan of a load on a setup.
func Of(l Load, s Setup) Plan {
	busyPages := float64(min(s.Asked(l.PagesPerObject), s.Taken())) / float64(s.GPUMaxInstances)
	capacity := s.Rate(busyPages) * float64(s.GPUMaxInstances)
	rate := l.PagesPerHour / 3600
	p := Plan{Load: l, Setup: s, PageTime: s.PageTime(busyPages), Paced: s.paced(), Utilised: rate / capacity}
	p.InFlight = rate * (s.PageTime(max(1, busyPages*min(1, p.Utilised))).Seconds() + l.moving())
	p.Backlog = (l.Burst + int(rate*gpuStart.Seconds())) / l.PagesPerObject
	left := capacity - rate
	if l.Burst > 0 && left > 0 {
		p.Drained = gpuStart + time.Duration(float64(l.Burst)/left*float64(time.Second)) + lastTry/2
	}
	if l.PageTokens > 0 {
		p.Longest = time.Duration(float64(p.PageTime) * float64(l.MaxTokens) / float64(l.PageTokens))
	}
	p.judge(left)
	p.Per1000 = p.quantities(capacity)
	return p
}

// moving returns the function's time for a page in seconds, without the GPU's.
func (l Load) moving() float64 { return overhead.Seconds() + float64(l.PageBytes)/bandwidth }

// TokensInTime returns the length of the longest text that is read within OCR_TIMEOUT at full load: in tokens if
// PageTokens is known, otherwise in average pages.
func (p *Plan) TokensInTime() float64 {
	return float64(max(1, p.Load.PageTokens)) * p.Setup.OCRTimeout.Seconds() / p.PageTime.Seconds()
}

// tooSlow reports whether the longest page times out at full load. The function's instances then halve their limits
// again and again, and the GPUs' capacity is not used.
func (p *Plan) tooSlow() bool { return LongestPage*p.PageTime > p.Setup.OCRTimeout }

// judge sets Holds and Why.
func (p *Plan) judge(left float64) {
	switch {
	case p.tooSlow() && p.Paced == 0:
		p.Why = "even a page alone takes more than a fifth of OCR_TIMEOUT, so the longest time out: raise OCR_TIMEOUT " +
			"(with ./deploy.sh all)"
	case p.tooSlow():
		p.Why = fmt.Sprintf("a page at full load takes more than a fifth of OCR_TIMEOUT, so the longest time out and "+
			"the pace falls: raise OCR_TIMEOUT, or set GPU_MAX_NUM_SEQS to %d (either with ./deploy.sh all)", p.Paced)
	case p.Utilised > fullest:
		p.Why = "the GPUs cannot keep up with it"
	case p.Load.Burst > 0 && (left <= 0 || p.Drained > Within):
		p.Why = "the burst takes longer than Pub/Sub keeps an event"
	default:
		p.Holds = true
	}
}

// pushes returns how often an event of a burst is delivered on average: six times while the waits grow, then every ten
// minutes until it is accepted.
func (p *Plan) pushes() float64 {
	if p.Drained == 0 {
		return 1
	}
	const growing = 10 + 20 + 40 + 80 + 160 + 320
	wait := p.Drained.Seconds() / 2
	return 1 + min(wait/growing, 1)*6 + max(0, wait-growing)/lastTry.Seconds()
}

// quantities returns the quantities for 1,000 pages.
func (p *Plan) quantities(capacity float64) Quantities {
	l, s := p.Load, p.Setup
	k := float64(l.PagesPerObject)
	objectTime := p.PageTime.Seconds()*math.Ceil(k/float64(s.PagesOfObject(l.PagesPerObject))) + l.moving()
	q := Quantities{Requests: 1000 + 1000/k, StoredGiB: 1000 * pageStored / (1 << 30), Pushes: 1000 / k * p.pushes()}
	q.MessageTiB = (1000/k + q.Pushes) * eventBytes / (1 << 40)
	q.Writes = 1000 / k * (2 + math.Floor(objectTime/renewal.Seconds()))
	if l.PagesPerObject > 1 {
		q.Writes += 2000 // each page, and the record with it; pages that finish together share the record's write
	}
	if l.Burst > 0 {
		q.GPUSeconds = 1000 * float64(s.GPUMaxInstances) * p.Drained.Seconds() / (float64(l.Burst) +
			l.PagesPerHour/3600*p.Drained.Seconds())
		q.FunctionSeconds = 1000 * float64(s.FunctionMaxInstances) / capacity
		return q
	}
	q.GPUSeconds = 1000 * float64(s.GPUMaxInstances) * 3600 / max(l.PagesPerHour, 1)
	objects := l.PagesPerHour / 3600 / k * objectTime
	q.FunctionSeconds = 1000 * min(objects, float64(s.FunctionMaxInstances)) * 3600 / max(l.PagesPerHour, 1)
	return q
}
