package model

import "time"

// pubsub is the subscription. Each event is redelivered with growing delays until it is acknowledged or a day has
// passed.
type pubsub struct {
	m       *model
	flying  int     // pushes in progress
	waiting []int32 // objects held back by the window
}

// deliver delivers an object's event, once there is room for it in the window.
func (p *pubsub) deliver(object int32) {
	if p.m.c.Window > 0 && p.flying >= p.m.c.Window {
		p.waiting = append(p.waiting, object)
		return
	}
	if p.m.now-p.m.records[object].published >= retention {
		p.drop(object)
		return
	}
	p.flying++
	p.m.result.Pushes++
	p.m.fn.arrive(object)
}

// landed ends a push.
func (p *pubsub) landed() {
	p.flying--
	for len(p.waiting) > 0 && p.flying < p.m.c.Window {
		next := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.deliver(next)
	}
}

func (p *pubsub) ack(int32) { p.landed() }

// nack schedules redelivery after the subscription's backoff.
func (p *pubsub) nack(object int32) {
	r := &p.m.records[object]
	delay := min(firstRetry<<min(r.delivered, 10), p.m.c.MaxRetryDelay)
	delay = time.Duration(float64(delay) * (0.9 + 0.2*p.m.dice.Float64()))
	r.delivered = min(r.delivered+1, 200)
	if p.m.now+delay-r.published >= retention {
		p.drop(object)
	} else {
		p.m.schedule(p.m.now+delay, pushed, object, 0)
	}
	p.landed()
}

// drop ends an event. An object that was attempted is left to the sweep.
func (p *pubsub) drop(object int32) {
	if p.m.records[object].status == none {
		p.m.records[object].status = lost
		p.m.result.NeverTried++
	}
}
