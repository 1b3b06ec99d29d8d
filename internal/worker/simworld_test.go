package worker_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// sim is one world. Its scheduler is the only one that decides: every call to the outside parks until it is released, one
// at a time, and time moves only when the scheduler sleeps.
type sim struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	bucket  *documenttest.Bucket
	records *documenttest.Memory
	erase   bool

	mu        sync.Mutex // guards what parked goroutines touch
	parked    []*call
	instances []*simInstance
	messages  []*message
	ids       int
	leases    int
	born      time.Time
	calm      bool // faults are over
	outage    map[string]time.Time
	nextSweep time.Time

	truth  map[version]string // the right text of each generation, "" for what is no image
	byText map[string]version
	taken  map[version]int             // leases lost: to a crash, a hang, a closing write that did not get through
	again  map[version]int             // tries that a person asked for
	last   map[string]*document.Record // by id, as of the last commit
	paid   map[version]int             // complete OCR answers
	trace  hash.Hash64
	count  counts
}

type version struct {
	name       string
	generation int64
}

// simInstance is a process of the function.
type simInstance struct {
	id   int
	p    *worker.Worker
	dead bool
}

// message is what the platform delivers until it is acknowledged.
type message struct {
	id       int
	ev       document.Event
	next     time.Time // when it is delivered again
	attempts int
	acked    bool
	running  int
}

// delivery is one call of Process; its calls to the outside know it by their context.
type delivery struct {
	inst  *simInstance
	id    int
	v     version
	sweep bool
	calls map[string]int // by operation
	lose  bool           // the answer of the commit under way gets lost
}

type deliveryKey struct{}

// call is one that is parked.
type call struct {
	d       *delivery
	op      string
	obj     string
	n       int
	verdict chan error
}

func (c *call) key() string { return fmt.Sprintf("%06d %s %s %d", c.d.id, c.op, c.obj, c.n) }

var errDead = fmt.Errorf("%w: the process is dead", document.ErrStoreUnavailable)

func newSim(t *testing.T, seed uint64) *sim {
	s := &sim{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), bucket: documenttest.NewBucket(), records: documenttest.NewMemory(),
		born: time.Now(), outage: map[string]time.Time{}, truth: map[version]string{}, byText: map[string]version{}, taken: map[version]int{}, again: map[version]int{}, last: map[string]*document.Record{},
		paid: map[version]int{}, trace: fnv.New64a(),
	}
	s.erase = s.rng.IntN(2) == 0
	s.records.Before = func(ctx context.Context, op, id string) error { return s.park(ctx, op, id) }
	s.records.After = s.afterCommit
	s.bucket.Before = func(ctx context.Context, op string, o document.Object) error { return s.park(ctx, op, o.Name) }
	for range 2 + s.rng.IntN(2) {
		s.spawn()
	}
	return s
}

func (s *sim) spawn() {
	i := &simInstance{id: len(s.instances)}
	i.p = newWorker(s.t, worker.Options{
		Objects: s.bucket, Records: s.records, OCR: extractor{s.extract}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Rules: document.Rules{MaxAttempts: 3, RetryWindow: 24 * time.Hour,
			RetryDelay: func(int) time.Duration { return 15 * time.Minute }},
		Limits:         page.Limits{MaxBytes: 1 << 20, MaxPixels: 1 << 20, MaxPages: 10},
		OCRConcurrency: 4, MemoryBudget: 64 << 20, ProcessTimeout: 480 * time.Second, Erase: s.erase,
		NewID: s.newID, Rand: func() float64 { return 0.5 },
	})
	s.instances = append(s.instances, i)
}

// newID gives ids that are never the same; which delivery has which does not matter.
func (s *sim) newID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leases++
	return fmt.Sprint("lease-", s.leases)
}

// people drop, overwrite and delete images.
func (s *sim) people() {
	width := 20
	for n := range 4 + s.rng.IntN(12) {
		name := fmt.Sprintf("%d.png", n)
		for range 1 + s.rng.IntN(3) {
			data, truth := picture(width), fmt.Sprintf("text of %d", width)
			if s.rng.IntN(10) == 0 {
				data, truth = []byte("this is no picture at all, whatever its name says"), ""
			}
			width++
			ev := s.bucket.Put(name, data)
			s.truth[version{name, ev.Generation}] = truth
			s.byText[truth] = version{name, ev.Generation}
			s.send(ev)
			s.count.objects++
			if s.rng.IntN(8) == 0 {
				s.send(s.bucket.Delete(name))
			}
		}
	}
}

func (s *sim) send(ev document.Event) {
	m := &message{id: len(s.messages), ev: ev, next: time.Now().Add(s.upTo(20 * time.Minute))}
	s.messages = append(s.messages, m)
	if s.rng.IntN(4) == 0 { // announced twice
		s.messages = append(s.messages, &message{id: len(s.messages), ev: ev, next: time.Now().Add(s.upTo(time.Hour))})
	}
}

func (s *sim) upTo(d time.Duration) time.Duration { return time.Duration(s.rng.Int64N(int64(d))) }

// park holds a call until the scheduler lets it go, or its context ends.
func (s *sim) park(ctx context.Context, op, obj string) error {
	d, ok := ctx.Value(deliveryKey{}).(*delivery)
	if !ok {
		return nil // the check at the end
	}
	s.mu.Lock()
	if d.inst.dead {
		s.mu.Unlock()
		return errDead
	}
	d.calls[op+obj]++
	c := &call{d: d, op: op, obj: obj, n: d.calls[op+obj], verdict: make(chan error, 1)}
	s.parked = append(s.parked, c)
	s.mu.Unlock()
	select {
	case err := <-c.verdict:
		return err
	case <-ctx.Done():
		s.unpark(c)
		return ctx.Err()
	}
}

func (s *sim) unpark(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked = slices.DeleteFunc(s.parked, func(p *call) bool { return p == c })
}

// extract is the OCR service.
func (s *sim) extract(ctx context.Context, img ocr.Image) (ocr.Result, error) {
	r, err := img.Open()
	if err != nil {
		return ocr.Result{}, &ocr.Error{Kind: ocr.KindImageSource, Err: err}
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		return ocr.Result{}, &ocr.Error{Kind: ocr.KindImageSource, Err: err}
	}
	text := fmt.Sprintf("text of %d", pngWidth(b))
	if err := s.park(ctx, "ocr", text); err != nil {
		if ctx.Err() != nil {
			err = &ocr.Error{Kind: ocr.KindCanceled, Err: ctx.Err()}
		}
		return ocr.Result{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paid[s.byText[text]]++
	s.count.answers++
	return result(text), nil
}

func pngWidth(b []byte) int { return int(b[18])<<8 | int(b[19]) }

// afterCommit loses the answer of a commit that was applied, or the whole process with it.
func (s *sim) afterCommit(ctx context.Context, id string) error {
	d, ok := ctx.Value(deliveryKey{}).(*delivery)
	s.mu.Lock()
	defer s.mu.Unlock()
	was, is := s.last[id], s.records.Record(id)
	if was != nil && was.Generation == is.Generation && was.Lease != nil && is.Attempt > was.Attempt {
		s.taken[version{is.Name, is.Generation}]++
	}
	if was != nil && was.Generation == is.Generation && is.Retried.After(was.Retried) {
		s.again[version{is.Name, is.Generation}]++
		s.count.retries++
	}
	s.last[id] = is
	s.look(was, is)
	if ok && d.lose {
		d.lose = false
		return errors.New("answer lost")
	}
	return nil
}

// look holds what must be true of every state that a listener can see, and of every step from one to the next.
func (s *sim) look(was, is *document.Record) {
	bad := func(what string) { s.t.Errorf("seed %d: %s\nwas %+v\nis  %+v", s.seed, what, was, is) }
	switch {
	case is.Status == document.StatusProcessing && is.Lease == nil, is.Lease != nil && is.Status != document.StatusProcessing && !(is.Status == document.StatusDone && is.Open()):
		bad("a lease without work, or work without a lease")
	case is.Due.IsZero() == is.Open():
		bad("due when ended, or not due when unfinished")
	case is.Text != "" && is.Status != document.StatusDone:
		bad("text before it is done")
	case is.Status == document.StatusDone && is.Error != nil, is.Status == document.StatusFailed && is.Error == nil:
		bad("an error that is none, or none that is one")
	case was == nil || was.Generation != is.Generation || is.Status == document.StatusDeleted:
	case is.Attempt < was.Attempt:
		bad("attempt went down")
	case !was.Open() && !is.Retried.After(was.Retried):
		bad("an ended generation moved, without a request")
	case was.Status == document.StatusDone && (is.Status != document.StatusDone || is.Text == ""):
		bad("a text was lost")
	}
}

// run lets the scheduler work for so much fake time.
func (s *sim) run(long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); {
		s.step()
	}
}

// step is one decision: let a call go, deliver a message, or let time pass.
func (s *sim) step() {
	synctest.Wait()
	s.mu.Lock()
	slices.SortFunc(s.parked, func(a, b *call) int { return cmp.Compare(a.key(), b.key()) })
	parked := slices.Clone(s.parked)
	s.mu.Unlock()
	if m := s.due(); m != nil && (len(parked) == 0 || s.rng.IntN(3) == 0) {
		s.deliver(m)
		return
	}
	if !s.calm && s.rng.IntN(300) == 0 {
		s.operate()
	}
	if len(parked) > 0 && s.rng.IntN(12) != 0 {
		s.release(parked[s.rng.IntN(len(parked))])
		return
	}
	s.pass(len(parked) > 0)
}

// pass lets time go by: a little while calls are under way, else until something is to do.
func (s *sim) pass(busy bool) {
	d := s.upTo(20 * time.Second)
	if busy && !s.calm && s.rng.IntN(60) == 0 {
		d = s.upTo(4 * time.Minute) // a call that hangs: leases run out, deadlines pass
	}
	if !busy {
		d = s.upTo(2 * time.Minute)
	}
	time.Sleep(d + 1)
}

// due is a message whose time has come, or a sweep.
func (s *sim) due() *message {
	now := time.Now()
	if !now.Before(s.nextSweep) {
		s.nextSweep = now.Add(5 * time.Minute)
		s.count.sweeps++
		return &message{id: -1}
	}
	var due []*message
	for _, m := range s.messages {
		if !m.acked && !now.Before(m.next) {
			due = append(due, m)
		}
	}
	if len(due) == 0 {
		return nil
	}
	return due[s.rng.IntN(len(due))]
}

// deliver starts a delivery on some instance.
func (s *sim) deliver(m *message) {
	live := slices.DeleteFunc(slices.Clone(s.instances), func(i *simInstance) bool { return i.dead })
	if len(live) == 0 {
		s.spawn()
		live = s.instances[len(s.instances)-1:]
	}
	s.ids++
	d := &delivery{inst: live[s.rng.IntN(len(live))], id: s.ids, calls: map[string]int{}, sweep: m.id < 0}
	d.v = version{m.ev.Name, m.ev.Generation}
	fmt.Fprintf(s.trace, "deliver %d to %d at %d\n", m.id, d.inst.id, time.Since(s.born))
	ctx := context.WithValue(s.t.Context(), deliveryKey{}, d)
	if d.sweep {
		go func() { _ = d.inst.p.Sweep(ctx) }()
		return
	}
	s.count.deliveries++
	m.attempts++
	m.running++
	backoff := min(10*time.Second<<min(m.attempts, 8), 10*time.Minute)
	m.next = time.Now().Add(backoff + s.upTo(backoff)) // the ack deadline: a copy comes while this one still runs
	go func() {
		out := d.inst.p.Process(ctx, m.ev).Outcome
		s.mu.Lock()
		defer s.mu.Unlock()
		m.running--
		if !d.inst.dead && !out.Refused() {
			m.acked = true
		}
	}()
}

// operate has a person ask for another try of some record, whatever its status, as bucketocr retry does it.
func (s *sim) operate() {
	all := s.records.All()
	if len(all) == 0 {
		return
	}
	ids := slices.Sorted(maps.Keys(all))
	seen := &document.Stored{Record: all[ids[s.rng.IntN(len(ids))]]}
	if live, _, err := s.bucket.Live(s.t.Context(), "b", seen.Name); err != nil || live.Generation != seen.Generation {
		return // the text of what is gone cannot be read again
	}
	s.ids++
	d := &delivery{inst: &simInstance{id: -1}, id: s.ids, calls: map[string]int{}}
	ctx := context.WithValue(s.t.Context(), deliveryKey{}, d)
	go func() { _, _ = document.Retry(ctx, s.records, seen, "operator", nil) }()
}

// release lets a call go, well or with a fault.
func (s *sim) release(c *call) {
	err := s.fate(c)
	s.unpark(c)
	fmt.Fprintf(s.trace, "%s %v\n", c.key(), err)
	c.verdict <- err
}

// fate decides what becomes of a call.
func (s *sim) fate(c *call) error {
	if s.calm {
		return nil
	}
	s.startOutage()
	if until, ok := s.outage[kindOf(c.op)]; ok && time.Now().Before(until) {
		return s.fail(c)
	}
	switch s.rng.IntN(40) {
	case 0:
		return s.fail(c)
	case 1:
		if c.op == "commit" {
			s.count.lost++
			c.d.lose = true
		}
	case 2:
		if s.rng.IntN(4) == 0 {
			return s.crash(c)
		}
	}
	s.maybeDrop(c)
	return nil
}

func kindOf(op string) string {
	switch op {
	case "open", "live":
		return "bucket"
	case "ocr":
		return "ocr"
	}
	return "store"
}

// startOutage makes a service fail for up to half an hour, now and then.
func (s *sim) startOutage() {
	if s.rng.IntN(400) == 0 {
		kind := []string{"bucket", "ocr", "store"}[s.rng.IntN(3)]
		s.outage[kind] = time.Now().Add(s.upTo(30 * time.Minute))
	}
}

// fail is the error of one call.
func (s *sim) fail(c *call) error {
	s.count.faults++
	switch kindOf(c.op) {
	case "bucket":
		return fmt.Errorf("%w: simulated", document.ErrStorageUnavailable)
	case "ocr":
		kinds := []ocr.Kind{ocr.KindUnavailable, ocr.KindOverloaded, ocr.KindAborted, ocr.KindForbidden}
		if s.rng.IntN(8) == 0 {
			kinds = []ocr.Kind{ocr.KindTimeout, ocr.KindBackendFailed}
		}
		return &ocr.Error{Kind: kinds[s.rng.IntN(len(kinds))]}
	}
	return fmt.Errorf("%w: simulated", document.ErrStoreUnavailable)
}

// crash kills the instance at this call: before it arrives, or for a commit sometimes right after.
func (s *sim) crash(c *call) error {
	if s.count.crashes >= 6 {
		return nil // so that no good object runs out of its budget of interruptions
	}
	s.count.crashes++
	s.mu.Lock()
	c.d.inst.dead = true
	for _, p := range s.parked {
		if p != c && p.d.inst == c.d.inst {
			p.verdict <- errDead
		}
	}
	s.parked = slices.DeleteFunc(s.parked, func(p *call) bool { return p != c && p.d.inst == c.d.inst })
	s.mu.Unlock()
	if c.op == "commit" && s.rng.IntN(2) == 0 {
		return nil // applied, and the process is dead
	}
	return errDead
}

// maybeDrop has the platform give up on a message whose generation has a record: the sweep must do the rest.
func (s *sim) maybeDrop(c *call) {
	if s.rng.IntN(60) != 0 || len(s.messages) == 0 {
		return
	}
	m := s.messages[s.rng.IntN(len(s.messages))]
	r := s.records.Record(m.ev.Object.ID())
	if !m.acked && m.ev.Kind == document.KindFinalized && r != nil && r.Generation == m.ev.Generation {
		m.acked = true
		s.count.dropped++
	}
}

// settle ends all faults and lets the platform and the sweep go on until nothing is left to do.
func (s *sim) settle() {
	s.calm = true
	for end := time.Now().Add(20 * time.Hour); time.Now().Before(end) && !s.settled(); {
		s.step()
	}
}

func (s *sim) settled() bool {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.parked) > 0 {
		return false
	}
	for _, m := range s.messages {
		if !m.acked || m.running > 0 {
			return false
		}
	}
	for _, r := range s.records.All() {
		if r.Open() {
			return false
		}
	}
	return true
}

// check holds every invariant of DESIGN 1 against what is stored.
func (s *sim) check() {
	names := map[string]bool{}
	for v := range s.truth {
		names[v.name] = true
	}
	all := s.records.All()
	if len(all) > len(names) {
		s.t.Errorf("seed %d: %d documents for %d objects", s.seed, len(all), len(names))
	}
	for name := range names {
		s.checkObject(name, all[document.Object{Bucket: "b", Name: name}.ID()])
	}
	for v, n := range s.paid {
		if n > 1+s.taken[v]+s.again[v] {
			s.t.Errorf("seed %d: %s generation %d was paid for %d times, its lease was lost %d times, and it was asked for again %d times",
				s.seed, v.name, v.generation, n, s.taken[v], s.again[v])
		}
	}
}

func (s *sim) checkObject(name string, r *document.Record) {
	bad := func(format string, args ...any) {
		s.t.Errorf("seed %d: %s: %s\n%+v", s.seed, name, fmt.Sprintf(format, args...), r)
	}
	if r == nil {
		bad("no document")
		return
	}
	live, _, err := s.bucket.Live(s.t.Context(), "b", name)
	switch {
	case r.Open() || r.Lease != nil || !r.Due.IsZero():
		bad("it has not ended")
	case err != nil: // deleted
		if s.erase && r.Status != document.StatusDeleted {
			bad("deleted, but its text is still stored")
		}
	case r.Generation != live.Generation:
		bad("generation %d lives", live.Generation)
	case s.truth[version{name, r.Generation}] == "" && (r.Status != document.StatusFailed || r.Error.Code != "unsupported_media"):
		bad("no image, and not told so")
	case s.truth[version{name, r.Generation}] != "" && r.Status != document.StatusDone:
		bad("a good image failed")
	}
	if r.Status == document.StatusDone && r.Text != s.truth[version{name, r.Generation}] {
		bad("the text is of something else: want %q", s.truth[version{name, r.Generation}])
	}
}
