package backfill

import (
	"maps"

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
	Results map[string]int64 `json:"results"`
	// Requests is how many deliveries were made in all, repetitions too.
	Requests int64 `json:"requests"`
	// After is the name up to which all is settled; a run that begins after it misses nothing.
	After string `json:"after,omitempty"`
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
)

// Why an object is skipped, besides the filter's reasons.
const (
	SkipEnded = "ended"   // this generation is done or failed
	SkipWork  = "in_work" // a worker has it, or will: the sweep has it
	SkipNew   = "new"     // it came after the run began: its own event is on the way
	SkipOld   = "old"     // it is older than wanted
)

// end counts an object out.
func (r *run) end(c chosen, what, why string) {
	r.mu.Lock()
	r.sum.Results[what]++
	if what != Undelivered { // it has to come again, so the mark stays before it
		delete(r.pending, c.seq)
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
	return r.o.Limit > 0 && r.sum.Chosen >= int64(r.o.Limit)
}

// summary is what was done by now.
func (r *run) summary() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sum
	s.Skipped, s.Results = maps.Clone(s.Skipped), maps.Clone(s.Results)
	s.After = r.last
	if len(r.pending) > 0 {
		first := int64(-1)
		for seq := range r.pending {
			if first < 0 || seq < first {
				first = seq
			}
		}
		s.After = r.pending[first]
	}
	return s
}
