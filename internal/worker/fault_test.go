package worker

import (
	"errors"
	"testing"
)

func TestSentinelsAreDistinct(t *testing.T) {
	for i, s := range sentinels {
		for _, u := range sentinels[i+1:] {
			if errors.Is(s.err, u.err) || errors.Is(u.err, s.err) {
				t.Errorf("%v and %v cannot be told apart", s.err, u.err)
			}
		}
	}
}
