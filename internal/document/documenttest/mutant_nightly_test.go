//go:build nightly

package documenttest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Every store with one fault fails the suite.
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

// mutants are faults of a store that the suite must find.
var mutants = []string{
	"lost update", "stale state", "create over", "conflict unnamed", "page of the refused", "page lost", "page order",
	"page unstamped", "continuation lost",
	"write id kept", "version kept", "read time missing", "read time of the write", "shared record", "stamp missing",
	"stamp of the caller", "stamp over carried time",
	"due lost", "due backwards", "due of the ended", "due without limit", "due exclusive", "due since ever",
	"any is reusable", "reusable for ever", "reusable without text", "clear all", "clear at most 500",
	"fields merged", "marker bare", "text cut", "bytes raw", "generation as float", "deaf to the context",
	"watch once", "watch swallows", "watch starts late",
	"drop lost", "drop of the refused", "list with text", "list of any status", "list first batch", "list swallows",
	"heads sorted", "tally of the done",
}
