package worker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// TestBadPagesCostThemselves: a book has pages that the service can never read. It is done without them, good pages are
// sent once, and the cost of the bad ones is bounded by their number.
func TestBadPagesCostThemselves(t *testing.T) {
	const pages = 100
	for _, kind := range []struct {
		name string
		fate fate
		code string
	}{
		{"engine error", fate{work: 2 * time.Second, reply: engineReply}, document.CodeOCRFailed},
		{"no completion", fate{work: 2 * time.Second, reply: htmlReply}, document.CodeOCRBadResponse},
		{"too dense", fate{work: 200 * time.Second}, document.CodeOCRTimeout},
	} {
		for _, bad := range []int{1, 5, 10, 40} {
			t.Run(fmt.Sprintf("%s, %d of %d", kind.name, bad, pages), func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) { badPages(t, w, pages, bad, kind.fate, kind.code) })
			})
		}
	}
}

func badPages(t *testing.T, w *world, pages, bad int, of fate, code string) {
	s := &service{places: 32, work: 2 * time.Second, deaf: true, pages: map[int]fate{}}
	var numbers []int
	for i := range bad {
		n := 1 + i*pages/bad
		numbers = append(numbers, n)
		s.pages[100+n] = of
	}
	p := w.platform(s, 1, 8)
	p.deliver(w.bucket.Put("a.tiff", book(pages)))
	took := p.wait()
	t.Logf("%v, %d deliveries, %v", took.Round(time.Minute), p.deliveries.Load(), s)
	w.wantFailedPages("a.tiff", pages, code, numbers)
	count, sent := s.figures()
	notOnce := map[int]int{}
	for n := 1; n <= pages; n++ {
		if times := sent[100+n]; times != 1 && !slices.Contains(numbers, n) {
			notOnce[n] = times
		}
	}
	if len(notOnce) > 0 {
		t.Errorf("good pages are sent once; how often these were: %v", notOnce)
	}
	if most := pages + 2*maxAttempts*bad; count.sent > most {
		t.Errorf("%d pages were sent, want at most %d", count.sent, most)
	}
	// A strike needs a control page, and so does a burst of failures in one delivery.
	if most := maxAttempts*bad + int(p.deliveries.Load()); count.control > most {
		t.Errorf("%d control pages were sent, want at most %d", count.control, most)
	}
}

// TestPagesBehindADensePageAreRead: the server reads one page at a time, and a page that is too dense holds up the next
// ones until they time out as well. Only the dense pages are blamed.
func TestPagesBehindADensePageAreRead(t *testing.T) {
	for _, c := range []struct {
		name string
		deaf bool
	}{{"hang-ups told", false}, {"hang-ups not told", true}} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				const pages = 20
				s := &service{places: 1, work: 2 * time.Second, deaf: c.deaf,
					pages: map[int]fate{105: {work: 200 * time.Second}, 113: {work: 200 * time.Second}}}
				p := w.platform(s, 1, 8)
				p.deliver(w.bucket.Put("a.tiff", book(pages)))
				events := w.images(50)
				for _, ev := range events {
					p.deliver(ev)
				}
				took := p.wait()
				t.Logf("%v, %d deliveries, %v", took.Round(time.Minute), p.deliveries.Load(), s)
				w.wantAllDone(events)
				w.wantFailedPages("a.tiff", pages, document.CodeOCRTimeout, []int{5, 13})
				if count, _ := s.figures(); count.sent > 2*(pages+len(events))+2*maxAttempts*2 {
					t.Errorf("%d pages were sent for %d", count.sent, pages+len(events))
				}
			})
		})
	}
}

// TestImageThatKillsTheServerIsBlamed: however the server dies and however long it is down, the image fails after a few
// deaths, and other images are read.
func TestImageThatKillsTheServerIsBlamed(t *testing.T) {
	for _, dies := range []struct {
		name  string
		death death
	}{{"reset", deathByReset}, {"503", deathOnCloudRun}, {"engine error", deathOfEngine}, {"silence", deathInSilence}} {
		for _, down := range []struct {
			name string
			long time.Duration
			as   reply
		}{
			{"refuses connections", 90 * time.Second, refusedReply},
			{"answers 503", 90 * time.Second, busyReply},
			{"answers 500", 90 * time.Second, futuresReply},
			{"answers LiteLLM's 500", 90 * time.Second, litellmReply},
			{"refuses connections for 2 s", 2 * time.Second, refusedReply},
			{"refuses connections for 15 min", 15 * time.Minute, refusedReply},
		} {
			t.Run(dies.name+", then "+down.name, func(t *testing.T) {
				bubble(t, func(t *testing.T, w *world) {
					const width = 1001
					s := &service{places: 8, work: 3 * time.Second, deaf: true, death: dies.death, down: down.long,
						downAs: down.as,
						pages:  map[int]fate{width: {work: time.Second, kills: true}}}
					p := w.platform(s, 1, 8)
					events := w.images(20)
					for i, ev := range events {
						if i == 3 {
							p.deliver(w.bucket.Put("killer.png", picture(width)))
						}
						p.deliver(ev)
					}
					took := p.wait()
					t.Logf("%v, %d deliveries, %v", took.Round(time.Minute), p.deliveries.Load(), s)
					w.wantAllDone(events)
					if r := w.record("killer.png"); r.Status != document.StatusFailed || r.Error == nil ||
						!strings.HasPrefix(r.Error.Code, "ocr_") {
						t.Errorf("the killer: %s, %+v", r.Status, r.Error)
					}
					if count, _ := s.figures(); count.kills > maxAttempts+2 {
						t.Errorf("it killed the server %d times, want at most %d", count.kills, maxAttempts+2)
					}
				})
			})
		}
	}
}

// TestPageThatKillsTheServerCostsItself: the same, for one page of a book beside good images.
func TestPageThatKillsTheServerCostsItself(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		const pages, bad = 40, 17
		s := &service{places: 8, work: 3 * time.Second, deaf: true, death: deathOnCloudRun, down: 90 * time.Second,
			pages: map[int]fate{100 + bad: {work: time.Second, kills: true}}}
		p := w.platform(s, 1, 8)
		p.deliver(w.bucket.Put("a.tiff", book(pages)))
		events := w.images(20)
		for _, ev := range events {
			p.deliver(ev)
		}
		took := p.wait()
		t.Logf("%v, %d deliveries, %v", took.Round(time.Minute), p.deliveries.Load(), s)
		w.wantAllDone(events)
		code := ""
		for _, pg := range w.pages("a.tiff") {
			if pg.Page == bad && pg.Error != nil {
				code = pg.Error.Code
			}
		}
		if !strings.HasPrefix(code, "ocr_") {
			t.Errorf("the page has the code %q", code)
		}
		w.wantFailedPages("a.tiff", pages, code, []int{bad})
		if count, _ := s.figures(); count.kills > maxAttempts+2 {
			t.Errorf("it killed the server %d times, want at most %d", count.kills, maxAttempts+2)
		}
	})
}

// TestPageThatKillsTheProcessCostsItself: one page of a document kills the function's process whenever it is read. The
// document is done without it, after a few deaths, and other objects in work at the time are read.
func TestPageThatKillsTheProcessCostsItself(t *testing.T) {
	for _, c := range []struct{ pages, bad int }{{1, 1}, {20, 1}, {20, 20}, {100, 1}, {100, 51}, {400, 1}, {400, 201}} {
		t.Run(fmt.Sprintf("page %d of %d", c.bad, c.pages), func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) { killingPage(t, w, c.pages, c.bad) })
		})
	}
}

func killingPage(t *testing.T, w *world, pages, bad int) {
	p := w.platform(nil, 1, 8)
	w.options.OCRPlaces = 8
	ev := w.bucket.Put("a.tiff", book(pages))
	var neighbours []document.Event
	deaths, hit := 0, 0
	for round := 0; ; round++ {
		if round == 79 { // so that no neighbour is as wide as a page
			t.Fatal("the document does not end")
		}
		i := w.dyingOf(fmt.Sprintf("text of %d", 100+bad))
		neighbour := w.bucket.Put(fmt.Sprintf("%04d.png", round), picture(30+round)) // in work at the same time
		neighbours = append(neighbours, neighbour)
		var both sync.WaitGroup
		var out document.Outcome
		both.Go(func() { out = i.p.Process(t.Context(), ev).Outcome })
		both.Go(func() { i.p.Process(t.Context(), neighbour) })
		both.Wait()
		if i.dead.Load() {
			deaths++
			if n := w.records.Record(neighbour.Object.ID()); n != nil && n.Status == document.StatusProcessing {
				hit++
			}
		}
		if !out.Refused() && !i.dead.Load() {
			break
		}
		time.Sleep(document.LeaseTime + 10*time.Minute)
	}
	for _, ev := range neighbours {
		p.deliver(ev)
	}
	p.wait()
	r := w.record("a.tiff")
	t.Logf("%d processes died, %d neighbours with them; %s, %d of %d pages done, error %+v", deaths, hit, r.Status,
		r.PagesDone, r.Pages, r.Error)
	if deaths > maxAttempts+2 || hit > deaths {
		t.Errorf("%d processes died, and %d neighbours with them; want at most %d", deaths, hit, maxAttempts+2)
	}
	w.wantAllDone(neighbours)
	if pages == 1 {
		w.want("a.tiff", document.StatusFailed, document.CodeInterrupted)
		return
	}
	w.wantFailedPages("a.tiff", pages, document.CodeInterrupted, []int{bad})
}

// dyingOf returns a process that dies when it has read the page with that text. Other pages take a second, images of at
// most 99 pixels' width, the neighbours, half a minute.
func (w *world) dyingOf(bad string) *instance {
	i := &instance{w: w}
	o := w.options
	o.Records = &mortal{Memory: w.records, i: i}
	o.OCR = extractor{func(ctx context.Context, img ocr.Image) (ocr.Result, error) {
		unreachable := &ocr.Error{Kind: ocr.KindUnavailable}
		if i.dead.Load() {
			return ocr.Result{}, unreachable
		}
		res, err := w.ExtractText(ctx, img)
		switch {
		case res.Text == bad:
			time.Sleep(3 * time.Second)
			i.dead.Store(true)
		case len(res.Text) < len("text of 100"):
			time.Sleep(30 * time.Second)
		default:
			time.Sleep(time.Second)
		}
		if i.dead.Load() {
			return ocr.Result{}, unreachable
		}
		return res, err
	}}
	i.p = newWorker(w.t, o)
	return i
}

// TestFewerPagesThanBefore: an attempt of an earlier deploy found more pages than this one (another PDFium, another
// rule for thumbnails) and finished pages that no longer exist. A document is done only when its current pages were
// read.
func TestFewerPagesThanBefore(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(t *testing.T, w *world) *worker.Worker // the next deploy's, that does not get far
	}{
		{"deadline", func(t *testing.T, w *world) *worker.Worker { return w.worker() }},
		{"shutdown", func(t *testing.T, w *world) *worker.Worker {
			p := w.worker()
			time.AfterFunc(time.Minute, func() {
				ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
				defer cancel()
				_ = p.Drain(ctx)
			})
			return p
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				w.count(func(ctx context.Context, n int, text string) (ocr.Result, error) {
					if n <= 2 {
						return hang(ctx, text)
					}
					return result(text), nil
				})
				ev := w.bucket.Put("a.tiff", book(4))
				w.worker().Process(t.Context(), ev)
				if r := w.want("a.tiff", document.StatusRetrying, ""); r.PagesDone != 2 || r.Pages != 4 {
					t.Fatalf("%d of %d pages", r.PagesDone, r.Pages)
				}
				ev = w.bucket.PutAs("a.tiff", ev.Generation, book(2)) // the same object, as the next deploy sees it
				w.answer = hang
				if out := c.then(t, w).Process(t.Context(), ev).Outcome; !out.Refused() {
					r := w.record("a.tiff")
					t.Errorf("%s without having read a page: %s, text %q", out, r.Status, r.Text)
				}
				w.answer = nil
				time.Sleep(time.Hour)
				w.worker().Process(t.Context(), ev)
				if r := w.want("a.tiff", document.StatusDone, ""); r.Text != wholeText(2) || r.Pages != 2 ||
					r.PagesDone != 2 {
					t.Errorf("%d of %d pages, text %q", r.PagesDone, r.Pages, r.Text)
				}
			})
		})
	}
}
