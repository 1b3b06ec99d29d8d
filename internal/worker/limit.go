package worker

import (
	"errors"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// Limit is the rule by which an instance follows the OCR service: how many pages it may have there. The limit is halved when
// the service does not keep up, once in a while at most, and grows slowly with its answers.
//
// It has neither clock nor lock, so that the model of the platform in bench plays the same rule: not for concurrent use.
type Limit struct {
	most    float64
	every   time.Duration
	places  float64 // 1 at least
	reduced time.Time
	heard   time.Time // the last answer
	misses  int       // pages in a row that the service failed at, without an answer between
}

const (
	// silence is how many pages in a row fail before it is likely the service than the pages.
	silence = 3
	// momentAgo is how old an answer may be that shows that the service is up.
	momentAgo = 30 * time.Second
	// growth is what one answer adds to the limit, divided by the limit: with every page answered, half a place a round.
	growth = 0.5
)

// NewLimit returns a limit of most places (0: no limit of its own). It is reduced no more often than every so long: the effect
// of one reduction is seen when a try's time, OCR_TIMEOUT, is over.
func NewLimit(most int, every time.Duration) *Limit {
	if most <= 0 {
		most = wholeInstance
	}
	return &Limit{most: float64(most), places: float64(most), every: every}
}

// Places returns how many pages may be at the service.
func (l *Limit) Places() int { return int(l.places) }

// Admits reports whether a page may be sent beside those that are there.
func (l *Limit) Admits(used int) bool { return float64(used) < l.places }

// Change is what an answer or a failure did to a limit.
type Change int

// Changes of a limit.
const (
	Unchanged Change = iota
	Grew
	Reduced // or would have been, where it is 1 already
)

// Saw adapts the limit to what became of a page at the service, an [*ocr.Error] or nil for an answer, while so many were there,
// this one included.
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
			l.misses++ // not where the page's own bytes could not be read
		}
		if oe.Kind == ocr.KindTimeout || l.misses >= silence {
			return l.reduce(used, now)
		}
	}
	return Unchanged
}

// reduce halves what is at the service.
func (l *Limit) reduce(used int, now time.Time) Change {
	if !l.reduced.IsZero() && now.Sub(l.reduced) < l.every {
		return Unchanged
	}
	l.places, l.reduced = max(1, min(l.places, float64(used))/2), now
	return Reduced
}

// Answering reports whether the service has answered a moment ago, and failed at nothing since.
func (l *Limit) Answering(now time.Time) bool {
	return l.misses == 0 && !l.heard.IsZero() && now.Sub(l.heard) < momentAgo
}

// Silent reports whether several pages in a row failed, with no answer between: before another one is sent, or blamed, the
// service has to show that it reads at all.
func (l *Limit) Silent() bool { return l.misses >= silence }

// MaxSends is how often a page is sent beside others, where the service refuses it at once.
const MaxSends = 4

const (
	firstWait = 500 * time.Millisecond // doubled each time, spread over half to one and a half
	maxWait   = 30 * time.Second       // also where the service asks for more
)

// Pause returns how long to wait after the nth request for a page failed, and whether the service may take the page then. The
// dice, from 0 to 1, spread the waits of many.
func Pause(err error, n int, dice float64) (time.Duration, bool) {
	oe, ok := errors.AsType[*ocr.Error](err)
	if !ok || oe.Kind != ocr.KindUnavailable && oe.Kind != ocr.KindOverloaded {
		return 0, false
	}
	d := firstWait << min(n-1, 8)
	return min(max(d/2+time.Duration(dice*float64(d)), oe.RetryAfter), maxWait), true
}
