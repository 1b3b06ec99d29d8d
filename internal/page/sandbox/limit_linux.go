package sandbox

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime returns the processor time that all threads of a process have used.
func processorTime(p *os.Process) (time.Duration, bool) {
	clock := int32(^p.Pid<<3 | 2) // CPUCLOCK_SCHED of a process, as in clock_getcpuclockid(3)
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}

// limitData bounds the writable memory of this process: Go's heap, WebAssembly's memory and stacks. The Go runtime
// exits when it is refused memory. The limit cannot be raised again. limitData also asks the kernel to kill this
// process rather than its parent when the system runs out of memory.
func limitData(most int64) error {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	return unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: uint64(most), Max: uint64(most)})
}
