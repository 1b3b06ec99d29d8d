//go:build !linux

package sandbox

import (
	"os"
	"time"
)

// processorTime is not available.
func processorTime(*os.Process) (time.Duration, bool) { return 0, false }

// limitData cannot be done: what remains is Go's own limit.
func limitData(int64) error { return nil }
