// Package firestore is the driver for Firestore: a record is a document, and its pages are the documents of a
// collection below it.
//
// A record is written whole, together with its pages, on condition that it is unchanged since it was read. The methods'
// comments give the cost in reads and writes, and the index that each query needs.
//
// It uses the generated client (cloud.google.com/go/firestore/apiv1) instead of the friendlier one above it, because
// that cannot replace a whole document on condition of its update time together with other documents, and does not
// return the times that the server set; [Store.Commit] needs both. That is also why there is a codec here, the only
// place that knows the document's fields by name.
//
// Files, in reading order:
//
//	store.go   reading and writing records and pages
//	list.go    listing and counting records
//	watch.go   the stream of changes
//	query.go   queries and streams
//	codec.go   records and pages as documents
//	conn.go    Google's client
//	errors.go  classifying the service's errors
package firestore
