//go:build nightly

// The model has one goroutine: the race detector would only make it ten times as slow.

package model_test

import (
	"flag"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/bench/internal/model"
	"github.com/bucketocr/bucketocr/internal/plan"
)

var million = flag.Bool("million", false, "run the burst of a million pages too, which takes about a minute")

// claimed is the only published figure: the vendor's, for one H100.
const claimed = 5.71

// burst is a load that arrives at once, planned and simulated, with instances that die.
func burst(objects, pages int, seed uint64) (plan.Plan, model.Config) {
	p := plan.Make(plan.Load{Burst: objects * pages, PagesPerObject: pages, PageBytes: 500_000}, claimed, 32, 0)
	c := model.Default(objects, p.Setup)
	c.Pages, c.Seed, c.CrashOneIn, c.GPULostEvery = pages, seed, 10_000, 6*time.Hour
	return p, c
}

// near reports a planned figure that differs from the model's by more than a share.
func near(t *testing.T, what string, planned, played, within float64) {
	t.Helper()
	if math.Abs(planned-played) > within*played {
		t.Errorf("%s: planned %.4g, the model says %.4g: more than %.0f %% apart", what, planned, played, within*100)
	}
}

// confirm compares a plan with the model.
func confirm(t *testing.T, p plan.Plan, c model.Config) model.Result {
	t.Helper()
	r := model.Run(c)
	t.Logf("planned %v, %+v\nplayed %+v", p.Drained, p.Per1000, r)
	if r.Done != c.Objects || r.Failed+r.NeverTried+r.Unfinished > 0 {
		t.Errorf("of %d good objects %d are done, %d failed, %d never tried, %d unfinished", c.Objects, r.Done,
			r.Failed, r.NeverTried, r.Unfinished)
	}
	per1000 := func(n float64) float64 { return n * 1000 / float64(c.Objects*c.Pages) }
	near(t, "drained", p.Drained.Seconds(), r.Drained.Seconds(), 0.10)
	near(t, "GPU seconds", p.Per1000.GPUSeconds, per1000(r.GPUSeconds), 0.10)
	near(t, "function seconds", p.Per1000.FunctionSeconds, per1000(r.FnSeconds), 0.15)
	near(t, "writes", p.Per1000.Writes, per1000(float64(r.Writes)), 0.05)
	if pushes := per1000(float64(r.Pushes)); pushes > 1.1*p.Per1000.Pushes {
		t.Errorf("%.0f pushes for 1,000 pages, planned at most %.0f", pushes, p.Per1000.Pushes)
	}
	if reads := per1000(float64(r.Reads)); reads > 30 {
		t.Errorf("%.1f reads for 1,000 pages, planned none", reads)
	}
	if r.MostInFlight > p.Setup.Taken() {
		t.Errorf("%d pages at the GPUs at once, they take %d", r.MostInFlight, p.Setup.Taken())
	}
	return r
}

func TestPlanIsConfirmed(t *testing.T) {
	for _, l := range []struct {
		name           string
		objects, pages int
	}{{"single pages", 60_000, 1}, {"objects of ten pages", 5_000, 10}} {
		t.Run(l.name, func(t *testing.T) {
			for seed := range uint64(3) {
				p, c := burst(l.objects, l.pages, seed+1)
				// There is one GPU, and each time it dies it takes minutes to restart.
				if r := confirm(t, p, c); r.BusyUntil99 < 0.85 {
					t.Errorf("the GPUs were busy for %.1f %% of their time", r.BusyUntil99*100)
				}
			}
		})
	}
}

// TestMillion: a million pages at once. The figures in docs/performance.md are from this run:
//
//	go test -C bench -tags nightly ./internal/model -run Million -million -v -timeout 1h
func TestMillion(t *testing.T) {
	if !*million {
		t.Skip("a minute of computing: ask for it with -million")
	}
	for _, window := range []int{0, 3000} {
		p, c := burst(1_000_000, 1, 1)
		c.Window = window
		if r := confirm(t, p, c); r.Busy < 0.9 {
			t.Errorf("the GPUs were busy for %.1f %% of their time", r.Busy*100)
		}
	}
}

// TestDeployedDefaults: with deploy.sh's defaults, a load of images keeps the GPU busy.
func TestDeployedDefaults(t *testing.T) {
	s := deployed(t)
	s.PagesPerSecond, s.OCRTimeout, s.ProcessTimeout = claimed, 120*time.Second, 480*time.Second
	if s.Asked(1) > s.Taken() {
		t.Fatalf("%+v asks for more than the GPUs take", s)
	}
	c := model.Default(60_000, s)
	if r := model.Run(c); r.Done != c.Objects || r.BusyUntil99 < 0.9 {
		t.Errorf("the GPU was busy for %.1f %% of its time: %+v", r.BusyUntil99*100, r)
	}
}

// deployed reads the defaults out of deploy.sh's settings.
func deployed(t *testing.T) plan.Setup {
	t.Helper()
	settings, err := os.ReadFile("../../../deploy/settings.sh")
	if err != nil {
		t.Fatal(err)
	}
	value := func(name string) int {
		m := regexp.MustCompile(`(?m)^  default ` + name + ` (\d+) `).FindSubmatch(settings)
		if m == nil {
			t.Fatalf("deploy/settings.sh has no default %s", name)
		}
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return plan.Setup{
		GPUMaxInstances: value("GPU_MAX_INSTANCES"), GPUMinInstances: value("GPU_MIN_INSTANCES"),
		GPUMaxNumSeqs:        value("GPU_MAX_NUM_SEQS"),
		FunctionMaxInstances: value("FUNCTION_MAX_INSTANCES"), FunctionConcurrency: value("FUNCTION_CONCURRENCY"),
		OCRConcurrency: value("OCR_CONCURRENCY"), InstancePages: value("OCR_INSTANCE_CONCURRENCY"),
	}
}

// TestBadDays: no object fails if GPUs die every ten minutes and function instances with every hundredth page.
func TestBadDays(t *testing.T) {
	p, c := burst(10_000, 1, 7)
	c.GPULostEvery, c.CrashOneIn = 10*time.Minute, 100
	if r := model.Run(c); r.Done != c.Objects || r.Failed > 0 {
		t.Errorf("%+v on %+v", r, p.Setup)
	}
}

// watched simulates a load on three cold GPUs and returns a snapshot of each minute.
func watched(t *testing.T, pagesPerSecond float64, incidents ...model.Incident) (model.Result, []model.Moment) {
	t.Helper()
	p := plan.Make(plan.Load{Burst: 1000, PagesPerObject: 1, PageBytes: 500_000}, pagesPerSecond, 32, 1)
	s := p.Setup
	s.GPUMaxInstances, s.FunctionMaxInstances = 3, 12
	c := model.Default(int(3*pagesPerSecond*(3*time.Hour).Seconds()), s)
	var moments []model.Moment
	c.Incidents, c.Every, c.Watch = incidents, time.Minute, func(m model.Moment) { moments = append(moments, m) }
	r := model.Run(c)
	t.Logf("minute: places of the pace, pages at a GPU, pages/s, time-outs")
	for i := 1; i < min(len(moments), 90); i++ {
		if m := moments[i]; i < 10 || i%10 == 0 || i > 25 && i < 40 {
			before := moments[i-1]
			t.Logf("%3d: %3d %3d %5.2f %3d", i, m.Limit, m.AtGPUs, float64(m.Read-before.Read)/60,
				m.TimedOut-before.TimedOut)
		}
	}
	t.Logf("%+v", r)
	if r.Done != c.Objects || r.PagesFailed > 0 {
		t.Errorf("of %d good objects %d are done, %d pages failed", c.Objects, r.Done, r.PagesFailed)
	}
	return r, moments
}

// slow is the rate in pages per second at which the longest page on a full GPU is just in time.
const slow = 1.5

// TestPaceAtTheStart: all GPUs are cold and take longer to start than OCR_TIMEOUT. Pages time out, the pace falls, and
// it has recovered a few minutes after the GPUs have started.
func TestPaceAtTheStart(t *testing.T) {
	r, m := watched(t, claimed)
	if m[2].Limit != 96 || m[2].AtGPUs != 0 || m[3].Limit > 48 || m[8].Limit != 96 || m[8].AtGPUs < 86 {
		t.Errorf("before the time-outs, after them, after the start: %+v %+v %+v", m[2], m[3], m[8])
	}
	if r.TimedOut != 96 || r.Controls > 24 {
		t.Errorf("%d pages timed out, %d control pages were sent", r.TimedOut, r.Controls)
	}
}

// TestPaceWhereAGPUDies: one of three. Its pages become suspects and are read again, the other GPUs continue, and the
// pace recovers with the GPU.
func TestPaceWhereAGPUDies(t *testing.T) {
	r, m := watched(t, claimed, model.Incident{At: 30 * time.Minute})
	if m[30].Limit >= 96 || m[36].Limit != 96 || m[36].AtGPUs < 86 || r.MostStrikes > 0 {
		t.Errorf("when it died and later: %+v %+v; %d strikes", m[30], m[36], r.MostStrikes)
	}
	if during := float64(m[33].Read-m[30].Read) / 180; during < 0.9*2*claimed {
		t.Errorf("while it was away the other two read %.2f pages/s of %.2f", during, 2*claimed)
	}
}

// TestPaceWhereAGPUSlows: one of three reads at a third of its rate for half an hour. If its longest pages are still in
// time, the pace stays; else it falls until few of them time out, and recovers.
func TestPaceWhereAGPUSlows(t *testing.T) {
	third := model.Incident{At: 30 * time.Minute, Speed: 1.0 / 3}
	back := model.Incident{At: time.Hour, Speed: 1}
	if r, m := watched(t, claimed, third, back); m[59].Limit != 96 || r.TimedOut != 96 {
		t.Errorf("fast GPUs: %+v, %d timed out", m[59], r.TimedOut)
	}
	r, m := watched(t, slow, third, back)
	if m[59].Limit > 90 || m[70].Limit < 90 || r.MostStrikes > 1 {
		t.Errorf("slow GPUs: %+v %+v, %d strikes", m[59], m[70], r.MostStrikes)
	}
	if during := float64(m[59].Read-m[31].Read) / (28 * 60); during < 0.9*(2+1.0/3)*slow {
		t.Errorf("meanwhile they read %.2f pages/s of %.2f", during, (2+1.0/3)*slow)
	}
}

// TestPaceAndPlan: the pace stays at its maximum exactly where the plan says that the longest page is in time.
func TestPaceAndPlan(t *testing.T) {
	for _, c := range []struct {
		pagesPerSecond float64
		stays          bool
	}{{2, true}, {slow, true}, {32.0 / 24, true}, {1.2, false}, {1, false}, {0.5, false}} {
		p := plan.Make(plan.Load{Burst: 1000, PagesPerObject: 1, PageBytes: 500_000}, c.pagesPerSecond, 32, 1)
		config := model.Default(int(c.pagesPerSecond*(12*time.Hour).Seconds()), p.Setup)
		var places, n float64
		config.Every, config.Watch = time.Minute, func(m model.Moment) {
			if m.At > 30*time.Minute && m.At < 8*time.Hour {
				places, n = places+float64(m.Limit), n+1
			}
		}
		r := model.Run(config)
		share := places / n / 32
		t.Logf("%.2f pages/s, %v a page: %.0f %% of the places, GPU busy %.0f %%, %.2f %% timed out, %d of %d pages failed",
			c.pagesPerSecond, p.PageTime.Round(time.Second), share*100, r.BusyUntil99*100,
			float64(r.TimedOut)/float64(config.Objects)*100, r.PagesFailed, config.Objects)
		if stays := share > 0.99; stays != c.stays || p.Holds != c.stays || c.stays && r.PagesFailed > 0 {
			t.Errorf("the pace stays: %v; the plan holds: %v, %s", stays, p.Holds, p.Why)
		}
	}
}

// TestTooSlow: for a load that the plan rejects, the model loses events, which Pub/Sub drops after a week before any
// attempt.
func TestTooSlow(t *testing.T) {
	l := plan.Load{Burst: 20_000, PagesPerObject: 1} // 15,120 take a week at this pace
	p := plan.Of(l, plan.Setup{GPUMaxInstances: 1, GPUMaxNumSeqs: 1, FunctionMaxInstances: 1, FunctionConcurrency: 1,
		OCRConcurrency: 1, InstancePages: 1, PagesPerSecond: 0.025, OCRTimeout: 5 * time.Minute,
		ProcessTimeout: 8 * time.Minute})
	if p.Holds || !strings.Contains(p.Why, "burst") {
		t.Fatalf("%+v", p)
	}
	// a few are rejected for a whole RETRY_WINDOW
	if r := model.Run(model.Default(l.Burst, p.Setup)); r.NeverTried == 0 || r.Failed > l.Burst/1000 {
		t.Errorf("%+v", r)
	}
}

// TestOverload: a function that sends more pages than the GPUs take waits or is rejected, sends fewer, and fails no
// object.
func TestOverload(t *testing.T) {
	_, c := burst(5_000, 1, 1)
	c.Setup.FunctionMaxInstances *= 3
	least := 1000
	c.Every, c.Watch = time.Minute, func(m model.Moment) {
		if m.At > 4*time.Minute && m.Read < c.Objects*3/4 {
			least = min(least, m.Limit)
		}
	}
	r := model.Run(c)
	t.Logf("at least %d places of %d: %+v", least, 3*c.Setup.Taken(), r)
	if r.Done != c.Objects || r.Overloaded == 0 || least >= 3*c.Setup.Taken() {
		t.Errorf("%+v", r)
	}
}

func TestSeeded(t *testing.T) {
	_, c := burst(2_000, 1, 3)
	a := model.Run(c)
	if b := model.Run(c); a != b {
		t.Errorf("two runs of one seed:\n%+v\n%+v", a, b)
	}
	c.Seed++
	if b := model.Run(c); a == b {
		t.Error("the seed changes nothing")
	}
}
