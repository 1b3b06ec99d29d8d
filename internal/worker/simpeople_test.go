package worker_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// people uploads, overwrites and deletes images and books.
func (s *sim) people() {
	for n := range 3 + s.rng.IntN(9) {
		s.drop(fmt.Sprintf("%d.png", n), 1)
	}
	for n := range 1 + s.rng.IntN(3) {
		s.drop(fmt.Sprintf("%d.tiff", n), 2+s.rng.IntN(5))
	}
}

func (s *sim) drop(name string, pages int) {
	for range 1 + s.rng.IntN(3) {
		s.send(s.put(name, pages))
		if s.rng.IntN(8) == 0 {
			s.remove(name)
		}
	}
}

func (s *sim) remove(name string) {
	if live, _, err := s.bucket.Live(context.Background(), "b", name); err == nil {
		s.files[version{name, live.Generation}].gone = true
		s.send(s.bucket.Delete(name))
	}
}

// meddle now and then changes a world from outside.
func (s *sim) meddle() {
	if s.reuse && s.count.Copies < 12 && s.rng.IntN(100) == 0 {
		s.copy()
		return
	}
	switch s.rng.IntN(600) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		s.retry()
	case 8, 9:
		s.overwrite(s.anyName())
	case 10:
		s.remove(s.anyName())
	case 11, 12, 15, 16:
		s.resplit(s.anyName())
	case 13:
		s.jump()
	case 14:
		s.shutdown()
	default:
		s.meddleWithRereading()
	}
}

// copy puts the bytes of a file under a new name, or uploads them again. Deadly files are not copied, since they would
// kill more often than the checks expect.
func (s *sim) copy() {
	name := s.anyName()
	live, _, err := s.bucket.Live(context.Background(), "b", name)
	if err != nil {
		return
	}
	of := s.files[version{name, live.Generation}]
	if of.none || of.kills || of.deadly > 0 {
		return
	}
	s.count.Copies++
	f := &simFile{length: of.length, lengths: map[int]bool{of.length: true}, unearned: map[int]int{}}
	for _, p := range of.pages {
		f.pages = append(f.pages, &simPage{file: f, n: p.n, width: p.width, fate: p.fate})
	}
	if s.rng.IntN(3) > 0 {
		name = fmt.Sprint("copy ", s.count.Copies, " of ", name)
	}
	s.send(s.store(name, f))
}

// anyName returns the name of some file.
func (s *sim) anyName() string {
	names := map[string]bool{}
	for v := range s.files {
		names[v.name] = true
	}
	return pick(s.rng, slices.Sorted(maps.Keys(names))...)
}

// meddleWithRereading removes the file of a document that is being read again.
func (s *sim) meddleWithRereading() {
	if s.rng.IntN(40) != 0 {
		return
	}
	all := s.records.All()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if r := all[id]; r.Status == document.StatusDone && r.Open() && r.Lease != nil && s.rng.IntN(3) == 0 {
			pick(s.rng, s.overwrite, s.remove, s.resplit)(r.Name)
			return
		}
	}
}

func (s *sim) overwrite(name string) {
	pages := 1
	for v, f := range s.files {
		if v.name == name {
			pages = len(f.pages)
		}
	}
	s.send(s.put(name, pages))
}

// resplit gives a book more or fewer pages in the same generation, like another version of the splitter.
func (s *sim) resplit(name string) {
	live, _, err := s.bucket.Live(context.Background(), "b", name)
	if err != nil {
		return
	}
	f := s.files[version{name, live.Generation}]
	if len(f.pages) == 1 || s.reuse { // otherwise different bytes would have the same MD5
		return
	}
	s.mu.Lock()
	f.length = 1 + s.rng.IntN(len(f.pages))
	f.lengths[f.length] = true
	f.resplits++
	s.count.Resplits++
	s.mu.Unlock()
	s.bucket.PutAs(name, live.Generation, f.bytes())
}

// jump sets the clock of one instance.
func (s *sim) jump() {
	i := s.instances[s.rng.IntN(len(s.instances))]
	i.ahead.Store(int64(s.skew()))
	s.mu.Lock()
	defer s.mu.Unlock()
	i.heard = false
	s.count.ClockJumps++
}

// shutdown stops one instance as Cloud Run does.
func (s *sim) shutdown() {
	i := s.instances[s.rng.IntN(len(s.instances))]
	if i.dead || !i.killAt.IsZero() {
		return
	}
	i.killAt = time.Now().Add(10 * time.Second)
	s.count.Shutdowns++
	go func() {
		ctx, cancel := context.WithDeadline(s.t.Context(), i.killAt.Add(-time.Second))
		defer cancel()
		_ = i.p.Drain(ctx)
	}()
}

// endGrace kills an instance that was shut down, and reports whether there was one.
func (s *sim) endGrace() bool {
	for _, i := range s.instances {
		if !i.dead && !i.killAt.IsZero() && !time.Now().Before(i.killAt) {
			s.mu.Lock()
			s.kill(i, nil)
			s.mu.Unlock()
			return true
		}
	}
	return false
}

// retry requests a retry of some record, whatever its status, like bucketocr retry.
func (s *sim) retry() {
	all := s.records.All()
	if len(all) == 0 {
		return
	}
	ids := slices.Sorted(maps.Keys(all))
	seen := &document.Stored{Record: all[ids[s.rng.IntN(len(ids))]]}
	if live, _, err := s.bucket.Live(context.Background(), "b", seen.Name); err != nil ||
		live.Generation != seen.Generation {
		return // the text of a deleted object cannot be read again
	}
	rest := s.rng.IntN(2)
	redo := pick(s.rng, nil, func(document.Page) bool { return true }, func(p document.Page) bool {
		return p.Page%2 == rest
	})
	d := s.newDelivery(&simInstance{id: -1})
	d.operator = true
	ctx := context.WithValue(s.t.Context(), deliveryKey{}, d)
	go func() { _, _ = document.Retry(ctx, simStore{s, s.records, ""}, seen, "operator", redo) }()
}
