package plan

import (
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// TestByHand: a load that is reckoned here with a pencil.
func TestByHand(t *testing.T) {
	// ten a second, five to a GPU
	p := Make(Load{PagesPerHour: 36_000, PagesPerObject: 1, PageBytes: 500_000}, 5, 32, 0)
	if p.Setup.GPUMaxInstances != 3 || p.Setup.FunctionMaxInstances != 12 || p.Setup.Asked(1) != 96 || !p.Holds {
		t.Errorf("%+v", p)
	}
	if p.PageTime != 6400*time.Millisecond { // 32 pages at five a second
		t.Errorf("a page takes %v", p.PageTime)
	}
	if math.Abs(p.Utilised-10.0/15) > 1e-9 || p.Backlog != 1800 {
		t.Errorf("%+v", p)
	}
	if q := p.Per1000; q.GPUSeconds != 300 || q.Writes != 2000 || q.Reads != 0 || q.Requests != 2000 {
		t.Errorf("%+v", q)
	}
}

// TestLongestAnswer: what takes longest is a text that is as long as it may be.
func TestLongestAnswer(t *testing.T) {
	load := Load{PagesPerHour: 3600, PagesPerObject: 1, MaxTokens: 12_288}
	p := Make(load, 5, 32, 0) // 6.4 s a page
	if p.Longest != 0 || math.Abs(p.TokensInTime()-18.75) > 1e-9 {
		t.Errorf("with pages of unknown length: %v, %v average pages within OCR_TIMEOUT", p.Longest, p.TokensInTime())
	}
	load.PageTokens = 1024
	if p = Make(load, 5, 32, 0); p.Longest != 76_800*time.Millisecond || math.Abs(p.TokensInTime()-19_200) > 1e-9 {
		t.Errorf("%v, %v tokens within OCR_TIMEOUT", p.Longest, p.TokensInTime())
	}
}

// TestPace: a GPU has as many pages at once as let the longest be read in time, which is five times an average one.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		pagesPerSecond float64
		want           int
	}{
		{32.0 / 24, 32}, // 24 s with all places taken, of 120
		{32.0 / 24 * 0.99, 31},
		{0.5, 7}, // (n + 8) / 0.625 s
		{0.25, 0},
	} {
		p := Make(Load{PagesPerHour: 10, PagesPerObject: 1}, c.pagesPerSecond, 32, 0)
		if p.Paced != c.want || p.Holds != (c.want == 32) {
			t.Errorf("%v pages/s: %d pages at once, want %d: %+v", c.pagesPerSecond, p.Paced, c.want, p)
		}
	}
}

func TestRefused(t *testing.T) {
	for why, p := range map[string]Plan{
		"keep up": Make(Load{PagesPerHour: 36_000, PagesPerObject: 1}, 5, 32, 2),
		"burst":   Make(Load{Burst: 1_000_000, PagesPerObject: 1}, 5, 32, 1),
		"raise OCR_TIMEOUT, or set GPU_MAX_NUM_SEQS to 7 (either with ./deploy.sh all)":                                               Make(Load{PagesPerHour: 10, PagesPerObject: 1}, 0.5, 32, 0),
		"even a page alone takes more than a fifth of OCR_TIMEOUT, so the longest time out: raise OCR_TIMEOUT (with ./deploy.sh all)": Make(Load{PagesPerHour: 10, PagesPerObject: 1}, 0.25, 32, 0),
	} {
		if p.Holds || !strings.Contains(p.Why, why) {
			t.Errorf("%s: %+v", why, p)
		}
	}
}

// TestRate: with all places taken a GPU reads what it is said to; fewer pages never read faster, and none takes longer.
func TestRate(t *testing.T) {
	s := Setup{GPUMaxNumSeqs: 32, PagesPerSecond: 5}
	if math.Abs(s.Rate(32)-5) > 1e-9 {
		t.Error(s.Rate(32))
	}
	for n := 2.0; n <= 32; n++ {
		if s.Rate(n) <= s.Rate(n-1) || s.PageTime(n) <= s.PageTime(n-1) {
			t.Errorf("%v pages: %v/s, %v", n, s.Rate(n), s.PageTime(n))
		}
	}
}

func TestCosts(t *testing.T) {
	f, err := ReadFigures([]byte(`{"prices": [
		{"name": "firestoreWrites", "value": 0.5, "currency": "XTS", "date": "2026-01-01", "source": "made up for a test"},
		{"name": "firestoreReads", "value": null}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Costs(Quantities{Writes: 2000, Reads: 5}) {
		switch {
		case c.Name == "firestoreWrites":
			if c.Money == nil || *c.Money != 0.01 || c.Currency != "XTS" {
				t.Errorf("%+v", c)
			}
		case c.Money != nil:
			t.Errorf("a price from nowhere: %+v", c)
		}
	}
	if _, err := ReadFigures([]byte(`{"prices": [{"name": "gpuSecond", "value": 1}]}`)); err == nil {
		t.Error("a price without a source was taken")
	}
}

// TestTotal: there is a total only of costs that are all known, in one currency.
func TestTotal(t *testing.T) {
	one, two := 1.0, 2.0
	for name, c := range map[string]struct {
		costs []Cost
		known bool
	}{
		"all known":      {[]Cost{{Money: &one, Currency: "XTS"}, {Money: &two, Currency: "XTS"}}, true},
		"one not known":  {[]Cost{{Money: &one, Currency: "XTS"}, {}}, false},
		"two currencies": {[]Cost{{Money: &one, Currency: "XTS"}, {Money: &two, Currency: "XPT"}}, false},
	} {
		money, currency, known := Total(c.costs)
		if known != c.known || known && (money != 3 || currency != "XTS") {
			t.Errorf("%s: %v %s, %v", name, money, currency, known)
		}
	}
}

// TestFigures: every price that deploy/figures.json asks for is put to use, and nothing else is asked for.
func TestFigures(t *testing.T) {
	b, err := os.ReadFile("../../deploy/figures.json")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ReadFigures(b)
	if err != nil {
		t.Fatal(err)
	}
	costs := map[string]bool{}
	for _, c := range f.Costs(Quantities{}) {
		costs[c.Name] = true
	}
	for _, p := range f.Prices {
		if !costs[p.Name] {
			t.Errorf("nothing is reckoned with the price %s", p.Name)
		}
		delete(costs, p.Name)
	}
	if len(costs) > 0 {
		t.Errorf("figures.json has no place for %v", costs)
	}
	if s := f.Speed("nvidia-h100", "lightonai/LightOnOCR-2-1B"); s == nil || !s.Claim ||
		f.Speed("nvidia-l4", "lightonai/LightOnOCR-2-1B") != nil {
		t.Errorf("%+v", s)
	}
}
