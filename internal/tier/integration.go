//go:build integration

package tier

// Integration reports whether the tests were built with the tag integration.
const Integration = true
