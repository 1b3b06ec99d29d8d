// Package worker processes an event until its document is finished.
//
// The function deliver, in process.go, has the steps: admit, claim, read pages, settle. It makes no decisions of its
// own: the rules are pure functions in package document, and one table maps errors to faults. The package talks to the
// outside through three interfaces: [document.Objects] (the bucket), [document.Store] (the records) and [Extractor]
// (the OCR service).
//
// Files, in reading order:
//
//	process.go    one event, from its arrival to its outcome
//	reconcile.go  events made up for objects and documents that lost events left behind
//	sweep.go      redelivery of records that no delivery is working on
//	rereading.go  reading a finished document again
//	remove.go     a generation that was deleted from the bucket
//	claim.go      claiming the record
//	pages.go      making and reading an object's pages: a few at a time, then each failed page alone
//	reuse.go      copying the text of another object with the same bytes
//	view.go       other versions of a page whose answer is in doubt, for the OCR client: decoded, turned
//	turn.go       one suspect page at a time across all instances
//	delivery.go   a claimed record: keeping its lease, saving pages, strikes, the closing write
//	control.go    sending a page, and the control page that shows whether page or service caused a failure
//	announce.go   announcing the ends of documents
//	pace.go       limiting the pages that this instance has at the OCR service
//	limit.go      adapting that limit to the service's answers
//	admission.go  limiting how much one instance works on at once
//	worker.go     a worker's options, time limits and shutdown
//	clock.go      estimating the record store's time
//	telemetry.go  spans and metrics
//	result.go     the outcome of a delivery, sweep or reconciliation, and its one log line
//	padding.go    the control page padded to the size of another page
//	faults.go     the code, class and advice for an error
//
// All waits use package time, and ids are from [Options.NewID], so tests run under testing/synctest with chosen ids.
package worker
