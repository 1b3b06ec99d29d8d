package worker

import (
	"errors"
	"math"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// Limit decides how many pages an instance may have at the OCR service at once. It is halved when the service does not
// keep up and grows slowly with answers.
//
// It has neither clock nor lock, so that bench's model of the platform can run the same code. It is not safe for
// concurrent use.
type Limit struct {
	most    float64
	every   time.Duration
	places  float64 // at least 1
	reduced time.Time
	heard   time.Time // the last answer
	misses  int       // consecutive pages that the service failed at
}

const (
	// silence is how many consecutive failures make the service the likelier cause than the pages.
	silence = 3
	// momentAgo is the age up to which an answer shows that the service is up.
	momentAgo = 30 * time.Second
	// growth, divided by the limit, is added to the limit with each answer: half a place per round of answers.
	growth = 0.5
)

// NewLimit returns a limit that starts at most places (0: unlimited) and never exceeds that. Reductions are at least
// every apart, normally OCR_TIMEOUT, since the effect of one shows only after that time.
func NewLimit(most int, every time.Duration) *Limit {
	if most <= 0 {
		most = wholeInstance
	}
	return &Limit{most: float64(most), places: float64(most), every: every}
}

// Places returns the current limit. A part of a place counts as one.
func (l *Limit) Places() int { return int(math.Ceil(l.places)) }

// Admits reports whether another page may be sent while used are at the service.
func (l *Limit) Admits(used int) bool { return used < l.Places() }

// Change is the effect of an answer or a failure on a limit.
type Change int

// Changes of a limit.
const (
	Unchanged Change = iota
	Grew
	Reduced // even if it was 1 already
)

// Saw adapts the limit to the outcome of a page at the service: nil for an answer, else an [*ocr.Error]; other errors
// do not count. used is the number of pages at the service, this one included.
func (l *Limit) Saw(err error, used int, now time.Time) Change {
	oe, failed := errors.AsType[*ocr.Error](err)
	switch {
	case err == nil:
		l.misses, l.heard = 0, now
		if l.places < l.most {
			l.places = min(l.most, l.places+growth/l.places)
			return Grew
		}
	case !failed:
	case oe.Kind == ocr.KindOverloaded:
		return l.reduce(used, now)
	default:
		if code, class := ocrFault(oe); class == document.ClassSuspect && code != document.CodeInternal {
			l.misses++ // except if the page's own bytes could not be read
		}
		if oe.Kind == ocr.KindTimeout || l.misses >= silence {
			return l.reduce(used, now)
		}
	}
	return Unchanged
}

// reduce halves the limit, or the number of pages at the service if that is less.
func (l *Limit) reduce(used int, now time.Time) Change {
	if !l.reduced.IsZero() && now.Sub(l.reduced) < l.every {
		return Unchanged
	}
	l.places, l.reduced = max(1, min(l.places, float64(used))/2), now
	return Reduced
}

// Answering reports whether the service has answered recently and has not failed since.
func (l *Limit) Answering(now time.Time) bool {
	return l.misses == 0 && !l.heard.IsZero() && now.Sub(l.heard) < momentAgo
}

// Silent reports whether several consecutive pages failed. The service then has to prove that it works before more
// pages are sent or blamed.
func (l *Limit) Silent() bool { return l.misses >= silence }

// MaxSends is the most requests for one page of several if the service rejects them at once.
const MaxSends = 4

const (
	firstWait = 500 * time.Millisecond // doubled each time, times a random factor from 0.5 to 1.5
	maxWait   = 30 * time.Second       // even if the service asks for more
)

// Pause returns how long to wait after the nth request for a page failed, and whether the service may accept the page
// then. random, in [0, 1), spreads the waits of many callers.
func Pause(err error, n int, random float64) (time.Duration, bool) {
	oe, ok := errors.AsType[*ocr.Error](err)
	if !ok || oe.Kind != ocr.KindUnavailable && oe.Kind != ocr.KindOverloaded {
		return 0, false
	}
	d := firstWait << min(n-1, 8)
	return min(max(d/2+time.Duration(random*float64(d)), oe.RetryAfter), maxWait), true
}
