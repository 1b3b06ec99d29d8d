package sandbox

import (
	"os"
	"runtime"
	"sync"
	"time"
)

// watcher kills a process that exceeds the limits of a call. Mainly processor time counts: on a busy machine a harmless
// file may take long by the clock. But clock time is bounded, too, so that no caller waits forever.
type watcher struct {
	process *os.Process
	limits  Limits
	begun   time.Time
	used    time.Duration // processor time of the process before the call

	mu    sync.Mutex
	timer *time.Timer
	ended bool  // the call has ended, or the process was killed
	why   error // reason for killing it
}

// leastCheck is the least time between two checks of a process.
const leastCheck = 10 * time.Millisecond

func watch(p *os.Process, l Limits) *watcher {
	w := &watcher{process: p, limits: l, begun: time.Now()}
	used, known := processorTime(p)
	if w.used = used; !known && l.Processor > 0 {
		w.limits.Clock = l.Processor
		w.limits.Processor = 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.again()
	return w
}

// check kills the process if it has exceeded a limit, else schedules the next check.
func (w *watcher) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended && !w.again() {
		w.end(ErrSlow)
	}
}

// again sets the timer for the earliest time at which the process can exceed a limit. It reports false if it already
// has.
func (w *watcher) again() bool {
	next := time.Duration(1<<63 - 1)
	if w.limits.Clock > 0 {
		next = w.limits.Clock - time.Since(w.begun)
	}
	if w.limits.Processor > 0 {
		used, _ := processorTime(w.process)
		left := w.limits.Processor - (used - w.used)
		if left > 0 {
			left = max(left/time.Duration(runtime.NumCPU()), leastCheck)
		}
		next = min(next, left)
	}
	if next <= 0 {
		return false
	}
	w.timer = time.AfterFunc(next, w.check)
	return true
}

// kill kills the process for another reason.
func (w *watcher) kill(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.end(why)
	}
}

func (w *watcher) end(why error) {
	w.ended, w.why = true, why
	_ = w.process.Kill()
}

// stop ends the watch and returns the reason why the process was killed, or nil.
func (w *watcher) stop() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
	return w.why
}
