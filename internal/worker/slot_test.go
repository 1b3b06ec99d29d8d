package worker

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
)

// TestSlotsNeverWaitForEachOther: a slot that waits for more memory holds none.
func TestSlotsNeverWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := New(Options{MemoryBudget: 8 << 20})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 4 {
			s, err := w.admit(t.Context(), 1<<20) // a fourth
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				defer s.release()
				if err := s.Acquire(context.Background(), 7<<20); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if !w.admission.memory.TryAcquire(8<<20) || !w.admission.instance.TryAcquire(wholeInstance) {
			t.Error("not all is given back")
		}
	})
}
