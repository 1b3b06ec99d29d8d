// Package tier says in which tier tests run. Tests that need an emulator, a browser or gcloud are in files of their
// own, built with the tag integration, or nightly where they take long; see docs/testing.md. What they share asks here,
// so that a test in the wrong tier fails.
package tier

import "testing"

// NeedIntegration fails a test that was built with neither tag.
func NeedIntegration(tb testing.TB, what string) {
	tb.Helper()
	if !Integration {
		tb.Fatalf("this test needs %s: it belongs in a file with the build tag integration or nightly", what)
	}
}
