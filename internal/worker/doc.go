// Package worker takes an event to its end: a finished document.
//
// The line is deliver, in process.go: admit, claim, read pages, settle. It decides nothing itself: the rules are pure
// functions of package document, and one table turns an error into a fault. The outside is three interfaces:
// [document.Objects] (the bucket), [document.Store] (the records) and [Extractor] (the OCR service).
//
// Files, in reading order:
//
//	process.go    the line: one event, from its arrival to its outcome
//	reconcile.go  the line for what lost events left
//	sweep.go      the line for records that no delivery is working on
//	rereading.go  a finished document that is read again
//	remove.go     the line for a generation that left the bucket
//	claim.go      taking the record
//	pages.go      making and reading the pages of an object: a few at a time, then each that failed alone
//	reuse.go      text of another object with the same bytes
//	view.go       what the OCR client may see of a page whose answer is in doubt: the page decoded, and turned
//	turn.go       the turn of one suspect page at a time, over all instances
//	delivery.go   a claimed record: keeping its lease, saving pages, what counts against them, the closing write
//	control.go    sending a page, and the control page that tells whose fault a failure was
//	announce.go   ends that are announced
//	pace.go       how many pages this instance has at the OCR service
//	limit.go      the rule by which that follows the service
//	admission.go  how much one instance works on at once
//	worker.go     what a worker is made of; its times, and its shutdown
//	clock.go      the record store's time
//	telemetry.go  spans and metrics
//	result.go     what became of a delivery or a sweep, and its one log line
//	padding.go    the control page in the size of another page
//	faults.go     what an error means, and what to do about it
//
// Time comes from package time alone and ids from [Options.NewID], so tests run under testing/synctest with chosen ids.
package worker
