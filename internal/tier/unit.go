//go:build !integration && !nightly

package tier

// Integration reports whether the tests were built with the tag integration, or with nightly, whose tests may need the
// same.
const Integration = false
