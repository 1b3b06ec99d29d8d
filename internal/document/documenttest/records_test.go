package documenttest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// faultEnv names the mutant to run the suite over, in a process of its own: a suite cannot fail inside a test that passes.
const faultEnv = "DOCUMENTTEST_FAULT"

func TestMemory(t *testing.T) {
	if fault := os.Getenv(faultEnv); fault != "" {
		// A mutant that hangs is found out as well, and need not be waited for.
		run(t, func(*testing.T) document.Store { return &mutant{NewMemory(), fault} }, 3*time.Second)
		return
	}
	Records(t, func(*testing.T) document.Store { return NewMemory() })
}

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

func TestTextHoldsExactlyTheBytesAskedFor(t *testing.T) {
	for _, n := range []int{0, 1, 13, 14, document.MaxTextBytes} {
		if got := len(text(n)); got != n {
			t.Errorf("len(text(%d)) = %d", n, got)
		}
	}
}
