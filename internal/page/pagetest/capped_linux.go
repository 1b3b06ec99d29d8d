//go:build !race

package pagetest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Apart says whether Capped uses a process of its own.
const Apart = true

// capped tells a test program that it is the process whose memory counts.
const capped = "PAGETEST_CAPPED"

// Capped calls f in a process of its own, a second run of the test program with this test alone, whose garbage
// collector has nine tenths of limit, as in the function. The test fails if the most memory that this process has had
// at any time, and the most that one of those had that it started, are together over limit. The kernel keeps both
// marks, so that no peak is too short to be seen, and no privilege is needed. f starts one process at a time, and end
// ends it.
func Capped(t *testing.T, limit int64, f, end func()) {
	t.Helper()
	if os.Getenv(capped) != "" {
		f()
		end()
		own, others := peaks(t)
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

// peaks returns the most bytes that this process has had in memory, and the largest of those that it started and that
// have ended.
func peaks(t *testing.T) (own, others int64) {
	t.Helper()
	status, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if kib, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			_, err = fmt.Sscan(kib, &own)
		}
	}
	var usage unix.Rusage
	if err != nil || own == 0 || unix.Getrusage(unix.RUSAGE_CHILDREN, &usage) != nil {
		t.Fatal("the kernel does not tell how much memory was used:", err)
	}
	return own << 10, usage.Maxrss << 10
}
