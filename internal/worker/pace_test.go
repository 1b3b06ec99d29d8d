package worker_test

import (
	"testing"
	"time"
)

// slowServers are services without faults that read fewer pages within OCR_TIMEOUT than four instances with eight
// places each ask for. The workers must respond to overload by asking for less. No number of pages takes exactly
// OCR_TIMEOUT: which of the two comes first would be chance.
var slowServers = []struct {
	name string
	make func() *service
}{
	{"in order, 12.5 s a page, hang-ups told", func() *service {
		return &service{places: 1, work: 12500 * time.Millisecond}
	}},
	{"in order, 4.9 s a page, hang-ups not told", func() *service {
		return &service{places: 1, work: 4900 * time.Millisecond, deaf: true}
	}},
	{"32 share 0.30 pages a second, hang-ups not told", func() *service { return vllmOf(3333 * time.Millisecond) }},
	{"32 share 0.25 pages a second, hang-ups not told", func() *service { return vllmOf(4 * time.Second) }},
	{"32 share 0.20 pages a second, hang-ups not told", func() *service { return vllmOf(5 * time.Second) }},
}

func vllmOf(work time.Duration) *service {
	return &service{places: 32, work: work, shared: true, uneven: true, deaf: true}
}

// TestSlowServerFailsNoImage: images arrive all at once, more than the service can read in time. All of them are read,
// and the GPU does little work in vain. The nightly tier has more images and more servers.
func TestSlowServerFailsNoImage(t *testing.T) {
	for _, c := range slowServers[3:4] {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) { overload(t, w, c.make(), 200) })
		})
	}
}

func overload(t *testing.T, w *world, s *service, images int) {
	p := w.platform(s, 4, 8)
	events := w.images(images)
	for _, ev := range events {
		p.deliver(ev)
	}
	took := p.wait()
	t.Logf("%v, %d deliveries, %v", took.Round(time.Minute), p.deliveries.Load(), s)
	w.wantAllDone(events)
	// The first pages of all instances are sent before any of them can know how slow the service is.
	count, _ := s.figures()
	if most := images * 13 / 10; count.read > most {
		t.Errorf("the server read %d pages for %d images, want at most %d", count.read, images, most)
	}
}
