package documenttest

import (
	"os"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// faultEnv names the mutant to run the suite on, in a separate process: a suite cannot fail inside a test that passes.
const faultEnv = "DOCUMENTTEST_FAULT"

func TestMemory(t *testing.T) {
	if fault := os.Getenv(faultEnv); fault != "" {
		// A mutant that hangs counts as found, too, and is not waited for.
		run(t, func(*testing.T) document.Store { return &mutant{Memory: NewMemory(), fault: fault} }, 3*time.Second)
		return
	}
	Records(t, func(*testing.T) document.Store { return NewMemory() })
}

// The store has its own clock, so that a test can make it differ from the caller's.
func TestMemoryHasItsOwnClock(t *testing.T) {
	m := NewMemory()
	m.Now = func() time.Time { return at(60) }
	stored := mustCreate(t, t.Context(), m, claimed("elsewhere"))
	got := mustGet(t, t.Context(), m, stored.Object().ID())
	for what, got := range map[string]time.Time{
		"the commit": stored.ReadAt, "the read": got.ReadAt, "updated": stored.Updated, "created": got.Created,
	} {
		if !got.Equal(at(60)) {
			t.Errorf("%s is at %v, want the store's time", what, got)
		}
	}
}

func TestTextHoldsExactlyTheBytesAskedFor(t *testing.T) {
	for _, n := range []int{0, 1, 13, 14, document.MaxTextBytes} {
		if got := len(text(n)); got != n {
			t.Errorf("len(text(%d)) = %d", n, got)
		}
	}
}
