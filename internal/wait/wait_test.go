package wait_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/wait"
)

func TestSleepEndsAtItsTimeOrWithItsContext(t *testing.T) {
	for name, c := range map[string]struct {
		limit, d, want time.Duration
		err            error
	}{
		"in full":                     {time.Hour, time.Second, time.Second, nil},
		"not at all":                  {time.Hour, 0, 0, nil},
		"negative":                    {time.Hour, -time.Second, 0, nil},
		"until the context ends":      {time.Second, time.Hour, time.Second, context.DeadlineExceeded},
		"on an ended context":         {0, time.Hour, 0, context.DeadlineExceeded},
		"not at all, on an ended one": {0, 0, 0, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), c.limit)
				defer cancel()
				begin := time.Now()
				err := wait.Sleep(ctx, c.d)
				if took := time.Since(begin); !errors.Is(err, c.err) || took != c.want {
					t.Errorf("Sleep = %v after %v, want %v after %v", err, took, c.err, c.want)
				}
			})
		})
	}
}
