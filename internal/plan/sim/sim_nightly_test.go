//go:build nightly

// The model has one goroutine; under the race detector it would only be ten times as slow.

package sim_test

import (
	"flag"
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/plan"
	"github.com/bucketocr/bucketocr/internal/plan/sim"
)

var million = flag.Bool("million", false, "run the burst of a million pages too, which takes about a minute")

// claimed is the only figure that anybody has published: the vendor's, of one H100.
const claimed = 5.71

// burst is a load that comes at once, planned and played, with instances that die.
func burst(objects, pages int, seed uint64) (plan.Plan, sim.Config) {
	p := plan.Make(plan.Load{Burst: objects * pages, PagesPerObject: pages, PageBytes: 500_000}, claimed, 32, 0)
	c := sim.Default(objects, p.Setup)
	c.Pages, c.Seed, c.CrashOneIn, c.GPULostEvery = pages, seed, 10_000, 6*time.Hour
	return p, c
}

// near reports a figure of the plan that the model does not confirm, within a share.
func near(t *testing.T, what string, planned, played, within float64) {
	t.Helper()
	if math.Abs(planned-played) > within*played {
		t.Errorf("%s: planned %.4g, the model says %.4g: more than %.0f %% apart", what, planned, played, within*100)
	}
}

// confirm holds a plan against the model.
func confirm(t *testing.T, p plan.Plan, c sim.Config) sim.Result {
	t.Helper()
	r := sim.Run(c)
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
	if reads := per1000(float64(r.Reads)); reads > 20 {
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
				if r := confirm(t, p, c); r.BusyUntil99 < 0.9 {
					t.Errorf("the GPUs were busy for %.1f %% of their time", r.BusyUntil99*100)
				}
			}
		})
	}
}

// TestMillion: a million pages at once. The figures of docs/performance.md are of this run:
//
//	go test -tags nightly ./internal/plan/sim -run Million -million -v
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

// TestDeployedDefaults: what deploy.sh deploys where nothing is set keeps its GPU busy with what the function is for,
// images.
func TestDeployedDefaults(t *testing.T) {
	s := deployed(t)
	s.PagesPerSecond, s.OCRTimeout, s.ProcessTimeout = claimed, 120*time.Second, 480*time.Second
	if s.Asked(1) > s.Taken() {
		t.Fatalf("%+v asks for more than the GPUs take", s)
	}
	c := sim.Default(60_000, s)
	if r := sim.Run(c); r.Done != c.Objects || r.BusyUntil99 < 0.9 {
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

// TestBadDays: GPUs that die every ten minutes, and an instance of the function with every hundredth page, fail no
// object.
func TestBadDays(t *testing.T) {
	p, c := burst(10_000, 1, 7)
	c.GPULostEvery, c.CrashOneIn = 10*time.Minute, 100
	if r := sim.Run(c); r.Done != c.Objects || r.Failed > 0 {
		t.Errorf("%+v on %+v", r, p.Setup)
	}
}

// TestTooSlow: what the plan refuses, the model loses: events that Pub/Sub forgets, after a week, before anything took
// them.
func TestTooSlow(t *testing.T) {
	l := plan.Load{Burst: 200_000, PagesPerObject: 1} // a week at this pace is 151,200
	p := plan.Make(l, 0.25, 8, 1)
	if p.Holds {
		t.Fatalf("%+v", p)
	}
	// a few are refused for a whole RETRY_WINDOW
	if r := sim.Run(sim.Default(l.Burst, p.Setup)); r.NeverTried == 0 || r.Failed > l.Burst/1000 {
		t.Errorf("%+v", r)
	}
}

// TestOverload: a function that asks for more pages than the GPUs read at once is refused by them and fails nothing.
func TestOverload(t *testing.T) {
	_, c := burst(5_000, 1, 1)
	c.Setup.FunctionMaxInstances *= 3
	if r := sim.Run(c); r.Done != c.Objects {
		t.Errorf("%+v", r)
	}
}

func TestSeeded(t *testing.T) {
	_, c := burst(2_000, 1, 3)
	a := sim.Run(c)
	if b := sim.Run(c); a != b {
		t.Errorf("two runs of one seed:\n%+v\n%+v", a, b)
	}
	c.Seed++
	if b := sim.Run(c); a == b {
		t.Error("the seed changes nothing")
	}
}
