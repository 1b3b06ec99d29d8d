// Package tier reports in which tier tests run. Tests that need an emulator, a browser or gcloud are in separate files,
// built with the tag integration, or nightly if they take long; see docs/testing.md. Their shared helpers call this
// package, so that a test in the wrong tier fails.
package tier

import "testing"

// NeedIntegration fails a test that was built without either tag.
func NeedIntegration(tb testing.TB, what string) {
	tb.Helper()
	if !Integration {
		tb.Fatalf("this test needs %s: it belongs in a file with the build tag integration or nightly", what)
	}
}
