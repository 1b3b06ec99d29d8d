package ui

import (
	"fmt"
	"sync"
	"time"
)

// idleFor is the lifetime of a cached answer.
const idleFor = 3 * time.Second

// idleness finds out why waiting documents are not being processed, and caches the answer for all open pages. It calls
// ask and, if that returns nothing, checks how long documents have been overdue.
type idleness struct {
	ask    func() string // may be nil
	sweep  time.Duration // interval of sweeps; 0: overdue documents are no sign of trouble
	ledger *ledger

	mu    sync.Mutex
	asked time.Time
	said  string
}

// say returns the sentence, or "".
func (i *idleness) say() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asked.IsZero() || time.Since(i.asked) >= idleFor {
		i.said, i.asked = i.find(time.Now()), time.Now()
	}
	return i.said
}

// find returns the sentence. Overdue documents count only if nothing was written meanwhile: otherwise the worker may
// just be behind.
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

// inWords formats a duration in one unit, rounded down.
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
