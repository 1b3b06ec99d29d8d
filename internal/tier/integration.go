//go:build integration || nightly

package tier

// Integration reports whether the tests were built with the tag integration, or with nightly, whose tests have the same
// needs.
const Integration = true
