package app

import "testing"

// TestMemoryIsDivided: this process has room for the whole budget, and leaves the decoders' process its own share if
// there is enough memory, and in small instances at least half.
func TestMemoryIsDivided(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, c := range []struct{ memory, budget, own, decoders int64 }{ // MiB
		{256, 128, 192, 256},
		{512, 256, 320, 512},
		{512, 16, 256, 512},
		{512, 512, 460, 512}, // MEMORY_BUDGET may be the whole memory
		{1024, 512, 576, 1024},
		{2048, 1024, 1443, 1536},
		{4096, 2048, 3286, 2560},
		{4096, 256, 3286, 768},
	} {
		own, decoders := memoryLimits(c.memory*mib, c.budget*mib)
		if own/mib != c.own || decoders/mib != c.decoders {
			t.Errorf("%d MiB, of which %d for pictures: %d and %d, want %d and %d", c.memory, c.budget, own/mib,
				decoders/mib, c.own, c.decoders)
		}
	}
}
