// Package document is the domain: the record of an object in a bucket, and the rules for changing it. The rest of the
// program works on its types; it needs only the standard library.
//
// An object has one [Record], whatever its generation. [Rules] are pure functions that compute a record's next state
// after an event, a fault or the end of an attempt. [Update] is the only way to write a record: it applies such a
// function on condition that the record is unchanged, in any [Store]. The bucket is [Objects].
//
// Files, in reading order:
//
//	rules.go   a record's next state after a delivery, a fault or the end of a generation
//	retry.go   retries that an operator requests
//	reuse.go   reusing text for objects with the same bytes
//	notice.go  announcing ends
//	turn.go    turns, for work that only one instance may do at a time
//	pass.go    the progress of a pass over a bucket
//	codes.go   error codes and warnings: their class, meaning and remedy
//	update.go  the one way to write a record: compare and swap
//	list.go    listing records and objects
//	store.go   the interface of a record store's driver
//	text.go    the text of a record, in one piece or by page
//	json.go    records and pages as JSON
//	strikes.go suspicions against the pages of a record
//	size.go    the size of pages in a commit
//	record.go  the record and its pages
//	status.go  statuses of a record, outcomes of a delivery
//	object.go  objects, events, and the interface of a bucket's driver
package document
