//go:build !race

package pagetest

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// peaks returns the most bytes that this process has had in memory, and the largest of those that it started and that have ended.
func peaks(t *testing.T) (own, others int64, known bool) {
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
	return own << 10, usage.Maxrss << 10, true
}
