// Package document is the domain: what is known of an object in a bucket, and the rules by which that changes.
// Everything else of the program works on its types; it needs the standard library alone.
//
// An object has one [Record], whatever its generation. [Rules] decide what an event, a fault or the end of an attempt
// makes of a record; they are pure functions. [Update] is the only way to write one: it applies such a function on
// condition that the record is unchanged, over any [Store]. The bucket is [Objects].
//
// Files, in reading order:
//
//	rules.go   what a delivery, a fault or the end of a generation makes of a record
//	retry.go   another try that a person asks for
//	reuse.go   text of objects with the same bytes
//	notice.go  ends that are announced
//	turn.go    what only one instance may do at a time
//	pass.go    how far a pass over a bucket has come
//	codes.go   error codes and warnings: their class, what they mean and what to do about them
//	update.go  the one way to write a record: compare and swap
//	list.go    going through records and objects
//	store.go   what a driver of the record store implements
//	text.go    the text of a record, in one piece or by page
//	json.go    records and pages as JSON
//	strikes.go what the pages of a record are suspected of
//	size.go    what pages take of a commit
//	record.go  the record and its pages
//	status.go  statuses of a record, outcomes of a delivery
//	object.go  objects, events, and what a driver of the bucket implements
package document
