//go:build nightly

package deploytest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// waits are a first run's reasons for waiting, by the platform's delay (fakegcloud/reality.go).
var waits = []struct{ name, reason string }{
	{"late-apis", "an API that was just enabled"},
	{"late-accounts", "a new account to be propagated"},
	{"late-builders", "new grants to take effect"},
	{"late-indexes", "another change to finish"},
	{"late-metrics", "a new metric"},
	{"late-agents", "a service's own account"},
	{"late-database", "the platform"},
	{"late-answers", "the platform"},
	{"late-lists", ""}, // nothing to wait for
	{"late-subscription", "the subscription of bucketocr-finalized"},
	{"late-trigger", "uploading again"},
}

// TestEachDelay: the same as TestFirstMinutesOfEverything, but with one delay at a time.
func TestEachDelay(t *testing.T) {
	need(t, "bash")
	_, want := newFake(t).command(t, nil, "all")
	for _, w := range waits {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			if out := newFake(t).first(t, want, "FAKE_REAL="+w.name); !strings.Contains(out.stderr, w.reason) {
				t.Errorf("it does not say that it waits for %q: %s", w.reason, out.stderr)
			}
		})
	}
}

// TestEveryCut: wherever a run is cut short, on a platform that propagates everything late, the next one creates
// exactly what is missing, and the one after changes nothing; or destroy removes everything.
func TestEveryCut(t *testing.T) {
	need(t, "bash")
	whole := newFake(t)
	const late = "FAKE_REAL=delays"
	out, want := whole.run(t, late)
	if out.code != 0 {
		t.Fatalf("exit %d: %s", out.code, out.stderr)
	}
	if out, again := whole.run(t, late); out.code != 0 || len(again) > 0 {
		t.Fatalf("exit %d; the second run changed %v\n%s", out.code, again, out.stderr)
	}
	if len(want) < 45 {
		t.Fatalf("only %d changes: %v", len(want), want)
	}
	for n := range want {
		for _, lost := range []string{"", "yes"} {
			if lost != "" && n%4 != 1 { // a lost answer costs as much again and differs little from a cut after it
				continue
			}
			t.Run(fmt.Sprintf("after %d lost=%v", n, lost != ""), func(t *testing.T) {
				t.Parallel()
				f := newFake(t)
				out, first := f.run(t, late, fmt.Sprintf("FAKE_CUT=%d", n), "FAKE_LOST="+lost)
				if out.code == 0 || len(first) != n {
					t.Fatalf("exit %d after %d changes, cut after %d\n%s", out.code, len(first), n, out.stderr)
				}
				if n%3 == 0 {
					f.destroyed(t, late)
					return
				}
				out, rest := f.run(t, late)
				if out.code != 0 {
					t.Fatalf("exit %d: %s", out.code, out.stderr)
				}
				if got := append(first, rest...); !slices.Equal(got, want) {
					t.Errorf("together they made\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			})
		}
	}
}
