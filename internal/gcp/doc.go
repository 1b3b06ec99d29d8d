// Package gcp holds what the drivers of Google's services share; each service has a package of its own below this one,
// and Google's clients are used there and nowhere else.
//
// Nothing touches the network when a driver is made: clients and credentials are made at the first call ([Lazy]), by
// one goroutine whatever the number of callers, and made again at the next call if that failed. A caller stops waiting
// when its context ends. What an error says of credentials is read here too ([CredentialsRefused], [Cause]), so that
// all drivers classify it alike.
//
// Files, in reading order:
//
//	lazy.go    a client made at its first use
//	errors.go  errors of Google's clients and credentials
package gcp
