// Package firestore is the driver of Firestore: a record is a document, and its pages are the documents of a collection
// below it.
//
// A record is written whole, together with its pages, on condition that it is unchanged since it was read. Every method
// says what it costs in reads and writes, every query which index it needs.
//
// It uses the generated client (cloud.google.com/go/firestore/apiv1) instead of the friendlier one above it, which
// cannot replace a whole document on condition of its update time together with other documents, and does not tell the
// times that the server set; [Store.Commit] needs both. That is also why there is a codec here, the only place that
// knows a field of the document by name.
//
// Files, in reading order:
//
//	store.go   reading and writing records and pages
//	list.go    records of a kind, counts
//	watch.go   the stream of changes
//	query.go   queries and streams
//	codec.go   records and pages as documents
//	conn.go    Google's client
//	errors.go  what an error of the service means
package firestore
