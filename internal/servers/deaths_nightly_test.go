//go:build nightly

package servers

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestRealDeaths: vLLM ends as in the table of deaths, like the stand-in.
func TestRealDeaths(t *testing.T) {
	for _, death := range deaths {
		t.Run(death.name, func(t *testing.T) {
			vllm := startVLLM(t, append([]string{"--max-num-seqs", "2"}, death.flags...)...)
			vllm.await(t, "/health")
			die := func() { vllm.die(t, death.name) }
			dead := func() { vllm.killedAfter(10 * time.Second) }
			got := seen(t, vllm.url, func(pages int) { vllm.reading(t, float64(pages)) }, die, dead)
			t.Logf("%+v", got)
			if !slices.Contains(death.want, got) {
				t.Errorf("%+v, not %+v", got, death.want)
			}
		})
	}
}

// killedAfter kills a server that was told to stop, like Cloud Run, if it has not ended by itself.
func (p *process) killedAfter(d time.Duration) {
	select {
	case <-p.exited:
	case <-time.After(d):
	}
	p.end()
}

// die ends the server in one of the ways of deaths. If its port closes, die returns once it has closed.
func (p *process) die(t *testing.T, way string) {
	t.Helper()
	switch way {
	case "SIGKILL":
		p.end()
		return
	case "death of the engine":
		engine, err := p.engine()
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(engine, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	default:
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	if way != "SIGTERM with time" {
		p.closed(t)
	}
}
