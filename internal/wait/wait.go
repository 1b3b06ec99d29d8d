// Package wait has the context-aware sleep that drivers and commands share.
package wait

import (
	"context"
	"time"
)

// Sleep waits for d and returns nil, or returns ctx's error as soon as ctx has ended.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
