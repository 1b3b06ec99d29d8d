// Package storage is the driver for Cloud Storage: it reads, describes and lists objects.
//
// It reads exactly one generation, its bytes as stored, and checks the CRC32C before it returns the last byte, so a
// damaged object is never read to its end without an error. Calls are repeated while Cloud Storage is busy; a body that
// breaks off is not resumed. An object that passes through takes half a MiB of memory, however large it is.
//
// It uses google.golang.org/api/storage/v1 instead of cloud.google.com/go/storage: with it the function's binary is
// half as large and starts twice as fast, and the two calls needed are two small functions. Its media download returns
// the bytes of the answer unchanged, so the checksum is checked here and tested against damage of every kind.
//
// Files, in reading order:
//
//	storage.go   the calls
//	content.go   bytes and their checksum
//	client.go    Google's client
//	patience.go  how long an answer may take
//	errors.go    classifying the service's errors
package storage
