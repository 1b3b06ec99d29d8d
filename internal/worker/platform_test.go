package worker_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

const maxAttempts = 3 // MAX_ATTEMPTS of the tests that use a platform

// platform is Eventarc, Pub/Sub and Cloud Run in front of the workers of a world: it delivers each event until it is
// acknowledged, to an instance with free capacity, with growing pauses, for a day. Then the sweep handles the record.
type platform struct {
	w          *world
	workers    []*worker.Worker
	slots      chan *worker.Worker
	begun      time.Time
	deliveries atomic.Int64
	all        sync.WaitGroup
	meters     []*meter // of the instances
}

// platform returns a platform with instances, each of which runs concurrency deliveries and pages at once. Each has its
// own client of the service s or, if s is nil, the world's OCR.
func (w *world) platform(s *service, instances, concurrency int) *platform {
	w.options.Rules.MaxAttempts = maxAttempts
	w.options.Limits.MaxBytes, w.options.Limits.MaxPixels, w.options.Limits.MaxPages = 64<<20, 16<<20, 2000
	p := &platform{w: w, slots: make(chan *worker.Worker, instances*concurrency), begun: time.Now()}
	for range instances {
		o := w.options
		o.OCRPlaces = concurrency
		if s != nil {
			m := &meter{Extractor: s.client(w.t), read: map[int]int{}, failed: map[int]int{}}
			p.meters = append(p.meters, m)
			o.OCR = m
		}
		p.workers = append(p.workers, newWorker(w.t, o))
	}
	for i := range instances * concurrency {
		p.slots <- p.workers[i%instances]
	}
	return p
}

// deliver starts delivering an event.
func (p *platform) deliver(ev document.Event) {
	p.all.Go(func() {
		begun := time.Now()
		for n := 0; time.Since(begun) < 24*time.Hour; n++ {
			if !p.once(ev).Refused() {
				return
			}
			time.Sleep(pause(ev.Name, n))
		}
		for range 36 {
			if p.w.record(ev.Name).Status.Ended() {
				return
			}
			p.workers[0].Sweep(p.w.t.Context())
			time.Sleep(5 * time.Minute)
		}
		p.w.t.Errorf("%s has not ended after 27 hours: %+v", ev.Name, p.w.record(ev.Name))
	})
}

func (p *platform) once(ev document.Event) document.Outcome {
	to := <-p.slots
	defer func() { p.slots <- to }()
	p.deliveries.Add(1)
	return to.Process(p.w.t.Context(), ev).Outcome
}

// retry requests a retry of an object and runs sweeps, for a day at most. It reports whether there was anything to
// retry.
func (p *platform) retry(name string, redo func(document.Page) bool) bool {
	if _, err := document.Retry(p.w.t.Context(), p.w.records, p.w.stored(name), "operator", redo); err != nil {
		return false
	}
	p.all.Go(func() {
		for range 300 {
			if !p.w.record(name).Open() {
				return
			}
			p.workers[0].Sweep(p.w.t.Context())
			time.Sleep(5 * time.Minute)
		}
		p.w.t.Errorf("%s has not ended a day after a retry: %+v", name, p.w.record(name))
	})
	return true
}

// meter counts what one instance sends to the OCR service, as its client sees it.
type meter struct {
	worker.Extractor
	mu           sync.Mutex
	read, failed map[int]int // pages by width
	controls     int         // control pages that were read
	misses       int         // consecutive pages that failed as suspects
	bursts       int         // of three misses
}

func (m *meter) ExtractText(ctx context.Context, img ocr.Image) (ocr.Result, error) {
	r, err := img.Open()
	if err != nil {
		return ocr.Result{}, err
	}
	picture, err := io.ReadAll(r)
	if err != nil {
		return ocr.Result{}, err
	}
	r.Close()
	res, err := m.Extractor.ExtractText(ctx, img)
	m.mu.Lock()
	defer m.mu.Unlock()
	control := isControlPage(picture)
	oe, _ := errors.AsType[*ocr.Error](err)
	switch {
	case ctx.Err() != nil:
	case err == nil && control:
		m.controls++
		m.misses = 0
	case err == nil:
		m.misses = 0
	case oe != nil && (slices.Contains([]ocr.Kind{ocr.KindTimeout, ocr.KindBackendFailed, ocr.KindLost,
		ocr.KindBadResponse}, oe.Kind) || oe.Platform && oe.Status == http.StatusRequestEntityTooLarge):
		if m.misses++; m.misses == 3 {
			m.bursts++
		}
	}
	if !control && err == nil {
		m.read[pngWidth(picture)]++
	} else if !control {
		m.failed[pngWidth(picture)]++
	}
	return res, err
}

// wait returns when every event was acknowledged or given up, and all deliveries have ended.
func (p *platform) wait() (took time.Duration) {
	p.all.Wait()
	took = time.Since(p.begun)
	time.Sleep(time.Hour)
	return took
}

// pause returns Pub/Sub's pause before the next delivery: 10 s, doubled up to 600 s, plus or minus a tenth.
func pause(name string, n int) time.Duration {
	sum := fnv.New32a()
	fmt.Fprint(sum, name, n)
	d := min(10*time.Second<<min(n, 8), 600*time.Second)
	return d*9/10 + d/5*time.Duration(sum.Sum32()%1000)/1000
}

// images puts n good images, 20 pixels wide and more, and returns their events.
func (w *world) images(n int) []document.Event {
	var events []document.Event
	for i := range n {
		events = append(events, w.bucket.Put(fmt.Sprintf("%04d.png", i), picture(30+i)))
	}
	return events
}

// wantAllDone checks that images were read, and logs their records.
func (w *world) wantAllDone(events []document.Event) {
	w.t.Helper()
	ends := map[string]int{}
	for i, ev := range events {
		r := w.record(ev.Name)
		end := string(r.Status)
		if r.Error != nil {
			end += " " + r.Error.Code
		}
		ends[end]++
		if r.Status == document.StatusDone && r.Text != fmt.Sprintf("text of %d", 30+i) {
			w.t.Errorf("%s: %q", ev.Name, r.Text)
		}
	}
	var lines []string
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		lines = append(lines, fmt.Sprintf("%d %s", ends[end], end))
	}
	w.t.Logf("of %d good images: %s", len(events), strings.Join(lines, ", "))
	if ends["done"] != len(events) {
		w.t.Errorf("%d of %d good images were not read", len(events)-ends["done"], len(events))
	}
}

// wantFailedPages checks that a book is done and that exactly these pages have no text, for this reason.
func (w *world) wantFailedPages(name string, total int, code string, bad []int) {
	w.t.Helper()
	r := w.record(name)
	if r.Status != document.StatusDone {
		w.t.Errorf("%s %s, %d of %d pages done, error %+v: want done", name, r.Status, r.PagesDone, r.Pages, r.Error)
		return
	}
	var want strings.Builder
	for n := 1; n <= total; n++ {
		if n > 1 {
			want.WriteString("\n\f\n")
		}
		if !slices.Contains(bad, n) {
			fmt.Fprintf(&want, "text of %d", 100+n)
		}
	}
	if r.Text != want.String() || r.Pages != total || r.PagesDone != total {
		w.t.Errorf("%s has %d of %d pages, and its text is not that of its good pages: %.300q", name, r.PagesDone,
			r.Pages, r.Text)
	}
	if !slices.Contains(r.Warnings, document.WarnPageFailed) {
		w.t.Errorf("%s has warnings %v", name, r.Warnings)
	}
	for _, pg := range w.pages(name) {
		got, should := "", ""
		if pg.Error != nil {
			got = pg.Error.Code
		}
		if slices.Contains(bad, pg.Page) {
			should = code
		}
		if got != should {
			w.t.Errorf("%s, page %d: %q, want %q", name, pg.Page, got, should)
		}
	}
}

// TestServiceModel: the model behaves as the tests that use it assume.
func TestServiceModel(t *testing.T) {
	for _, c := range []struct {
		name string
		s    *service
		want time.Duration // until eight images are read
	}{
		{"a place each", &service{places: 4, work: 10 * time.Second}, 20 * time.Second},
		{"in order", &service{places: 1, work: 10 * time.Second}, 80 * time.Second},
		{"one GPU for all", &service{places: 8, work: 10 * time.Second, shared: true}, 80 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				p := w.platform(c.s, 1, 8)
				events := w.images(8)
				for _, ev := range events {
					p.deliver(ev)
				}
				took := p.wait().Round(time.Millisecond)
				if count, _ := c.s.figures(); took != c.want || count.most != 8 || count.read != 8 || count.sent != 8 {
					t.Errorf("%v, want %v: %v", took, c.want, c.s)
				}
				w.wantAllDone(events)
			})
		})
	}
}
