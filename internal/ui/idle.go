package ui

import (
	"sync"
	"time"
)

// idleFor is how long an answer of [Config.Idle] holds.
const idleFor = 3 * time.Second

// idleness asks why nothing reads what waits, seldom, for all pages that are open.
type idleness struct {
	ask func() string

	mu    sync.Mutex
	asked time.Time
	said  string
}

// say returns the sentence, empty where there is none.
func (i *idleness) say() string {
	if i.ask == nil {
		return ""
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asked.IsZero() || time.Since(i.asked) >= idleFor {
		i.said, i.asked = i.ask(), time.Now()
	}
	return i.said
}
