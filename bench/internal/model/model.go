package model

import (
	"math/rand/v2"
	"time"
)

// model is one run.
type model struct {
	c       Config
	dice    *rand.Rand
	now     time.Duration
	queue   queue
	records []record
	strikes map[strikeOf]int // per failed page
	fn      functions
	gpus    gpus
	pubsub  pubsub
	sweep   sweep
	result  Result
	arrived int
}

// Run simulates a burst to its end.
func Run(c Config) Result {
	m := &model{c: c, dice: rand.New(rand.NewPCG(c.Seed, 1)), records: make([]record, c.Objects),
		strikes: map[strikeOf]int{}}
	m.fn = functions{m: m, instances: make([]instance, c.Setup.FunctionMaxInstances)}
	m.gpus = gpus{m: m, all: make([]gpu, c.Setup.GPUMaxInstances)}
	m.pubsub, m.sweep = pubsub{m: m}, sweep{m: m}
	for range c.Setup.GPUMinInstances {
		m.gpus.start()
	}
	m.schedule(0, arrives, 0, 0)
	m.schedule(sweepEvery, sweeps, 0, 0)
	for i, n := range c.Incidents {
		m.schedule(n.At, incident, int32(i), 0)
	}
	if c.Watch != nil {
		m.schedule(0, watch, 0, 0)
	}
	for !m.over() {
		e := m.queue.pop()
		m.now = e.at
		m.result.Events++
		m.happen(e)
	}
	return m.sum()
}

func (m *model) ended() int { return m.result.Done + m.result.Failed + m.result.NeverTried }

func (m *model) over() bool {
	return m.ended() == m.c.Objects || m.now > m.c.Limit || len(m.queue.heap) == 0
}

func (m *model) happen(e event) {
	switch e.kind {
	case arrives:
		m.publish(int(e.a))
	case pushed:
		m.pubsub.deliver(e.a)
	case expires:
		m.fn.onRequestExpires()
	case fnReady:
		m.fn.onInstanceReady(e.a)
	case made:
		m.fn.onMade(e.wanted())
	case looks:
		m.fn.onLooks(e.wanted())
	case polls:
		m.fn.onPolls(e.a, e.b)
	case timeOver:
		m.fn.onTimeOver(e.a, e.b)
	case closed:
		m.fn.onClosed(e.a, e.b)
	case sweeps:
		m.sweep.onTime()
	case sweepNext:
		m.sweep.step()
	default:
		m.happenToGPUs(e)
	}
}

func (m *model) happenToGPUs(e event) {
	switch e.kind {
	case gpuReady:
		m.gpus.onGPUReady(e.a, e.b)
	case gpuNext:
		m.gpus.onNext(e.a, e.b)
	case gpuExpires:
		m.gpus.onPageExpires(e.a, e.b)
	case pageTimedOut:
		m.gpus.onTimedOut(e.a)
	case gpuLost:
		m.gpus.onLost(e.a)
	case incident:
		m.gpus.onIncident(m.c.Incidents[e.a])
	case watch:
		m.c.Watch(m.moment())
		m.schedule(m.now+m.c.Every, watch, 0, 0)
	case gpuStops:
		m.gpus.onStops(e.a, e.b)
	}
}

// publish publishes an object's event and schedules the next one's.
func (m *model) publish(object int) {
	m.arrived++
	m.records[object].published = m.now
	m.result.Backlog = max(m.result.Backlog, m.arrived-m.ended())
	if next := object + 1; next < m.c.Objects {
		m.schedule(m.c.Spread*time.Duration(next)/time.Duration(m.c.Objects), arrives, int32(next), 0)
	}
	m.pubsub.deliver(int32(object))
}

// moment returns the current snapshot.
func (m *model) moment() Moment {
	now := Moment{At: m.now, Read: m.gpus.read, AtGPUs: m.gpus.inFlight(),
		TimedOut: m.result.TimedOut, Suspects: m.result.Suspects}
	for i := range m.fn.instances {
		if n := &m.fn.instances[i]; n.alive {
			now.Limit += n.pace.limit.Places()
			now.AtService += n.pace.used
		}
	}
	return now
}

// busy returns the share of the GPUs' capacity used since each was started.
func (m *model) busy() float64 {
	return float64(m.gpus.read) / (m.gpus.used() * m.c.Setup.PagesPerSecond)
}

func (m *model) sum() Result {
	r := m.result
	r.Unfinished = m.arrived - m.ended()
	r.Busy, r.GPUSeconds = m.busy(), m.gpus.used()
	for i := range m.fn.instances {
		m.fn.instances[i].note(m.now)
		r.FnSeconds += m.fn.instances[i].seconds
	}
	r.SweepGap = max(r.SweepGap, m.now-m.sweep.last)
	return r
}
