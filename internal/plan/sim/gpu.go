package sim

import (
	"math"
	"time"
)

// gpu is one instance. Its pages share it evenly: clock is how much each page that was there from the start has had.
type gpu struct {
	alive, ready bool
	version      int32
	begun, last  time.Duration
	clock        float64
	pages        []int32
}

// gpus is the OCR service.
type gpus struct {
	m       *model
	all     []gpu
	waiting []int32 // pages, the longest waiting first
	pages   []page
	free    []int32 // indices of pages that are over
	ids     int32
	read    int     // pages finished and wanted
	seconds float64 // of instances that have ended
}

// patience is how long a request waits for a place: longer where an instance starts.
func (g *gpus) patience() time.Duration {
	for i := range g.all {
		if g.all[i].alive && !g.all[i].ready {
			return max(pending, g.m.c.GPUStart*7/2)
		}
	}
	return pending
}

// scale starts an instance where those that there are have more than 60 of 100 places taken.
func (g *gpus) scale() {
	places, load, alive := 0, len(g.waiting), 0
	for i := range g.all {
		if g.all[i].alive {
			alive++
			places += g.m.c.Setup.GPUMaxNumSeqs
			load += len(g.all[i].pages)
		}
	}
	if alive < g.m.c.Setup.GPUMaxInstances && load*10 > places*6 {
		g.start()
	}
}

func (g *gpus) start() {
	for i := range g.all {
		if a := &g.all[i]; !a.alive {
			*a = gpu{alive: true, begun: g.m.now, version: a.version + 1, pages: a.pages[:0]}
			g.m.push(g.m.now+g.m.c.GPUStart, gpuReady, int32(i), a.version)
			return
		}
	}
}

func (g *gpus) onReady(i, version int32) {
	a := &g.all[i]
	if !a.alive || a.version != version {
		return
	}
	a.ready, a.last = true, g.m.now
	if every := g.m.c.GPULostEvery; every > 0 {
		g.m.push(g.m.now+time.Duration(g.m.dice.ExpFloat64()*float64(every)), gpuLost, i, version)
	}
	g.place()
	g.next(i)
}

// place gives waiting pages to the instances with the fewest.
func (g *gpus) place() {
	for len(g.waiting) > 0 {
		best := int32(-1)
		for i := range g.all {
			a := &g.all[i]
			if a.ready && len(a.pages) < g.m.c.Setup.GPUMaxNumSeqs && (best < 0 || len(a.pages) < len(g.all[best].pages)) {
				best = int32(i)
			}
		}
		if best < 0 {
			return
		}
		p := g.waiting[0]
		g.waiting = g.waiting[1:]
		a := &g.all[best]
		g.advance(a)
		g.pages[p].gpu, g.pages[p].until = best, a.clock+g.pages[p].work
		a.pages = append(a.pages, p)
		g.next(best)
	}
}

// advance brings an instance's clock to now.
func (g *gpus) advance(a *gpu) {
	if n := float64(len(a.pages)); n > 0 {
		a.clock += (g.m.now - a.last).Seconds() * g.m.c.Setup.Rate(n) / n
	}
	a.last = g.m.now
}

// next says when an instance finishes its next page, or ends for want of any.
func (g *gpus) next(i int32) {
	a := &g.all[i]
	a.version++
	if len(a.pages) == 0 {
		g.m.push(g.m.now+gpuIdle, gpuStops, i, a.version)
		return
	}
	least := math.Inf(1)
	for _, p := range a.pages {
		least = min(least, g.pages[p].until)
	}
	n := float64(len(a.pages))
	wait := max(0, least-a.clock) * n / g.m.c.Setup.Rate(n)
	g.m.push(g.m.now+time.Duration(wait*float64(time.Second))+1, gpuNext, i, a.version)
}

// onNext takes what is finished out of an instance.
func (g *gpus) onNext(i, version int32) {
	a := &g.all[i]
	if !a.ready || a.version != version {
		return
	}
	g.advance(a)
	keep := a.pages[:0]
	var finished []int32
	for _, p := range a.pages {
		if g.pages[p].until > a.clock {
			keep = append(keep, p)
		} else {
			finished = append(finished, p)
		}
	}
	a.pages = keep
	g.place()
	g.next(i)
	for _, p := range finished {
		g.finish(p)
	}
}

// onLost ends an instance with all its pages.
func (g *gpus) onLost(i int32) {
	a := &g.all[i]
	if !a.ready || len(a.pages) == 0 {
		return
	}
	pages := append([]int32(nil), a.pages...)
	g.end(i)
	for _, k := range pages {
		p := &g.pages[k]
		p.over = true
		if !p.left && g.m.fn.waitsFor(p.attempt, p.serial) {
			g.m.fn.pageFailed(p.attempt, service)
		}
	}
	g.scale()
}

func (g *gpus) onStops(i, version int32) {
	if a := &g.all[i]; a.ready && a.version == version && g.alive() > g.m.c.Setup.GPUMinInstances {
		g.end(i)
	}
}

func (g *gpus) end(i int32) {
	a := &g.all[i]
	g.seconds += (g.m.now - a.begun).Seconds()
	*a = gpu{version: a.version + 1, pages: a.pages[:0]}
}

func (g *gpus) alive() int {
	n := 0
	for i := range g.all {
		if g.all[i].alive {
			n++
		}
	}
	return n
}

// used is the instance seconds until now.
func (g *gpus) used() float64 {
	s := g.seconds
	for i := range g.all {
		if g.all[i].alive {
			s += (g.m.now - g.all[i].begun).Seconds()
		}
	}
	return s
}

func (g *gpus) inFlight() int {
	n := 0
	for i := range g.all {
		n += len(g.all[i].pages)
	}
	return n
}
