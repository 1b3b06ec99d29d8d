//go:build !linux

package page

import "time"

// threadTime is not available.
func threadTime() (time.Duration, bool) { return 0, false }
