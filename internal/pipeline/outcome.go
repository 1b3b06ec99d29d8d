package pipeline

// Outcome is what became of one delivery.
type Outcome string

// The outcomes.
const (
	OutDone       Outcome = "done"
	OutFailed     Outcome = "failed"
	OutDuplicate  Outcome = "duplicate"  // this generation has ended before
	OutSuperseded Outcome = "superseded" // a newer generation is known
	OutBusy       Outcome = "busy"       // leased elsewhere
	OutFiltered   Outcome = "filtered"
	OutDeleted    Outcome = "deleted"
	OutRetry      Outcome = "retry"
)

// Refused tells whether the delivery must come again. An acknowledged message is gone for good, so a delivery that found
// the object leased elsewhere is refused too: the holder may die.
func (o Outcome) Refused() bool { return o == OutBusy || o == OutRetry }

// Outcomes are all there are.
func Outcomes() []Outcome {
	return []Outcome{OutDone, OutFailed, OutDuplicate, OutSuperseded, OutBusy, OutFiltered, OutDeleted, OutRetry}
}
