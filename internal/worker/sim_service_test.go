package worker_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/ocr"
)

// TestServiceSim simulates small worlds of books and images with a random OCR service, one per seed: slow or not, with
// one place or many, with pages that it cannot read, that are too dense or that kill it, with restarts, and with an
// hour of something else at its address. Whatever happens, each readable page is read, and only the others fail. A
// failure names its seed: go test ./internal/worker -run ServiceSim -seed N replays it.
func TestServiceSim(t *testing.T) {
	first, last := *simFirst, *simFirst+uint64(*simSeeds)/3
	if *simSeed != 0 {
		first, last = *simSeed, *simSeed+1
	}
	for seed := first; seed < last; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sim := newServiceSim(newWorld(t), rand.New(rand.NewPCG(seed, 2)))
				sim.run()
				sim.check()
			})
		})
	}
}

// serviceSim is one world. Its contents are chosen at random before it begins; then it runs deterministically.
type serviceSim struct {
	w       *world
	rng     *rand.Rand
	s       *service
	p       *platform
	objects []simObject
	pages   int
	killers int
	outages int

	mu      sync.Mutex
	last    map[string]*document.Record // by id
	strikes int
	asked   map[string]int // retries requested by operators, by name
}

// simObject is one object; its pages are identified by their widths.
type simObject struct {
	ev     document.Event
	widths []int
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

func newServiceSim(w *world, rng *rand.Rand) *serviceSim {
	sim := &serviceSim{w: w, rng: rng, last: map[string]*document.Record{}, asked: map[string]int{}, s: &service{
		places: pick(rng, 1, 4, 8, 32), work: time.Duration(1+rng.IntN(5)) * time.Second,
		shared: rng.IntN(2) == 0, uneven: rng.IntN(2) == 0, deaf: rng.IntN(3) > 0,
		death:  pick(rng, deathByReset, deathOnCloudRun, deathOfEngine, deathInSilence),
		down:   pick(rng, 2*time.Second, 30*time.Second, 90*time.Second, 10*time.Minute),
		downAs: pick(rng, refusedReply, busyReply, futuresReply, litellmReply),
		pages:  map[int]fate{},
	}}
	if sim.s.places == 1 {
		sim.s.shared = false
	}
	w.records.After = sim.committed
	sim.outage()
	sim.p = w.platform(sim.s, 1+rng.IntN(3), 8)
	width := leastSide
	for n := range 8 + rng.IntN(30) {
		sim.add(fmt.Sprintf("%d.png", n), &width, 1)
	}
	for n := range 1 + rng.IntN(4) {
		sim.add(fmt.Sprintf("%d.tiff", n), &width, 2+rng.IntN(40))
	}
	return sim
}

// outage sometimes makes something else answer at the service's address for up to an hour.
func (sim *serviceSim) outage() {
	if sim.rng.IntN(2) == 0 {
		return
	}
	sim.outages = 1
	from := time.Now().Add(sim.upTo(2 * time.Hour))
	until := from.Add(sim.upTo(time.Hour))
	r := pick(sim.rng, htmlReply, sizeReply, unendedReply, gatewayReply, busyReply, keyReply, litellmReply,
		refusedReply, resetReply)
	sim.s.front = func() *reply {
		if now := time.Now(); now.Before(from) || !now.Before(until) {
			return nil
		}
		return &r
	}
}

func (sim *serviceSim) upTo(d time.Duration) time.Duration {
	return time.Duration(sim.rng.Int64N(int64(d)))
}

// add puts an object of n pages. One page in ten is unreadable for the service.
func (sim *serviceSim) add(name string, width *int, n int) {
	o := simObject{}
	var pictures []pagetest.Picture
	for range n {
		pictures = append(pictures, pagetest.Gray(drawn(*width), leastSide))
		o.widths = append(o.widths, *width)
		switch sim.rng.IntN(40) {
		case 0:
			sim.s.pages[*width] = fate{work: 2 * time.Second, reply: engineReply}
		case 1:
			sim.s.pages[*width] = fate{work: 2 * time.Second, reply: htmlReply}
		case 2:
			sim.s.pages[*width] = fate{work: 200 * time.Second}
		case 3:
			if sim.killers < 2 {
				sim.killers++
				sim.s.pages[*width] = fate{work: time.Second, kills: true}
			}
		}
		*width++
		sim.pages++
	}
	if n == 1 {
		o.ev = sim.w.bucket.Put(name, picture(o.widths[0]))
	} else {
		o.ev = sim.w.bucket.Put(name, pagetest.TIFF(binary.LittleEndian, pictures...))
	}
	sim.objects = append(sim.objects, o)
}

// run delivers everything within an hour, restarts the server now and then, and waits until everything has ended.
func (sim *serviceSim) run() {
	for range sim.rng.IntN(5) {
		time.AfterFunc(sim.upTo(3*time.Hour), sim.s.restart)
	}
	for _, o := range sim.objects {
		wait := sim.upTo(time.Hour)
		sim.p.all.Go(func() {
			time.Sleep(wait)
			sim.p.deliver(o.ev)
		})
	}
	for _, o := range sim.objects {
		if sim.rng.IntN(4) > 0 {
			continue
		}
		wait, all := sim.upTo(6*time.Hour), sim.rng.IntN(2) == 0
		sim.p.all.Go(func() {
			time.Sleep(wait)
			if sim.w.records.Record(o.ev.Object.ID()) == nil {
				return
			}
			sim.mu.Lock()
			sim.asked[o.ev.Name]++
			sim.mu.Unlock()
			if !sim.p.retry(o.ev.Name, func(pg document.Page) bool { return all || pg.Page%2 == 0 }) {
				sim.mu.Lock()
				sim.asked[o.ev.Name]--
				sim.mu.Unlock()
			}
		})
	}
	took := sim.p.wait()
	sim.w.t.Logf("%d objects of %d pages, %d of them bad, at a service of %d places (shared %v, deaf %v): %v, %d deliveries, %v",
		len(sim.objects),
		sim.pages, len(sim.s.pages), sim.s.places, sim.s.shared, sim.s.deaf, took.Round(time.Minute),
		sim.p.deliveries.Load(), sim.s)
}

// committed counts strikes, and checks a record after a commit.
func (sim *serviceSim) committed(_ context.Context, id string) error {
	sim.mu.Lock()
	defer sim.mu.Unlock()
	was, is := sim.last[id], sim.w.records.Record(id)
	sim.last[id] = is
	if was == nil {
		return nil
	}
	for n, strike := range is.Strikes {
		sim.strikes += max(0, strike.Count-was.Strikes[n].Count)
	}
	for n, strike := range was.Strikes {
		if is.Strikes[n].Count == 0 && strike.Count == maxAttempts-1 && is.Retried.Equal(was.Retried) {
			sim.strikes++ // the last one is not stored, since the page fails
		}
	}
	if was.Status == document.StatusDone && is.Rereading != nil && (is.Status != was.Status || is.Text != was.Text) {
		sim.w.t.Errorf("%s changed while it was read again:\nwas %+v\nis  %+v", is.Name, was, is)
	}
	return nil
}

// check checks guarantee 3 and the bounds on costs, by the stored records and the requests sent.
func (sim *serviceSim) check() {
	asked, bad := 0, 0 // pages requested again by operators; requested readings of bad pages
	failed := 0        // requests for good pages that failed
	for _, o := range sim.objects {
		sim.checkObject(o)
		times := sim.asked[o.ev.Name]
		asked += times * len(o.widths)
		for _, width := range o.widths {
			read, missed := 0, 0
			for _, m := range sim.p.meters {
				read, missed = read+m.read[width], missed+m.failed[width]
			}
			if _, isBad := sim.s.pages[width]; isBad {
				bad += 1 + times
				continue
			}
			failed += missed
			if read < 1 || read > 1+times {
				sim.w.t.Errorf("the page of width %d was read %d times, and asked for again %d times", width, read,
					times)
			}
		}
	}
	count, sent := sim.s.figures()
	if count.kills > sim.lives()*(maxAttempts+2) {
		sim.w.t.Errorf("%d pages killed the server %d times", sim.killers, count.kills)
	}
	// A bad page is sent once among others and then for each strike. Every failure of the service, and every page that
	// is too dense for it, may cost pages in flight at the same time another request.
	events := count.kills + count.restarts + sim.outages
	for width, f := range sim.s.pages {
		if f.work > ocr.DefaultTimeout {
			events += sent[width]
		}
	}
	if most := sim.pages + asked + (1+maxAttempts)*bad + count.most*events; count.sent > most {
		sim.w.t.Errorf("%d pages were sent for %d and %d that people asked for, want at most %d", count.sent, sim.pages,
			asked, most)
	}
	controls, bursts := 0, 0
	for _, m := range sim.p.meters {
		controls, bursts = controls+m.controls, bursts+m.bursts
	}
	// One before a page is sent alone, including good ones that had failed, and one after it if it failed again, two
	// after a time-out.
	if controls > 3*sim.strikes+bursts+failed+events {
		sim.w.t.Errorf("%d control pages were read, for %d strikes, %d bursts, %d good pages that failed and %d failures of the service",
			controls, sim.strikes, bursts, failed, events)
	}
	sim.w.t.Logf("%d strikes, %d control pages read, %d bursts, %d pages asked for again, %d requests for good pages failed, %d failures of the service",
		sim.strikes, controls, bursts, asked, failed, events)
}

// lives returns how often killing pages were requested.
func (sim *serviceSim) lives() int {
	n := 0
	for _, o := range sim.objects {
		for _, width := range o.widths {
			if sim.s.pages[width].kills {
				n += 1 + sim.asked[o.ev.Name]
			}
		}
	}
	return n
}

func (sim *serviceSim) checkObject(o simObject) {
	r := sim.w.record(o.ev.Name)
	var texts []string
	good := 0
	for _, width := range o.widths {
		text := ""
		if _, bad := sim.s.pages[width]; !bad {
			good++
			text = fmt.Sprintf("text of %d", width)
		}
		texts = append(texts, text)
	}
	want := document.StatusDone
	if good == 0 {
		want = document.StatusFailed
	}
	staged, err := sim.w.records.Pages(sim.w.t.Context(), o.ev.Object.ID(), -o.ev.Generation)
	switch text := strings.Join(texts, "\n\f\n"); {
	case r.Open() || r.Lease != nil || err != nil || len(staged) > 0:
		sim.w.t.Errorf("%s has not ended: %d pages of a reading are left, %v, %+v", r.Name, len(staged), err, r)
	case r.Status == document.StatusDone && len(r.Strikes) > 0:
		sim.w.t.Errorf("%s has the strikes %v", r.Name, r.Strikes)
	case r.Status != want:
		sim.w.t.Errorf("%s, %d of %d pages good: %s, error %+v, want %s", r.Name, good, len(o.widths), r.Status,
			r.Error, want)
	case want == document.StatusFailed && !strings.HasPrefix(r.Error.Code, "ocr_"):
		sim.w.t.Errorf("%s: %+v", r.Name, r.Error)
	case want == document.StatusDone && r.Text != text:
		sim.w.t.Errorf("%s: %.300q, want %.300q", r.Name, r.Text, text)
	}
}
