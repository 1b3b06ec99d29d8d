package sim

// page is one request to the OCR service.
type page struct {
	attempt int32 // index of the attempt
	serial  int32 // of it: where another one has its place by now, nobody waits for this page
	id      int32 // its place in pages is used again, its id is not
	work    float64
	until   float64 // of the instance's shared clock
	gpu     int32   // -1 while it waits
	left    bool    // its caller has gone
	over    bool
}

// ask is a page that arrives.
func (g *gpus) ask(attempt, serial int32) {
	g.ids++
	i := g.room(page{attempt: attempt, serial: serial, id: g.ids, work: g.m.work(), gpu: -1})
	g.waiting = append(g.waiting, i)
	g.scale()
	g.place()
	if g.pages[i].gpu < 0 {
		g.m.push(g.m.now+g.patience(), gpuExpires, i, g.pages[i].id)
	}
	g.m.push(g.m.now+g.m.c.Setup.OCRTimeout, pageTimedOut, i, g.pages[i].id)
	g.m.result.MostInFlight = max(g.m.result.MostInFlight, g.inFlight())
}

// room keeps a page, in the place of one that is over where there is any.
func (g *gpus) room(p page) int32 {
	if n := len(g.free); n > 0 {
		i := g.free[n-1]
		g.free = g.free[:n-1]
		g.pages[i] = p
		return i
	}
	g.pages = append(g.pages, p)
	return int32(len(g.pages) - 1)
}

// finish answers for a page.
func (g *gpus) finish(i int32) {
	p := &g.pages[i]
	p.over = true
	if p.left || !g.m.fn.waitsFor(p.attempt, p.serial) {
		g.m.result.WastedPages++
		return
	}
	g.read++
	g.m.fn.pageDone(p.attempt)
}

// onTimedOut is the last event that names a page: its place is free afterwards, or its caller gives up.
func (g *gpus) onTimedOut(i int32) {
	p := &g.pages[i]
	if p.over {
		g.free = append(g.free, i)
		return
	}
	attempt, wanted := p.attempt, g.m.fn.waitsFor(p.attempt, p.serial)
	p.left = true
	g.withdraw(i)
	if wanted {
		g.m.result.TimedOut++
		g.m.fn.pageFailed(attempt, doubt)
	}
}

// withdraw takes a page out of the line; one that is being read goes on to its end.
func (g *gpus) withdraw(i int32) {
	for k, p := range g.waiting {
		if p == i {
			g.waiting = append(g.waiting[:k], g.waiting[k+1:]...)
			g.pages[i].over = true
			return
		}
	}
}

// onExpires refuses a page that waited too long for a place.
func (g *gpus) onExpires(i, id int32) {
	p := &g.pages[i]
	if p.over || p.gpu >= 0 || p.id != id {
		return
	}
	g.withdraw(i)
	if g.m.fn.waitsFor(p.attempt, p.serial) {
		g.m.fn.pageFailed(p.attempt, service)
	}
}
