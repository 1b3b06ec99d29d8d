//go:build nightly

package documenttest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Every store that does one thing wrong fails the suite.
func TestSuiteCatches(t *testing.T) {
	if os.Getenv(faultEnv) != "" {
		t.Skip("this is a mutant's own run")
	}
	for _, fault := range mutants {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMemory$")
			cmd.Env = append(os.Environ(), faultEnv+"="+fault)
			out, err := cmd.CombinedOutput()
			switch {
			case err == nil:
				t.Errorf("the suite passes a store with this fault:\n%s", out)
			case !strings.Contains(string(out), "--- FAIL: TestMemory/"), strings.Contains(string(out), "panic:"):
				t.Errorf("the suite does not say which test failed:\n%s", out)
			}
		})
	}
}
