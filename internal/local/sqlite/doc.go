// Package sqlite keeps the records of a local run in one SQLite database.
//
// Every change is one transaction, conditional on the state that it builds on, so any number of processes may work in
// the database at once. A killed process loses nothing that it had committed; a power cut may take the last commits,
// never their order and never the file. Events, records and pages are in the same file, so they are lost together: that
// is the same as a crash before those commits. A database of another program or of a newer bucketocr is refused, as is
// one with foreign triggers, views or virtual tables. A rollback journal beside it is never played back.
//
// Files, in reading order:
//
//	store.go     opening the database, writing records
//	read.go      reading, listing and watching records
//	search.go    the full-text index: updating and searching it
//	files.go     the noticed states of the bucket's files
//	database.go  schema, connections, queries
//	errors.go    classifying the database's errors
package sqlite
