package model

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/bucketocr/bucketocr/internal/plan"
)

// gpu is one instance. Its pages share it evenly; clock is the work done for a page present from the start.
type gpu struct {
	alive, ready bool
	version      int32
	begun, last  time.Duration
	clock        float64
	speed        float64 // factor of its normal reading rate
	pages        []int32
}

// gpus is the OCR service.
type gpus struct {
	m       *model
	all     []gpu
	waiting []int32 // pages, longest waiting first
	pages   []page
	free    []int32 // indices of finished pages, for reuse
	ids     int32
	read    int     // pages finished while wanted
	seconds float64 // of ended instances
}

// patience returns how long a request waits for a place: longer while an instance starts.
func (g *gpus) patience() time.Duration {
	for i := range g.all {
		if g.all[i].alive && !g.all[i].ready {
			return max(pending, g.m.c.GPUStart*7/2)
		}
	}
	return pending
}

// scale starts an instance if more than 60 % of places are taken.
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
			*a = gpu{alive: true, begun: g.m.now, version: a.version + 1, speed: 1, pages: a.pages[:0]}
			g.m.schedule(g.m.now+g.m.c.GPUStart, gpuReady, int32(i), a.version)
			return
		}
	}
}

func (g *gpus) onGPUReady(i, version int32) {
	a := &g.all[i]
	if !a.alive || a.version != version {
		return
	}
	a.ready, a.last = true, g.m.now
	if every := g.m.c.GPULostEvery; every > 0 {
		g.m.schedule(g.m.now+time.Duration(g.m.dice.ExpFloat64()*float64(every)), gpuLost, i, version)
	}
	g.placeWaiting()
	g.planNext(i)
}

// placeWaiting assigns waiting pages to the emptiest instances.
func (g *gpus) placeWaiting() {
	for len(g.waiting) > 0 {
		best := int32(-1)
		for i := range g.all {
			a := &g.all[i]
			if a.ready && len(a.pages) < g.m.c.Setup.GPUMaxNumSeqs &&
				(best < 0 || len(a.pages) < len(g.all[best].pages)) {
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
		g.planNext(best)
	}
}

// rate returns the pages per second that an instance currently reads.
func (g *gpus) rate(a *gpu) float64 { return a.speed * g.m.c.Setup.Rate(float64(len(a.pages))) }

// advance brings an instance's clock to now.
func (g *gpus) advance(a *gpu) {
	if n := float64(len(a.pages)); n > 0 {
		a.clock += (g.m.now - a.last).Seconds() * g.rate(a) / n
	}
	a.last = g.m.now
}

// planNext schedules an instance's next finished page, or its end if it is idle.
func (g *gpus) planNext(i int32) {
	a := &g.all[i]
	a.version++
	if len(a.pages) == 0 {
		g.m.schedule(g.m.now+gpuIdle, gpuStops, i, a.version)
		return
	}
	least := math.Inf(1)
	for _, p := range a.pages {
		least = min(least, g.pages[p].until)
	}
	wait := max(0, least-a.clock) * float64(len(a.pages)) / g.rate(a)
	g.m.schedule(g.m.now+time.Duration(wait*float64(time.Second))+1, gpuNext, i, a.version)
}

// onNext removes finished pages from an instance.
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
	g.placeWaiting()
	g.planNext(i)
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
		if w := p.want; !p.left && g.m.fn.waitsFor(w.attempt, w.serial) {
			g.m.fn.came(w, errLost)
		}
	}
	g.scale()
}

func (g *gpus) onIncident(n Incident) {
	a := &g.all[n.GPU]
	if n.Speed == 0 || !a.ready {
		g.onLost(int32(n.GPU))
		return
	}
	g.advance(a)
	a.speed = n.Speed
	g.planNext(int32(n.GPU))
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

// used returns the instance seconds so far.
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

// page is one request to the OCR service.
type page struct {
	want
	id    int32 // unique, unlike its index in pages
	work  float64
	until float64 // end on the instance's shared clock
	gpu   int32   // -1 while it waits
	left  bool    // its caller has gone
	over  bool
}

// ask handles the arrival of a page.
func (g *gpus) ask(w want) {
	g.ids++
	i := g.keepPage(page{want: w, id: g.ids, work: g.m.work(w), gpu: -1})
	g.waiting = append(g.waiting, i)
	g.scale()
	g.placeWaiting()
	if g.pages[i].gpu < 0 {
		g.m.schedule(g.m.now+g.patience(), gpuExpires, i, g.pages[i].id)
	}
	g.m.schedule(g.m.now+g.m.c.Setup.OCRTimeout, pageTimedOut, i, g.pages[i].id)
	g.m.result.MostInFlight = max(g.m.result.MostInFlight, g.inFlight())
}

// work returns a page's work for the GPU: 1 on average, and the same each time. Most pages need less, some several
// times as much.
func (m *model) work(w want) float64 {
	if w.role == control {
		return controlWork
	}
	dice := rand.NewPCG(m.c.Seed, uint64(m.fn.attempts[w.attempt].object)<<8|uint64(w.page))
	return min(0.3-0.7*math.Log((float64(dice.Uint64()>>11)+1)/(1<<53)), plan.LongestPage)
}

func (g *gpus) keepPage(p page) int32 { return keep(&g.pages, &g.free, p) }

// finish answers the request for a page.
func (g *gpus) finish(i int32) {
	p := &g.pages[i]
	p.over = true
	if p.left || !g.m.fn.waitsFor(p.attempt, p.serial) {
		g.m.result.WastedPages++
		return
	}
	if p.role != control {
		g.read++
	}
	g.m.fn.came(p.want, nil)
}

// onTimedOut handles the last event of a page: it frees a finished page's index, or times out its caller.
func (g *gpus) onTimedOut(i int32) {
	p := &g.pages[i]
	if p.over {
		g.free = append(g.free, i)
		return
	}
	w := p.want
	p.left = true
	g.withdraw(i)
	if g.m.fn.waitsFor(w.attempt, w.serial) {
		g.m.result.TimedOut++
		g.m.fn.came(w, errTimeout)
	}
}

// withdraw removes a page from the queue. A page that is being read is still read to the end.
func (g *gpus) withdraw(i int32) {
	for k, p := range g.waiting {
		if p == i {
			g.waiting = append(g.waiting[:k], g.waiting[k+1:]...)
			g.pages[i].over = true
			return
		}
	}
}

// onPageExpires rejects a page that has waited too long for a place.
func (g *gpus) onPageExpires(i, id int32) {
	p := &g.pages[i]
	if p.over || p.gpu >= 0 || p.id != id {
		return
	}
	w := p.want
	g.withdraw(i)
	if g.m.fn.waitsFor(w.attempt, w.serial) {
		g.m.result.Overloaded++
		g.m.fn.came(w, errOverloaded)
	}
}
