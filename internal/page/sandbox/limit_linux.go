package sandbox

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime returns the processor time that a process has used, of all its threads.
func processorTime(p *os.Process) (time.Duration, bool) {
	clock := int32(^p.Pid<<3 | 2) // as clock_getcpuclockid(3) makes it: CPUCLOCK_SCHED of a process
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}

// limitData bounds the writable memory of this process, mapped by Go's heap, by WebAssembly or for stacks. Go ends a
// process that is refused memory. It cannot be raised again. The kernel is asked to end this process rather than its
// parent, too, where all memory is used up.
func limitData(most int64) error {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: uint64(most), Max: uint64(most)})
}
