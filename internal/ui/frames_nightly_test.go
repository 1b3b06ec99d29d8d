//go:build nightly

package ui

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/browsertest"
	"github.com/bucketocr/bucketocr/internal/document"
)

// TestFrames measures the page with many documents: how soon the list is there, what a frame takes while changes come
// in, and what the page holds in memory. It reports the figures, for docs/performance.md, and demands only what does
// not depend on the machine: how many rows and requests there are.
func TestFrames(t *testing.T) {
	const many, more = 10_000, 50_000
	d := newDesk(t)
	write := func(i int, change func(*document.Record)) string {
		return d.write(fmt.Sprintf("box-%02d/letter-%05d.png", i%40, i), func(r *document.Record) {
			r.Text, r.Usage = "x", document.Usage{PromptTokens: 1400, CompletionTokens: 500}
			if r.Attempt == 1 {
				r.WindowStart = time.Now().Add(-time.Duration(i) * time.Second)
			}
			change(r)
		})
	}
	fill := func(from, to int) {
		last := ""
		for i := from; i < to; i++ {
			last = write(i, func(*document.Record) {})
		}
		d.known(last)
	}
	fill(0, many)
	tab := browsertest.New(t, 1440, 900)
	tab.OnNewPage(`window.first = new Promise((ready) => { const look = () => document.querySelector('.row') ? ready(performance.now()) : requestAnimationFrame(look); requestAnimationFrame(look); })`)
	few := func() {
		t.Helper()
		if n := browsertest.Eval[int](tab, `document.querySelectorAll('.row').length`); n > 80 {
			t.Errorf("%d rows exist", n)
		}
		if n := browsertest.Eval[int](tab, `document.querySelectorAll('*').length`); n > 2000 {
			t.Errorf("%d elements exist", n)
		}
	}
	whole := func(n int) {
		t.Helper()
		tab.Until(fmt.Sprintf(`document.querySelector('.row')?.getAttribute('aria-setsize') === '%d'`, n))
	}

	var first []float64
	for i := range 7 {
		tab.Open(fmt.Sprintf("%s/?%d", d.url, i))
		first = append(first, browsertest.Eval[float64](tab, `window.first`))
		whole(many)
		few()
	}
	slices.Sort(first)
	t.Logf("%d documents: first rows %.0f ms after the navigation began (median of %d; worst %.0f)", many,
		first[len(first)/2], len(first), first[len(first)-1])
	requests := browsertest.Eval[int](tab, `performance.getEntriesByType('resource').length`)
	bytes := browsertest.Eval[int](tab,
		`performance.getEntriesByType('resource').reduce((sum, e) => sum + e.encodedBodySize, 0)`)
	t.Logf("%d requests, %d KiB without the events", requests, bytes>>10)
	if requests > 120 {
		t.Errorf("%d requests for a list", requests)
	}

	changed := 0
	churn := func(d time.Duration) {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for late := time.Now().Add(d); time.Now().Before(late); <-tick.C {
			changed++
			write(changed*37%many, func(r *document.Record) { r.Attempt, r.Updated = r.Attempt+1, time.Now() })
		}
	}
	for _, c := range []struct {
		name  string
		begin string
	}{
		{"at the top", `null`},
		{"while it scrolls",
			`(window.scrolls = setInterval(() => { document.querySelector('#list').scrollTop += 97; }, 16), null)`},
		{"in the operator's view", `(clearInterval(window.scrolls), location.hash = 'activity', null)`},
	} {
		browsertest.Eval[any](tab, c.begin)
		changed = 0
		const span = 6 * time.Second
		list := tab.Trace(func() { churn(span) })
		if len(list) < 10 {
			t.Fatalf("%s: %d frames", c.name, len(list))
		}
		works := make([]time.Duration, len(list))
		var script, layout time.Duration
		for i, f := range list {
			works[i] = f.Script + f.Layout
			script, layout = script+f.Script, layout+f.Layout
		}
		slices.Sort(works)
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		t.Logf("%s, %.0f changes a second: %d frames; script and layout of one: %.1f ms in the median, %.1f at the 95th percentile, worst %.1f; mean %.1f + %.1f",
			c.name,
			float64(changed)/span.Seconds(), len(list), ms(works[len(works)/2]), ms(works[len(works)*95/100]),
			ms(works[len(works)-1]),
			ms(script)/float64(len(list)), ms(layout)/float64(len(list)))
		few()
	}

	tab.Open("about:blank")
	fill(many, more)
	tab = browsertest.New(t, 1440, 900) // the other one has kept what it took
	_, blank := tab.Memory()
	tab.Open(d.url)
	whole(more)
	few()
	heap, process := tab.Memory()
	t.Logf("%d documents: %d MB in the renderer's process, %d MB of it JavaScript's heap; %d MB with an empty page",
		more, process/1e6, heap/1e6, blank/1e6)
}
