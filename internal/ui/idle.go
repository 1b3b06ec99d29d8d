package ui

import (
	"fmt"
	"sync"
	"time"
)

// idleFor is how long an answer holds.
const idleFor = 3 * time.Second

// idleness finds out why nothing reads what waits, seldom, for all pages that are open: it asks, and where that is not
// known, or tells of nothing, it looks at how long documents are overdue.
type idleness struct {
	ask    func() string // may be nil
	sweep  time.Duration // between two sweeps; 0: what is overdue says nothing
	ledger *ledger

	mu    sync.Mutex
	asked time.Time
	said  string
}

// say returns the sentence, empty where there is none.
func (i *idleness) say() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asked.IsZero() || time.Since(i.asked) >= idleFor {
		i.said, i.asked = i.find(time.Now()), time.Now()
	}
	return i.said
}

// find says it where nothing at all was written while something was overdue: else there may be more to do than is done
// in time.
func (i *idleness) find(now time.Time) string {
	if i.ask != nil {
		if said := i.ask(); said != "" {
			return said
		}
	}
	if i.sweep == 0 {
		return ""
	}
	late := i.ledger.overdue(now, i.sweep)
	if late.records == 0 || !late.quiet {
		return ""
	}
	return fmt.Sprintf("%s due for %s, and the function has not retried %s: its sweep, every %s, does not seem to run.",
		haveBeen(late.records), inWords(late.by), map[bool]string{true: "it", false: "them"}[late.records == 1],
		inWords(i.sweep))
}

func haveBeen(documents int) string {
	if documents == 1 {
		return "1 document has been"
	}
	return fmt.Sprintf("%d documents have been", documents)
}

// inWords is a time in one number, rounded down.
func inWords(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
