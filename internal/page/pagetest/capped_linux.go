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

// Apart reports whether Capped runs the test in a separate process.
const Apart = true

// capped is the variable that tells a test program that its memory is measured.
const capped = "PAGETEST_CAPPED"

// Capped calls f in a separate process: a second run of the test program with only this test, and GOMEMLIMIT at nine
// tenths of limit, as in the function. The test fails if the peak memory of that process and the largest peak of its
// child processes add up to more than limit. The kernel records both peaks, so even the shortest one counts. f must run
// one child at a time; end must end it.
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

// peaks returns the peak memory of this process, and the largest one of its ended children, in bytes.
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
