// Package storage is the driver of Cloud Storage: it reads, describes and lists objects.
//
// A generation is read exactly, as its bytes are stored, and its CRC32C is checked before the last byte is handed out,
// so no damaged object is ever taken for read. Busy answers are repeated; a body that breaks off is not. An object that
// passes through takes half a MiB of memory, however large it is.
//
// It uses google.golang.org/api/storage/v1 instead of cloud.google.com/go/storage: with it the function's binary and
// its start are half the size, and the two calls that we need are two small functions. Its media download returns the
// very bytes of the answer, so the checksum is checked here and tested against damage of every kind.
//
// Files, in reading order:
//
//	storage.go   the calls
//	content.go   bytes and their checksum
//	client.go    Google's client
//	patience.go  how long an answer may take
//	errors.go    what an error of the service means
package storage
