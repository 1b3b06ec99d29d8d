package document

// Outcome is what became of one delivery.
type Outcome string

// The outcomes.
const (
	OutcomeDone       Outcome = "done"
	OutcomeFailed     Outcome = "failed"
	OutcomeDuplicate  Outcome = "duplicate"  // this generation has ended before
	OutcomeSuperseded Outcome = "superseded" // a newer generation is known
	OutcomeBusy       Outcome = "busy"       // leased elsewhere
	OutcomeFiltered   Outcome = "filtered"
	OutcomeDeleted    Outcome = "deleted"
	OutcomeRetry      Outcome = "retry"
)

// Refused tells whether the delivery must come again. An acknowledged message is gone for good, so a delivery that found
// the object leased elsewhere is refused too: the holder may die.
func (o Outcome) Refused() bool { return o == OutcomeBusy || o == OutcomeRetry }

// Outcomes are all there are.
func Outcomes() []Outcome {
	return []Outcome{OutcomeDone, OutcomeFailed, OutcomeDuplicate, OutcomeSuperseded, OutcomeBusy, OutcomeFiltered, OutcomeDeleted, OutcomeRetry}
}
