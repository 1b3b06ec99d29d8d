//go:build integration

package docs

import "testing"

// TestReadingOrderOfOtherModules: the same for modules that a test of the main one need not download.
func TestReadingOrderOfOtherModules(t *testing.T) {
	t.Parallel()
	for _, module := range []string{"../bench", "../localocr"} {
		t.Run(module[3:], func(t *testing.T) { readingOrder(t, module) })
	}
}
