//go:build !linux

package sandbox

import (
	"os"
	"time"
)

// processorTime is not available.
func processorTime(*os.Process) (time.Duration, bool) { return 0, false }

// limitData does nothing: only Go's own limit applies.
func limitData(int64) error { return nil }
