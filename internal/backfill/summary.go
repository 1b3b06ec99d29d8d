package backfill

import (
	"maps"
	"path"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Summary is the result of a run. Counts are of objects unless they say otherwise.
type Summary struct {
	Listed  int64            `json:"listed"`
	Skipped map[string]int64 `json:"skipped"` // by reason
	Chosen  int64            `json:"chosen"`
	Bytes   int64            `json:"bytes"` // of the chosen objects
	Pages   int64            `json:"pages"` // of the chosen objects at least: one each
	PDFs    int64            `json:"pdfs"`  // chosen objects whose number of pages is not known
	Gone    int64            `json:"gone"`  // documents without an object, with Options.Gone
	Results map[string]int64 `json:"results"`
	// Requests is the number of deliveries, including repetitions.
	Requests int64 `json:"requests"`
	// After is the name up to which everything is settled; a run that begins after it misses nothing.
	After string `json:"after,omitempty"`
	// Complete means that the run reached the end of the listing.
	Complete bool `json:"complete"`
	// Left is how many of the chosen objects were not settled, and Oldest when the oldest of these was created.
	Left   int64     `json:"left"`
	Oldest time.Time `json:"oldest,omitzero"`
}

// count adds a chosen object.
func (s *Summary) count(c chosen) {
	if c.gone {
		if !c.marker {
			s.Gone++
		}
		return
	}
	s.Listed++
	s.Chosen++
	s.Bytes += c.Size
	s.Pages++
	if isPDF(c.Listed) {
		s.PDFs++
	}
}

// leave adds an object that was not settled.
func (s *Summary) leave(created time.Time, gone bool) {
	if gone {
		return
	}
	s.Left++
	if s.Oldest.IsZero() || created.Before(s.Oldest) {
		s.Oldest = created
	}
}

// Result is the result for one object.
type Result struct {
	Object document.Object
	What   string // an outcome, "published", [Left] or [Undelivered]
	Why    string // in words, for the last two
}

// Results for an object other than outcomes.
const (
	Left        = "left"        // it has an unfinished document: the sweep handles it
	Undelivered = "undelivered" // it has no document either: it must be delivered again
	Returned    = "returned"    // a document's object was missing from the listing, but exists after all
)

// Reasons for skipping an object, in addition to the filter's.
const (
	SkipEnded = "ended"   // this generation is done or failed
	SkipWork  = "in_work" // a worker holds it, or will: the sweep handles it
	SkipNew   = "new"     // it was created after the run began: its own event is on the way
	SkipOld   = "old"     // it was created before NewerThan
	SkipYoung = "young"   // it was created after OlderThan: its own event may be on the way
)

// end notes an object's result.
func (r *run) end(c chosen, what, why string) {
	r.mu.Lock()
	r.sum.Results[what]++
	switch {
	case what != Undelivered:
		delete(r.pending, c.seq)
	case r.o.Moved != nil:
		delete(r.pending, c.seq)
		r.sum.leave(c.Created, c.gone)
	default: // it must be delivered again, so the mark stays before it
	}
	r.mu.Unlock()
	if r.o.Ended != nil {
		r.ended.Lock()
		defer r.ended.Unlock()
		r.o.Ended(Result{Object: c.Object, What: what, Why: why})
	}
}

func (r *run) skip(o document.Listed, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Listed++
	r.sum.Skipped[reason]++
	r.last = o.Name
}

func (r *run) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.o.Limit > 0 && r.seq >= int64(r.o.Limit)
}

// summary returns the summary so far.
func (r *run) summary() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sum
	s.Skipped, s.Results = maps.Clone(s.Skipped), maps.Clone(s.Results)
	s.After = r.mark()
	for _, p := range r.pending {
		s.leave(p.created, p.created.IsZero())
	}
	return s
}

// after returns the name up to which everything is settled.
func (r *run) after() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mark()
}

// mark is after for callers that hold mu.
func (r *run) mark() string {
	first := int64(-1)
	for seq := range r.pending {
		if first < 0 || seq < first {
			first = seq
		}
	}
	if first >= 0 {
		return r.pending[first].before
	}
	return r.last
}

func isPDF(o document.Listed) bool {
	return o.ContentType == "application/pdf" || strings.EqualFold(path.Ext(o.Name), ".pdf")
}

// chosen is an object to deliver, or a document without an object.
type chosen struct {
	document.Listed
	gone   bool
	marker bool // it was erased already, but its pages may still exist
	seq    int64
	tries  int
}
