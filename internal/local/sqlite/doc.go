// Package sqlite keeps the records of a local run in one SQLite database.
//
// Every change is one transaction, conditional on the state that it builds on, so any number of processes may work in
// the database at once. A killed process loses nothing that it had committed; a power cut may take the last commits,
// never their order and never the file. Events, records and pages lie in the same file, so what is lost is lost
// together: that is the same as a crash before those commits. A database of another program or of a newer bucketocr is
// refused, and so is one with triggers, views or virtual tables of others. A rollback journal beside it is never played
// back.
//
// Files, in reading order:
//
//	store.go     the records: opening, writing
//	read.go      reading, listing and watching them
//	search.go    the full-text index: kept with the records, searched
//	files.go     what is known of the bucket's files
//	database.go  schema, connections, queries
//	errors.go    what an error of the database means
package sqlite
