package backfill

import (
	"maps"
	"path"
	"strings"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Summary is what a run has done. Counts are of objects unless they say otherwise.
type Summary struct {
	Listed  int64            `json:"listed"`
	Skipped map[string]int64 `json:"skipped"` // by reason
	Chosen  int64            `json:"chosen"`
	Bytes   int64            `json:"bytes"` // of those chosen
	Pages   int64            `json:"pages"` // that those chosen have at least: one each
	PDFs    int64            `json:"pdfs"`  // among them, whose pages are not known
	Gone    int64            `json:"gone"`  // documents whose object is gone, with Options.Gone
	Results map[string]int64 `json:"results"`
	// Requests is how many deliveries were made in all, repetitions too.
	Requests int64 `json:"requests"`
	// After is the name up to which all is settled; a run that begins after it misses nothing.
	After string `json:"after,omitempty"`
	// Complete says that the listing is through to its end.
	Complete bool `json:"complete"`
	// Left is how many of the chosen objects were not brought to an end, and Oldest when the oldest of these was
	// created.
	Left   int64     `json:"left"`
	Oldest time.Time `json:"oldest,omitzero"`
}

// count adds what was chosen.
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

// leave adds an object that was not brought to an end.
func (s *Summary) leave(created time.Time, gone bool) {
	if gone {
		return
	}
	s.Left++
	if s.Oldest.IsZero() || created.Before(s.Oldest) {
		s.Oldest = created
	}
}

// Result is what became of one object.
type Result struct {
	Object document.Object
	What   string // an outcome, "published", [Left] or [Undelivered]
	Why    string // in words, of the last two
}

// What becomes of an object besides the outcomes.
const (
	Left        = "left"        // it has a document and is unfinished: the sweep has it
	Undelivered = "undelivered" // no document either: it has to be delivered again
	Returned    = "returned"    // a document whose object was missing from the listing, and is there after all
)

// Why an object is skipped, besides the filter's reasons.
const (
	SkipEnded = "ended"   // this generation is done or failed
	SkipWork  = "in_work" // a worker has it, or will: the sweep has it
	SkipNew   = "new"     // it came after the run began: its own event is on the way
	SkipOld   = "old"     // it is older than wanted
	SkipYoung = "young"   // it is younger than wanted: its own event may be on the way
)

// end counts an object out.
func (r *run) end(c chosen, what, why string) {
	r.mu.Lock()
	r.sum.Results[what]++
	switch {
	case what != Undelivered:
		delete(r.pending, c.seq)
	case r.o.Moved != nil:
		delete(r.pending, c.seq)
		r.sum.leave(c.Created, c.gone)
	default: // it has to come again, so the mark stays before it
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

// summary is what was done by now.
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

// after is the name up to which all is settled.
func (r *run) after() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mark()
}

// mark is the same; mu is held.
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

// chosen is an object on its way, or a document whose object is gone.
type chosen struct {
	document.Listed
	gone   bool
	marker bool // it was erased already, and its pages may be there still
	seq    int64
	tries  int
}
