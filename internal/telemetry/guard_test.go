package telemetry

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestFailingCollectorIsLeftAlone: after a failure no request is made for a while; failure and recovery are logged
// once.
func TestFailingCollectorIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		g := &guard{what: "spans", log: slog.New(slog.NewTextHandler(&out, nil))}
		var failure error
		asked := 0
		export := func() error { asked++; return failure }
		for _, step := range []struct {
			failure error
			after   time.Duration
			asked   int
			lines   int
		}{
			{nil, 0, 1, 0},
			{errors.New("down"), 0, 2, 1},
			{errors.New("down"), pauseTime - 1, 2, 1},
			{errors.New("down"), 1, 3, 1},
			{nil, pauseTime, 4, 2},
			{nil, 0, 5, 2},
			{errors.New(strings.Repeat("x", 5000)), 0, 6, 3},
		} {
			time.Sleep(step.after)
			failure = step.failure
			if err := g.do(export); err != nil {
				t.Error(err)
			}
			if lines := strings.Count(out.String(), "\n"); asked != step.asked || lines != step.lines {
				t.Errorf("%+v: asked %d times, %d lines", step, asked, lines)
			}
		}
		if out.Len() > 1000 {
			t.Errorf("the log got %d bytes", out.Len())
		}
	})
}

// TestRequestsFlushWithinMeasure: metrics are flushed at intervals only, and after a flush that hung there is none for
// a while.
func TestRequestsFlushWithinMeasure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := new(Telemetry)
		for _, step := range []struct {
			after        time.Duration
			all, metrics bool
		}{
			{0, true, true}, {1, true, false}, {metricsEvery - 2, true, false}, {1, true, true}, {0, true, false},
		} {
			time.Sleep(step.after)
			if all, metrics := f.due(time.Now()); all != step.all || metrics != step.metrics {
				t.Errorf("%+v: %v %v", step, all, metrics)
			}
		}
		f.pauseFlushes()
		time.Sleep(pauseTime - 1)
		if all, metrics := f.due(time.Now()); all || metrics {
			t.Error("flushed in the pause")
		}
		time.Sleep(time.Nanosecond)
		if all, metrics := f.due(time.Now()); !all || !metrics {
			t.Error("not flushed after the pause")
		}
	})
}
