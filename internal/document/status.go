package document

import "slices"

// Status is the state of an object's processing. Listeners react to it.
type Status string

// The statuses of a document.
const (
	StatusProcessing Status = "processing" // leased: a worker works on it
	StatusRetrying   Status = "retrying"   // not finished; a redelivery or the sweep will continue
	StatusDone       Status = "done"
	StatusFailed     Status = "failed" // with an error that says why
	StatusDeleted    Status = "deleted"
)

// Statuses returns all statuses, in the order in which a document goes through them.
func Statuses() []Status {
	return []Status{StatusProcessing, StatusRetrying, StatusDone, StatusFailed, StatusDeleted}
}

// Ended reports whether a generation in this status changes only on request.
func (s Status) Ended() bool { return s == StatusDone || s == StatusFailed || s == StatusDeleted }

// Outcome is the result of one delivery.
type Outcome string

// The outcomes.
const (
	OutcomeDone       Outcome = "done"
	OutcomeFailed     Outcome = "failed"
	OutcomeDuplicate  Outcome = "duplicate"
	OutcomeSuperseded Outcome = "superseded"
	OutcomeBusy       Outcome = "busy"
	OutcomeFiltered   Outcome = "filtered"
	OutcomeDeleted    Outcome = "deleted"
	OutcomeRetry      Outcome = "retry"
)

// OutcomeInfo is a row of the table of outcomes.
type OutcomeInfo struct {
	Outcome Outcome
	Refused bool // the event must be delivered again
	Summary string
}

// Outcomes returns the table of outcomes. An acknowledged message is never delivered again, so a delivery that finds
// the object leased elsewhere is refused, too: that worker may crash.
func Outcomes() []OutcomeInfo {
	return []OutcomeInfo{
		{OutcomeDone, false, "text and status are written; or a sweep is over"},
		{OutcomeFailed, false, "the document says why"},
		{OutcomeDuplicate, false, "this generation has ended before"},
		{OutcomeSuperseded, false, "a newer generation is known"},
		{OutcomeFiltered, false,
			"ignored: a folder placeholder, a junk file, excluded, no image by type and name, an event of another type"},
		{OutcomeDeleted, false, "the document was erased (`ON_DELETE=erase`)"},
		{OutcomeBusy, true, "another worker holds the lease; not acknowledged, because that worker may crash"},
		{OutcomeRetry, true,
			"not finished; the document says why, or the log where the event could not be decoded or the store did not answer"},
	}
}

// Known reports whether o is one of the outcomes.
func (o Outcome) Known() bool {
	return slices.ContainsFunc(Outcomes(), func(i OutcomeInfo) bool { return i.Outcome == o })
}

// Refused reports whether the event must be delivered again.
func (o Outcome) Refused() bool { return o == OutcomeBusy || o == OutcomeRetry }
