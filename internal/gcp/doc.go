// Package gcp holds code that the drivers for Google's services share. Each service has its own package below this one,
// and Google's clients are used only there.
//
// Making a driver does not touch the network: clients and credentials are made at the first call ([Lazy]), by one
// goroutine for all callers, and again at the next call if that failed. A caller stops waiting when its context ends.
// Errors about credentials are classified here, too ([CredentialsRefused], [Cause]), so that all drivers agree on them.
//
// Files, in reading order:
//
//	lazy.go    making a client at its first use
//	errors.go  errors of Google's clients and credentials
package gcp
