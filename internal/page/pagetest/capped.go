package pagetest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// capped tells a test program that it is the process whose memory counts.
const capped = "PAGETEST_CAPPED"

// Capped calls f in a process of its own, a second run of the test program with this test alone, whose garbage collector has
// nine tenths of limit, as in the function. The test fails if the most memory that this process has had at any time, and the
// most that one of those had that it started, are together over limit. f starts one process at a time, and end ends it. The
// kernel of Linux keeps both marks, so that no peak is too short to be seen, and no privilege is needed. Elsewhere, and under the
// race detector, which takes many times as much, f runs but its memory is not looked at.
func Capped(t *testing.T, limit int64, f, end func()) {
	t.Helper()
	if os.Getenv(capped) != "" {
		f()
		end()
		own, others, known := peaks(t)
		if !known {
			t.Log("NOT TESTED: how much memory it takes")
			return
		}
		t.Logf("at most %d MiB, and %d MiB in a process that it started", own>>20, others>>20)
		if own+others > limit {
			t.Errorf("that is more than %d MiB", limit>>20)
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), capped+"=1", fmt.Sprintf("GOMEMLIMIT=%d", limit/10*9))
	out, err := cmd.CombinedOutput()
	if t.Logf("%s", out); err != nil {
		t.Error(err)
	}
}
