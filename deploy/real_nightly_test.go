//go:build nightly

package deploytest

import (
	"slices"
	"strings"
	"testing"
)

// TestRealGcloudIsCutOff: with the real gcloud, after three consecutive runs cut short, each at a later point, the next
// one completes the deployment.
func TestRealGcloudIsCutOff(t *testing.T) {
	need(t, "gcloud", "bash", "curl")
	t.Parallel()
	once := newGoogle(t)
	once.mustRun(t, once.env(t), "--no-smoke", "all")

	g := newGoogle(t)
	env := g.env(t)
	for _, n := range []int{5, 20, 21} { // in the image's part, among the indexes, at the alerts
		g.cut = n
		out := g.deploy(t, env, "--no-smoke", "all")
		if out.code == 0 || !strings.Contains(out.stderr, "cut off by the test") {
			t.Fatalf("exit %d after a cut\n%s", out.code, out.stderr)
		}
	}
	g.cut = -1
	g.mustRun(t, env, "--no-smoke", "all")
	if got, want := sorted(g.changes), sorted(once.changes); !slices.Equal(got, want) {
		t.Errorf("one run made %s\nfour runs made %s", want, got)
	}
}
