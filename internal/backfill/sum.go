package backfill

import (
	"maps"

	"github.com/bucketocr/bucketocr/internal/document"
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
