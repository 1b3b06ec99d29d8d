package page

import "testing"

// TestLimitsAreInReadableUnits: messages about limits use megapixels and MiB.
func TestLimitsAreInReadableUnits(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{60_000_000: "60 megapixels", 60_000_001: "60.1 megapixels",
		12_192_768:    "12.2 megapixels",
		1_000_000_000: "1000 megapixels", 99_999: "99999 pixels", 100_000: "0.1 megapixels"} {
		if got := formatPixels(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{64 << 20: "64 MiB", 1 << 10: "1 KiB", 1_000_000: "1000000 bytes"} {
		if got := bytesOf(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
