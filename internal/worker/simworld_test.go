package worker_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/page"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

// sim is one world. Its scheduler decides everything: every call to the outside parks until it is released, one at a
// time, and time passes only when the scheduler sleeps.
type sim struct {
	t       *testing.T
	seed    uint64
	rng     *rand.Rand
	bucket  *documenttest.Bucket
	records *documenttest.Memory
	turns   *documenttest.Memory
	erase   bool
	least   int           // MAX_ATTEMPTS of the instances
	most    int           // the largest of them
	mixed   bool          // they differ in MAX_PAGES
	first   bool          // ON_MAX_PAGES=first
	reuse   bool          // REUSE=same-bytes, and people copy files
	ahead   time.Duration // the store's clock
	width   int           // of the last page

	mu         sync.Mutex // guards what parked goroutines touch
	parked     []*call
	late       []*lateCommit
	instances  []*simInstance
	messages   []*message
	deliveries []*delivery
	ids        int
	leases     int
	born       time.Time
	calm       bool // faults are over
	outage     map[string]time.Time
	only       ocr.Kind // how the OCR service fails in its outage; empty: in many ways
	nextSweep  time.Time

	files   map[version]*simFile
	pages   []*simPage                  // of all files
	sound   map[string]bool             // bytes and models of sound texts
	holders map[string]*delivery        // by lease
	leased  map[string]leaseMark        // how a lease was last written
	last    map[string]*document.Record // by id, as of the last commit
	ends    []document.End              // stored ends, if ends are announced
	told    map[string]int              // how often they were announced, by the id of the write that stored them
	trace   hash.Hash64
	history io.Writer // of the trace, and more to read
	count   counts
}

type version struct {
	name       string
	generation int64
}

// simFile is one generation of an object, with its history since the last retry.
type simFile struct {
	v        version
	pages    []*simPage   // the most that it ever has
	length   int          // pages that the splitter finds now
	lengths  map[int]bool // and has seen
	resplits int
	none     bool // not an image
	kills    bool // the process that opens it
	deadly   int  // pages that kill
	gone     bool // it is no longer the live generation

	asked        int // retries by operators
	interrupted  int // holders that died or lost their lease
	innocent     int // of these, not caused by it
	unearned     map[int]int
	deaths       int // of processes, caused by it, under its lease
	completedBy  *delivery
	completeLate bool
}

// simPage is one page, identified by its width. Its text is "text of WIDTH".
type simPage struct {
	file   *simFile
	n      int
	width  int
	fate   simFate
	sends  []*send
	failed *aloneFailure // the last one
	struck int           // the attempt of the last strike
	chance int           // strikes explained by an outage
	unluck bool          // it failed although it is good, by chance
	gone   bool          // it failed for good
}

func (p *simPage) text() string { return fmt.Sprintf("text of %d", p.width) }

// simFate is the fixed outcome of a page.
type simFate string

const (
	fateGood      simFate = ""
	fateRefused   simFate = "refused"
	fateEngine    simFate = "engine error"
	fateNoAnswer  simFate = "unreadable answer"
	fateTimeout   simFate = "time-out"
	fateLost      simFate = "connection lost"
	fateKillsRead simFate = "kills when read"
	fateKillsMade simFate = "kills when made"
)

// aloneFailure is a suspect's failure while its instance sent nothing else.
type aloneFailure struct {
	outage  bool // the service may explain it
	control bool // a control page was read since
	charged bool
}

// send is one request for a page.
type send struct {
	d        *delivery
	life     int // number of its file's retries so far
	alone    bool
	read     bool
	refused  bool      // it was refused at once and did not reach the server
	outage   bool      // or a queue at the service: that explains it
	late     int       // control pages after it that were late
	asked    time.Time // when the one after it was requested
	timedOut bool
	over     bool // it was answered; otherwise its sender gave up, or died
}

// simInstance is a process of the function.
type simInstance struct {
	id       int
	p        *worker.Worker
	places   int // OCR_PLACES, 0: no limit
	atOnce   int // OCR_CONCURRENCY
	model    string
	dead     bool
	killAt   time.Time    // SIGKILL after a SIGTERM; zero: none
	ahead    atomic.Int64 // of the clock
	heard    bool         // it knows the store's time since it started or its clock jumped
	misses   int          // as the pace counts them
	flying   []*call      // at the OCR service
	running  []*delivery
	mostPage int // MAX_PAGES
}

// message is an event that the platform delivers until it is acknowledged.
type message struct {
	id       int
	ev       document.Event
	next     time.Time // when it is delivered again
	attempts int
	acked    bool
	running  int
}

// delivery is the processing of one event; calls to the outside find it in their context.
type delivery struct {
	inst     *simInstance
	key      string
	operator bool // it is an operator's request
	v        version
	calls    map[string]int // by operation
	below    map[string]int // deliveries of a sweep

	lease       string
	alone       bool
	strikes     document.Strikes  // as of its claim
	failed      map[int]bool      // pages that failed as suspects in it, by width
	sent        map[*simPage]int  // requests that reached the server
	rejected    map[*simPage]bool // rejected as an image, so that it may be sent again, decoded here
	asked       map[*simPage]int  // requests
	unsaved     map[*simPage]bool
	controls    int       // read
	tried       *send     // the last suspect
	timed       bool      // its instance knew the store's time when it took the suspects' turn
	wrote       time.Time // when it last tried to commit
	hung        bool      // that try, or reading the record after it, hung until its time was over
	claimed     int       // its commits until it had the lease
	claimedLate bool      // that commit landed late, so that it did not know of its lease
	blind       int       // pages sent while its instance knew that the service fails at everything
	down        bool      // its control page was not read, and its fault is final
	silent      bool      // its last request was a control page that was not read
	gone        bool      // its object was gone when it ended: strikes no longer count
	settled     bool      // its closing write was applied
	culprit     bool      // its object killed the process
	unclear     bool      // its pages could not be cleared
	over        bool
}

type deliveryKey struct{}

// call is a parked call.
type call struct {
	d       *delivery
	op      string
	obj     string
	n       int
	at      time.Time
	heard   bool // its instance knew the store's time
	page    *simPage
	control bool
	send    *send
	verdict chan verdict
}

// verdict is the result of a call.
type verdict struct {
	err   error
	after commitFate
}

// commitFate is the true result of a commit, whatever its caller is told.
type commitFate int

const (
	commitApplied commitFate = iota
	commitLate
	commitNever
)

func (c *call) key() string { return fmt.Sprintf("%s %s %s %d", c.d.key, c.op, c.obj, c.n) }

var errDead = fmt.Errorf("%w: the process is dead", document.ErrStoreUnavailable)

func newSim(t *testing.T, seed uint64) *sim {
	s := &sim{
		t: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 1)), bucket: documenttest.NewBucket(),
		records: documenttest.NewMemory(),
		turns:   documenttest.NewMemory(), born: time.Now(), outage: map[string]time.Time{},
		files: map[version]*simFile{}, sound: map[string]bool{},
		holders: map[string]*delivery{}, leased: map[string]leaseMark{}, last: map[string]*document.Record{},
		trace: fnv.New64a(), width: leastSide,
	}
	s.history = s.trace
	if *simSeed != 0 && testing.Verbose() {
		s.history = io.MultiWriter(s.trace, os.Stdout)
	}
	s.erase = s.rng.IntN(2) == 0
	s.mixed = s.rng.IntN(4) == 0
	s.first = s.rng.IntN(3) == 0
	s.least, s.most = 3, 3+s.rng.IntN(2)
	if s.rng.IntN(3) > 0 {
		s.ahead = s.skew()
	}
	if seed%2 == 0 {
		s.told = map[string]int{}
	}
	s.reuse = seed%3 == 0
	s.records.Now, s.turns.Now = s.storeTime, s.storeTime
	s.bucket.Before = func(ctx context.Context, op string, o document.Object) error {
		return s.park(ctx, &call{op: op, obj: o.Name}).err
	}
	for range 2 + s.rng.IntN(2) {
		s.spawn()
	}
	return s
}

func (s *sim) storeTime() time.Time { return time.Now().Add(s.ahead) }

// skew returns a clock's error: ten minutes at most.
func (s *sim) skew() time.Duration { return s.upTo(20*time.Minute) - 10*time.Minute }

func (s *sim) spawn() {
	i := &simInstance{id: len(s.instances), places: pick(s.rng, 0, 0, 1, 2, 8), atOnce: 1 + s.rng.IntN(5),
		model: fmt.Sprint("model-", s.rng.IntN(3)), mostPage: 10}
	if s.first && !s.mixed || s.mixed && s.rng.IntN(3) == 0 {
		i.mostPage = 3
	}
	if s.rng.IntN(2) == 0 {
		i.ahead.Store(int64(s.skew()))
		s.count.SkewedInstances++
	}
	o := worker.Options{
		Objects: s.bucket, Records: simStore{s, s.records, ""}, Turns: simStore{s, s.turns, "turn "},
		OCR: extractor{s.extract}, Log: slog.New(simLog{s}),
		Rules: document.Rules{MaxAttempts: s.least + s.rng.IntN(s.most-s.least+1), RetryWindow: 24 * time.Hour,
			RetryDelay: func(int) time.Duration { return 15 * time.Minute }},
		Limits:         page.Limits{MaxBytes: 1 << 20, MaxPixels: 1 << 20, MaxPages: i.mostPage, First: s.first},
		OCRConcurrency: i.atOnce, OCRPlaces: i.places, MemoryBudget: 64 << 20, ProcessTimeout: 480 * time.Second,
		Erase: s.erase,
		NewID: s.newID, Now: func() time.Time { return time.Now().Add(time.Duration(i.ahead.Load())) },
		Rand:   func() float64 { return float64(time.Since(s.born)%1000) / 1000 }, // the same in a replay
		Traces: simTraces{s: s},
	}
	if s.told != nil {
		o.Notify = simTopic{s}
	}
	if s.reuse {
		i.model = fmt.Sprint("model-", i.id/3) // shared by instances that start together, so that texts can be copied
		o.Reuse, o.Model = true, i.model
	}
	i.p = newWorker(s.t, o)
	s.instances = append(s.instances, i)
}

// newID returns unique ids; which delivery has which does not matter.
func (s *sim) newID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leases++
	return fmt.Sprint("lease-", s.leases)
}

// put stores a new generation under a name: an image, or a book of several pages.
func (s *sim) put(name string, pages int) document.Event {
	f := &simFile{pages: make([]*simPage, pages), length: pages, lengths: map[int]bool{pages: true},
		unearned: map[int]int{}}
	if pages == 1 && s.rng.IntN(12) == 0 {
		f.none = true
	}
	f.kills = !f.none && s.count.Deadly < 2 && s.rng.IntN(60) == 0
	if f.kills {
		s.count.Deadly++
	}
	for n := range pages {
		s.width++
		p := &simPage{file: f, n: n + 1, width: s.width}
		switch s.rng.IntN(30) {
		case 0:
			p.fate = fateRefused
		case 1, 2:
			p.fate = pick(s.rng, fateEngine, fateNoAnswer, fateTimeout, fateLost)
		}
		// the second is near the first
		if often := 30 - 28*min(f.deadly, 1); !f.kills && s.count.Deadly < 2 && s.rng.IntN(often) == 0 {
			f.deadly++
			s.count.Deadly++
			p.fate = pick(s.rng, fateKillsRead, fateKillsMade)
		}
		if p.fate != fateGood || f.none || f.kills {
			s.count.Bad++
		}
		f.pages[n] = p
	}
	return s.store(name, f)
}

// store makes a file the live generation of its name.
func (s *sim) store(name string, f *simFile) document.Event {
	ev := s.bucket.Put(name, f.bytes())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages = append(s.pages, f.pages...)
	f.v = version{name, ev.Generation}
	for v, other := range s.files {
		if v.name == name {
			other.gone = true
		}
	}
	s.files[f.v] = f
	s.count.Objects++
	s.count.Pages += len(f.pages)
	return ev
}

// bytes returns the file at its current length.
func (f *simFile) bytes() []byte {
	switch {
	case f.none:
		return []byte("this is not a picture at all, whatever its name says")
	case len(f.pages) == 1:
		return picture(f.pages[0].width)
	}
	var pictures []pagetest.Picture
	for _, p := range f.pages[:f.length] {
		pictures = append(pictures, pagetest.Gray(drawn(p.width), leastSide))
	}
	return pagetest.TIFF(binary.LittleEndian, pictures...)
}

func (s *sim) send(ev document.Event) {
	m := &message{id: len(s.messages), ev: ev, next: time.Now().Add(s.upTo(20 * time.Minute))}
	s.messages = append(s.messages, m)
	if s.rng.IntN(4) == 0 { // delivered twice
		s.messages = append(s.messages, &message{id: len(s.messages), ev: ev, next: time.Now().Add(s.upTo(time.Hour))})
	}
}

func (s *sim) upTo(d time.Duration) time.Duration { return time.Duration(s.rng.Int64N(int64(d))) }

// park holds a call until the scheduler releases it, or its context ends.
func (s *sim) park(ctx context.Context, c *call) verdict {
	d, ok := ctx.Value(deliveryKey{}).(*delivery)
	if !ok {
		return verdict{} // the check at the end
	}
	s.mu.Lock()
	if d.inst.dead {
		s.mu.Unlock()
		return verdict{errDead, commitNever}
	}
	d.calls[c.op+c.obj]++
	c.d, c.n, c.at, c.heard, c.verdict = d, d.calls[c.op+c.obj], time.Now(), d.inst.heard, make(chan verdict, 1)
	if c.op == "commit" {
		d.wrote, d.hung = c.at, false
	}
	s.begin(c)
	s.parked = append(s.parked, c)
	s.mu.Unlock()
	select {
	case v := <-c.verdict:
		s.hung(c, time.Since(c.at) > document.RenewEvery)
		return v
	case <-ctx.Done():
		s.unpark(c)
		s.hung(c, true)
		return verdict{ctx.Err(), commitNever}
	}
}

// hung notes whether a call of the store hung: meanwhile its delivery could not retry the commit.
func (s *sim) hung(c *call, did bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.d.hung = c.d.hung || did && (c.op == "commit" || c.op == "read")
}

func (s *sim) unpark(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := func(p *call) bool { return p == c }
	s.parked, c.d.inst.flying = slices.DeleteFunc(s.parked, own), slices.DeleteFunc(c.d.inst.flying, own)
}

// run runs the scheduler for a fake time.
func (s *sim) run(long time.Duration) {
	for end := time.Now().Add(long); time.Now().Before(end); {
		s.step()
	}
}

// step makes one decision: release a call, deliver a message, or let time pass.
func (s *sim) step() {
	synctest.Wait()
	if s.land() {
		return
	}
	s.mu.Lock()
	slices.SortFunc(s.parked, func(a, b *call) int { return cmp.Compare(a.key(), b.key()) })
	parked := slices.Clone(s.parked)
	s.mu.Unlock()
	if s.endGrace() {
		return
	}
	if m := s.due(); m != nil && (len(parked) == 0 || s.rng.IntN(3) == 0) {
		s.deliver(m)
		return
	}
	if !s.calm {
		s.meddle()
	}
	if len(parked) > 0 && s.rng.IntN(12) != 0 {
		s.release(parked[s.rng.IntN(len(parked))])
		return
	}
	s.pass(len(parked) > 0)
}

// pass lets time pass: a little while calls are under way, otherwise until there is something to do.
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

// due returns a message whose time has come, or a sweep.
func (s *sim) due() *message {
	now := time.Now()
	if !now.Before(s.nextSweep) {
		s.nextSweep = now.Add(5 * time.Minute)
		s.count.Sweeps++
		return &message{id: -1}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
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

// deliver starts a delivery, or a sweep, on some instance.
func (s *sim) deliver(m *message) {
	live := slices.DeleteFunc(slices.Clone(s.instances), func(i *simInstance) bool {
		return i.dead || !i.killAt.IsZero()
	})
	if len(live) == 0 {
		s.spawn()
		live = s.instances[len(s.instances)-1:]
	}
	d := s.newDelivery(live[s.rng.IntN(len(live))])
	fmt.Fprintf(s.history, "deliver %d to %d at %d\n", m.id, d.inst.id, time.Since(s.born))
	ctx := context.WithValue(s.t.Context(), deliveryKey{}, d)
	if m.id < 0 {
		go func() { _ = d.inst.p.Sweep(ctx) }()
		return
	}
	s.count.Deliveries++
	s.mu.Lock()
	m.attempts++
	m.running++
	backoff := min(10*time.Second<<min(m.attempts, 8), 10*time.Minute)
	// the ack deadline: a copy is delivered while this one still runs
	m.next = time.Now().Add(backoff + s.upTo(backoff))
	s.mu.Unlock()
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

func (s *sim) newDelivery(i *simInstance) *delivery {
	s.ids++
	return newSimDelivery(i, fmt.Sprintf("%06d", s.ids))
}

func newSimDelivery(i *simInstance, key string) *delivery {
	return &delivery{
		inst: i, key: key, calls: map[string]int{}, below: map[string]int{}, failed: map[int]bool{},
		sent: map[*simPage]int{}, rejected: map[*simPage]bool{},
		asked: map[*simPage]int{}, unsaved: map[*simPage]bool{},
	}
}

// settle ends all faults and runs the platform and the sweep until nothing is left to do.
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
	if len(s.parked) > 0 || len(s.late) > 0 {
		return false
	}
	for _, m := range s.messages {
		if !m.acked || m.running > 0 {
			return false
		}
	}
	for _, r := range s.records.All() {
		if r.Open() || r.Unannounced() {
			return false
		}
	}
	return true
}
