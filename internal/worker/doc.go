// Package worker is the straight line from an event to a finished document, and its rules.
//
// The line is [Worker.Process]: claim, open, split, extract, complete or fail or release. The rules are pure functions
// over one [document.Record] (transition.go) and one table that turns an error into a fault (fault.go); nothing else decides.
// The outside is three interfaces: [document.Objects] (the bucket), [document.Store] (the documents) and [Extractor] (the OCR service).
// Drivers of the first two live in internal/gcp and internal/local; both stores pass the suite in pipelinetest, so the
// rules hold over either.
//
// Time comes from package time alone and ids from [Options.NewID], so tests run under testing/synctest with chosen ids.
package worker
