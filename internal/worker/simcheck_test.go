package worker_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// leaseMark is how a lease was last written: when, and whether its writer knew the store's time.
type leaseMark struct {
	at    time.Time
	heard bool
}

func (s *sim) bad(what string, args ...any) {
	s.t.Errorf("seed %d, at %v: %s", s.seed, time.Since(s.born).Round(time.Second), fmt.Sprintf(what, args...))
}

// begin checks a call that is about to be made. The caller holds mu.
func (s *sim) begin(c *call) {
	if c.op != "ocr" && c.op != "open" {
		return
	}
	d := c.d
	for _, other := range d.inst.running {
		if other != d && other.lease != "" && d.lease != "" && (other.alone || d.alone) {
			s.bad("%s %s works beside %s, and one of them must be alone", d.key, c.op, other.key)
		}
	}
	if c.op == "ocr" {
		s.beginRequest(c)
	}
}

// beginRequest checks a request for a page, or the control page.
func (s *sim) beginRequest(c *call) {
	d, p := c.d, c.page
	if d.down {
		s.bad("%s sends %s although the control page was not read", d.key, c.obj)
	}
	if d.silent && !c.control {
		s.bad("%s sends %s while the control page is not read", d.key, c.obj)
	}
	c.send = &send{d: d}
	if c.control {
		s.count.ControlPages++
		if x := d.tried; x != nil { // it decides about that
			c.send.alone, x.asked = true, cmp.Or(x.asked, time.Now())
		}
	} else {
		strike, known := d.strikes[p.n]
		c.send.alone, c.send.life = known && strike.Code != document.CodeInterrupted || d.failed[p.width], p.file.asked
	}
	for _, other := range d.inst.flying {
		if c.send.alone || other.send.alone {
			s.bad("%s sends %s while %s sends %s", d.key, c.obj, other.d.key, other.obj)
		}
	}
	if most := d.inst.places; most > 0 && len(d.inst.flying) >= most {
		s.bad("%s sends %s beside %d pages", d.key, c.obj, len(d.inst.flying))
	}
	d.inst.flying = append(d.inst.flying, c)
	if c.send.alone {
		s.oneSuspect(c)
	}
	if c.control {
		return
	}
	if c.send.alone {
		d.tried = c.send
	}
	if d.inst.misses >= 3 && d.asked[p] == 0 {
		if d.blind++; d.blind > d.inst.atOnce { // pages already on their way
			s.bad("%s sends %s, page %d since its instance has had no answer to three", d.key, c.obj, d.blind)
		}
	}
	p.sends = append(p.sends, c.send)
	most := 5 // four tries among others, one alone
	if d.rejected[p] {
		most += 4 // decoded
	}
	if d.asked[p]++; d.asked[p] > most {
		s.bad("%s asks for %s %d times", d.key, c.obj, d.asked[p])
	}
	s.neededStill(c)
}

// oneSuspect checks that no two instances try a suspect at a time.
func (s *sim) oneSuspect(c *call) {
	for _, i := range s.instances {
		for _, other := range i.flying {
			if i != c.d.inst && other.send.alone && other.d.timed && c.d.timed {
				s.bad("%s tries %s while %s tries %s", c.d.key, c.obj, other.d.key, other.obj)
			}
		}
	}
}

// neededStill checks that pages already read or not requested are not sent. A delivery that lost its lease may not know
// that.
func (s *sim) neededStill(c *call) {
	f, p := c.page.file, c.page
	id := document.Object{Bucket: "b", Name: f.v.name}.ID()
	r := s.last[id]
	if r == nil || r.Generation != f.v.generation || r.Lease == nil || r.Lease.ID != c.d.lease {
		return
	}
	stored := func(generation int64) *document.Page {
		for _, pg := range s.pagesOf(id, generation) {
			if pg.Page == p.n {
				return &pg
			}
		}
		return nil
	}
	own := stored(r.Generation)
	switch {
	case f.resplits > 0:
	case r.Status != document.StatusDone && own != nil:
		s.bad("%s sends %s, which is finished: %+v", c.d.key, c.obj, own)
	case r.Status == document.StatusDone && stored(-r.Generation) != nil && r.Rereading.Model != "":
		s.bad("%s sends %s, which was read again", c.d.key, c.obj)
	case r.Status == document.StatusDone && len(r.Rereading.Pages) > 0 && !slices.Contains(r.Rereading.Pages, p.n) &&
		own != nil:
		s.bad("%s sends %s, which was not asked for: %v", c.d.key, c.obj, r.Rereading.Pages)
	}
}

// end checks the answer to a call. The caller holds mu.
func (s *sim) end(c *call, v verdict) {
	if c.op == "commit" {
		c.d.wrote = time.Now()
	}
	if c.op != "ocr" || v.err == errDead {
		return
	}
	d, p := c.d, c.page
	c.send.over = true
	kind := ocr.Kind("")
	if oe, ok := errors.AsType[*ocr.Error](v.err); ok {
		kind = oe.Kind
	}
	suspect := slices.Contains([]ocr.Kind{ocr.KindTimeout, ocr.KindBackendFailed, ocr.KindLost, ocr.KindBadResponse},
		kind)
	refused := kind == ocr.KindUnavailable || kind == ocr.KindOverloaded
	switch i := d.inst; {
	case v.err == nil:
		i.misses = 0
		for _, d := range i.running {
			d.blind = 0
		}
	case suspect:
		if i.misses++; i.misses == 3 {
			s.count.Bursts++
		}
	}
	if c.control {
		s.endControl(c, v.err, refused || kind == ocr.KindBackendFailed || kind == ocr.KindLost)
		return
	}
	c.send.read, c.send.refused, c.send.timedOut = v.err == nil, refused, kind == ocr.KindTimeout
	c.send.outage = s.away("ocr") || v.err != nil && !suspect && kind != ocr.KindBadImage
	if !refused {
		s.count.PagesSent++
		most := 2
		if d.rejected[p] {
			most = 3
		}
		if d.sent[p]++; d.sent[p] > most {
			s.bad("%s sends %s %d times", d.key, c.obj, d.sent[p])
		}
		d.rejected[p] = d.rejected[p] || kind == ocr.KindBadImage
	}
	switch {
	case v.err == nil:
		s.count.PagesRead++
		d.unsaved[p] = true
	case suspect:
		d.failed[p.width] = true
		if c.send.alone {
			p.failed = &aloneFailure{outage: c.send.outage}
		}
	}
}

func (s *sim) endControl(c *call, err error, again bool) {
	d := c.d
	d.silent = err != nil
	if x := d.tried; x != nil {
		if err == nil && time.Since(x.asked) > ocr.DefaultTimeout/4 {
			x.late++
		}
		if err != nil || x.timedOut && x.late == 2 {
			x.outage = true // it, or a queue, began after the page failed
		}
		if err == nil {
			x.asked = time.Time{}
		}
	}
	if err != nil {
		d.down = !again
		return
	}
	s.count.ControlPagesRead++
	d.controls++
	if f := s.files[d.v]; f != nil {
		for _, p := range f.pages {
			if p.failed != nil {
				p.failed.control = true
			}
		}
	}
}

// killed checks a death caused by the object of a call. The caller holds mu.
func (s *sim) killed(c *call) {
	d, f := c.d, s.files[c.d.v]
	d.culprit = true
	r := s.last[document.Object{Bucket: "b", Name: f.v.name}.ID()]
	if r == nil || r.Generation != f.v.generation || r.Lease == nil || r.Lease.ID != d.lease {
		return // it had lost its lease before
	}
	f.deaths++
	most := s.most + 2
	if f.deadly < 2 && f.resplits < 2 { // a page that did not exist for a while may get all its strikes again
		most = s.most + 1 // one among others, and then a strike each time
	}
	if f.deaths > most {
		s.bad("%s killed %d processes", f.v.name, f.deaths)
	}
	n := 0
	if c.page != nil {
		n = c.page.n
	}
	if r.Interruptions > 0 && (!r.Lease.Alone || r.Lease.Page != n) {
		s.bad("%s kills at page %d, and the record does not say so: %+v", f.v.name, n, r.Lease)
	}
}

// committed checks a commit that was applied.
func (s *sim) committed(c *call, id string, ch *document.Change, late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, is := s.last[id], s.records.Record(id)
	s.last[id] = is
	if *simSeed != 0 && testing.Verbose() {
		fmt.Printf("%v %s: %s %d, attempt %d, %d of %d pages, strikes %v, interruptions %d, lease %+v, error %v, reread %+v, %d pages with it, dropped %v\n",
			time.Since(s.born).Round(time.Second), is.Name,
			is.Status, is.Generation, is.Attempt, is.PagesDone, is.Pages, is.Strikes, is.Interruptions, is.Lease,
			is.Error, is.Rereading, len(ch.Pages), ch.Drop)
	}
	f := s.files[version{is.Name, is.Generation}]
	same := was != nil && was.Generation == is.Generation
	s.look(was, is, c.d.operator)
	if was.Unannounced() && s.told[was.Write] == 0 {
		s.bad("an end was not announced before its record was written again:\nwas %+v\nis  %+v", was, is)
	}
	if is.Unannounced() {
		s.ends = append(s.ends, document.EndOf(is))
	}
	if !same {
		was = &document.Record{} // there was none of this generation
	}
	if is.Lease != nil {
		s.lookAtLease(c, was, is, late)
	}
	if is.Interruptions > was.Interruptions {
		f.interrupt(was.Lease, s.holders[was.Lease.ID])
	}
	if same && c.d.operator {
		s.askedAgain(c, f, was, is)
		return
	}
	if claims := is.Attempt > was.Attempt || is.Interruptions > was.Interruptions; same && !claims &&
		was.Lease != nil && is.Status != document.StatusDeleted && was.Lease.ID != c.d.lease {
		s.bad("%s writes under the lease of %s:\nwas %+v\nis  %+v", c.d.key, s.holders[was.Lease.ID].key, was, is)
	}
	s.lookAtStrikes(c, f, was, is)
	s.lookAtPages(c, f, was, is, ch)
	if c.d.lease != "" && was.Lease != nil && was.Lease.ID == c.d.lease && is.Lease == nil {
		c.d.settled = true
	}
	if is.Status == document.StatusDone && !is.Open() && was.Open() && same {
		f.completedBy, f.completeLate = c.d, late
		if is.Rereading == nil {
			s.lookAtText(f, is, id)
		}
		s.lookAtReuse(c, was, is)
	}
	if is.Open() && same {
		s.lookAtProgress(f, was, is, id)
	}
	if failure := is.Failure(); failure != nil && failure.Code == document.CodeObjectGone {
		c.d.gone = true
	}
	switch failure := is.Failure(); {
	case failure == nil || was.Failure() != nil && *was.Failure() == *failure:
	case !s.mayFailWhole(f, failure.Code, was, is):
		s.bad("%s failed: %+v\nwas %+v\nis  %+v", is.Name, failure, was, is)
	}
}

// lookAtReuse checks that text is only copied from a sound one of the same bytes, and never after an operator's retry.
func (s *sim) lookAtReuse(c *call, was, is *document.Record) {
	what := is.MD5 + is.Model
	if is.CopiedFrom != "" && was.CopiedFrom == "" {
		s.count.Copied++
		if !s.sound[what] || is.Model != c.d.inst.model || !is.Retried.IsZero() || len(is.Warnings) > 0 {
			s.bad("%s was copied: %+v", is.Name, is)
		}
	}
	s.sound[what] = s.sound[what] || len(is.Warnings) == 0
}

// look checks what must be true of every state that a listener can see, and of every change of state.
func (s *sim) look(was, is *document.Record, asked bool) {
	bad := func(what string) { s.bad("%s\nwas %+v\nis  %+v", what, was, is) }
	switch {
	case is.Status == document.StatusProcessing && is.Lease == nil,
		is.Lease != nil && is.Status != document.StatusProcessing && !(is.Status == document.StatusDone && is.Open()):
		bad("a lease without work, or work without a lease")
	case is.Due.IsZero() == (is.Open() || is.Unannounced()):
		bad("due when ended, or not due when unfinished")
	case is.Text != "" && is.Status != document.StatusDone:
		bad("text before it is done")
	case is.Status == document.StatusDone && is.Error != nil, is.Status == document.StatusFailed && is.Error == nil:
		bad("an error that is none, or none that is one")
	case is.Status == document.StatusDone && !is.Open() && len(is.Strikes) > 0:
		bad("strikes of a document that is done")
	case was == nil || was.Generation != is.Generation || is.Status == document.StatusDeleted:
	case is.Attempt < was.Attempt:
		bad("attempt went down")
	case was.Unannounced() && (is.Open() || is.Unannounced() || is.Text != was.Text || is.Status != was.Status):
		bad("more than its announcement was written")
	case was.Unannounced():
	case !was.Open() && !asked:
		bad("an ended generation moved, without a request")
	case was.Status == document.StatusDone && (is.Status != document.StatusDone || is.Text == ""):
		bad("a text was lost")
	case was.Status == document.StatusDone && is.Rereading != nil &&
		(is.Text != was.Text || is.Pages != was.Pages || is.PagesDone != was.PagesDone || is.Model != was.Model ||
			!slices.Equal(is.Warnings, was.Warnings)):
		bad("a document changed while it was read again")
	case is.Open() && is.Interruptions < was.Interruptions && !asked:
		bad("interruptions went down")
	}
}

// interrupt counts a holder that died or lost its lease.
func (f *simFile) interrupt(lease *document.Lease, holder *delivery) {
	f.interrupted++
	if holder.culprit {
		return
	}
	f.innocent++
	if lease.Alone {
		f.unearned[lease.Page]++
	}
}

// lookAtLease checks a lease that is taken or renewed.
func (s *sim) lookAtLease(c *call, was, is *document.Record, late bool) {
	mark := leaseMark{c.at, c.heard}
	if c.heard && !is.Lease.Expires.Equal(c.at.Add(s.ahead).Add(document.LeaseTime)) {
		s.bad("a lease until %v was written at %v by the store's clock, by who knows that", is.Lease.Expires,
			c.at.Add(s.ahead))
	}
	before := s.leased[is.Lease.ID]
	s.leased[is.Lease.ID] = mark
	if before != (leaseMark{}) {
		return
	}
	d := c.d
	d.lease, d.alone, d.strikes, d.claimed, d.claimedLate = is.Lease.ID, is.Lease.Alone, is.Strikes, c.n, late
	s.holders[d.lease] = d
	if was.Lease == nil {
		return
	}
	holder, held := s.holders[was.Lease.ID], s.leased[was.Lease.ID]
	if is.Interruptions != was.Interruptions+1 {
		s.bad("an interruption that was not counted:\nwas %+v\nis  %+v", was, is)
	}
	hangs := slices.ContainsFunc(s.parked, func(p *call) bool {
		return p.d == holder && (p.op == "commit" || p.op == "read")
	})
	alive := !holder.inst.dead && !holder.over
	if alive && !hangs && !holder.hung && c.at.Sub(holder.wrote) > 2*document.RenewEvery+time.Second {
		s.bad("%s lost its lease and has not tried to renew it for %v", holder.key, c.at.Sub(holder.wrote))
	}
	if c.at.Sub(held.at) < document.LeaseTime {
		s.count.EarlyTakings++
		if took := c.at.Sub(held.at); alive && !holder.claimedLate && took > 10*time.Second && took < time.Minute &&
			holder.calls["commit"+c.obj] == holder.claimed {
			s.bad("%s knew that its lease is by a wrong clock and left it so for %v", holder.key, took)
		}
		if held.heard && c.heard {
			s.bad("%s took the lease of %s after %v", d.key, holder.key, c.at.Sub(held.at))
		}
	}
}

// askedAgain checks a retry requested by an operator.
func (s *sim) askedAgain(c *call, f *simFile, was, is *document.Record) {
	if len(is.Strikes) > 0 || is.Interruptions > 0 || is.Lease != nil {
		s.bad("%s is not tried afresh: %+v", f.v.name, is)
	}
	s.count.Retries++
	if was.Status == document.StatusDone {
		s.count.Rereadings++
	}
	if was.Lease != nil {
		if held := s.leased[was.Lease.ID]; c.at.Sub(held.at) < document.LeaseTime {
			s.count.LiveLeasesRetried++
			if s.ahead > -3*time.Minute && held.heard {
				s.bad("%s lost its lease to an operator after %v", s.holders[was.Lease.ID].key, c.at.Sub(held.at))
			}
		}
	}
	f.asked++
	f.interrupted, f.innocent, f.deaths, f.unearned = 0, 0, 0, map[int]int{}
	for _, p := range f.pages {
		p.failed, p.struck, p.chance, p.unluck, p.gone = nil, 0, 0, false, false
	}
}

// lookAtStrikes checks strikes: each follows a failure alone and a control page read since, at most one per delivery,
// and a good page gets one only if the service explains it.
func (s *sim) lookAtStrikes(c *call, f *simFile, was, is *document.Record) {
	for _, n := range slices.Sorted(maps.Keys(is.Strikes)) {
		strike, before := is.Strikes[n], was.Strikes[n].Count
		switch {
		case strike.Count <= before:
			continue
		case strike.Count > before+1:
			s.bad("%s page %d got %d strikes at once", f.v.name, n, strike.Count-before)
		case strike.Code == document.CodeInterrupted:
			if was.Lease == nil || !was.Lease.Alone || was.Lease.Page != n {
				s.bad("%s page %d got a strike for a death that was another's: %+v", f.v.name, n, was.Lease)
			}
			continue
		case n == 0:
			s.bad("%s got a strike: %+v", f.v.name, strike)
			continue
		}
		s.count.Strikes++
		p := f.pages[n-1]
		s.charge(p, strike.Code)
		if p.struck == is.Attempt {
			s.bad("%s page %d got two strikes in attempt %d", f.v.name, n, is.Attempt)
		}
		p.struck = is.Attempt
		if p.fate == fateGood {
			s.count.Unearned++
			p.chance++
		}
	}
}

// lookAtProgress checks that strikes are removed only with finished pages, and that finished pages are counted.
func (s *sim) lookAtProgress(f *simFile, was, is *document.Record, id string) {
	stored, staged := s.pagesOf(id, is.Generation), s.pagesOf(id, -is.Generation)
	pages := stored
	if is.Status == document.StatusDone {
		pages = staged
	} else if len(stored) != is.PagesDone && f.resplits == 0 {
		s.bad("%s has %d pages, and says %d", f.v.name, len(stored), is.PagesDone)
	}
	for n, strike := range was.Strikes {
		finished := slices.ContainsFunc(pages, func(pg document.Page) bool { return pg.Page == n })
		if is.Strikes[n].Count < strike.Count && !finished {
			s.bad("%s page %d had %d strikes and has %d, and is not finished", f.v.name, n, strike.Count,
				is.Strikes[n].Count)
		}
	}
}

// charge uses up the failure that explains a strike.
func (s *sim) charge(p *simPage, code string) {
	switch x := p.failed; {
	case x == nil || x.charged:
		s.bad("%s page %d was charged (%s), and did not fail alone", p.file.v.name, p.n, code)
	case !x.control:
		s.bad("%s page %d was charged (%s), and no control page was read", p.file.v.name, p.n, code)
	case p.fate == fateGood && !x.outage:
		s.bad("%s page %d was charged (%s), and is good", p.file.v.name, p.n, code)
	}
	if p.failed != nil {
		p.failed.charged = true
	}
}

// lookAtPages checks the pages of a commit.
func (s *sim) lookAtPages(c *call, f *simFile, was, is *document.Record, ch *document.Change) {
	rereads := is.Status == document.StatusDone && is.Open()
	for _, pg := range ch.Pages {
		if max(pg.Generation, -pg.Generation) != is.Generation || rereads && pg.Generation > 0 {
			s.bad("%s: page %d of generation %d is stored while it is read again: %v", is.Name, pg.Page, pg.Generation,
				rereads)
		}
		p := f.pages[pg.Page-1]
		switch {
		case pg.Error == nil && pg.Text != p.text():
			s.bad("%s page %d has the text %q, want %q", is.Name, pg.Page, pg.Text, p.text())
		case pg.Error == nil:
			delete(c.d.unsaved, p)
		case !p.gone: // otherwise it is stored again
			s.lookAtFailedPage(p, pg.Error.Code, was)
			p.gone = true
		}
	}
	if rereads && len(ch.Drop) > 0 {
		s.bad("%s: pages %v go while it is read again", is.Name, ch.Drop)
	}
	if is.Status == document.StatusDone && !rereads {
		delete(c.d.unsaved, f.pages[0])
	}
}

// lookAtFailedPage checks that, with an honest service, only unreadable pages fail, and with all their strikes.
func (s *sim) lookAtFailedPage(p *simPage, code string, was *document.Record) {
	f := p.file
	if s.exhausted(f) {
		if p.fate == fateGood && !p.unluck {
			p.unluck = true
			s.count.UnluckyPages++
		}
		return
	}
	suspect := slices.Contains([]string{document.CodeOCRFailed, document.CodeOCRTimeout, document.CodeOCRBadResponse},
		code)
	count := was.Strikes[p.n].Count
	switch {
	case p.gone && f.resplits > 0: // it failed as one of several, and is the only one now
	case suspect && count < s.least-1:
		s.bad("%s page %d failed (%s) with %d strikes", f.v.name, p.n, code, count)
	case suspect && (count < s.least || count < s.most && p.failed != nil && p.failed.control && !p.failed.charged):
		s.count.Strikes++
		s.charge(p, code)
	}
	if p.fate != fateGood || p.unluck {
		return
	}
	chance := p.chance
	if suspect && p.failed != nil && p.failed.charged && p.failed.outage && count < s.most {
		chance++
	}
	if p.unluck = chance+f.unearned[p.n] >= s.least; !p.unluck {
		s.bad("%s page %d failed (%s), and is good: %d strikes, %d of them of chance, %v of interruptions", f.v.name,
			p.n, code, count, p.chance, f.unearned)
	}
	s.count.UnluckyPages++
}

// exhausted reports whether so many holders died that no more of a file may be made, not all because of one bad page.
func (s *sim) exhausted(f *simFile) bool {
	return f.kills && f.interrupted >= s.least || f.unearned[0] >= s.least || f.interrupted >= s.least+2 &&
		(f.innocent > 0 || f.deadly > 1 || s.least < s.most)
}

// mayFailWhole reports whether a file, or its rereading, may fail with a code.
func (s *sim) mayFailWhole(f *simFile, code string, was, is *document.Record) bool {
	switch code {
	case document.CodeObjectGone:
		return f.gone
	case document.CodeUnsupportedMedia:
		return f.none
	case document.CodeTooLarge:
		return s.mixed && !s.first && len(f.pages) > 3
	}
	if f.none || f.kills || s.exhausted(f) {
		return true
	}
	pages := f.pages[:slices.Max(slices.Collect(maps.Keys(f.lengths)))]
	if len(f.lengths) > 1 {
		pages = f.pages[:slices.Min(slices.Collect(maps.Keys(f.lengths)))]
	}
	if s.first {
		pages = pages[:min(len(pages), 3)] // more may have been made, or not
	}
	if len(f.pages) == 1 || was.Rereading == nil && is.Pages == 1 { // there is no document of its page
		s.lookAtFailedPage(f.pages[0], code, was)
	}
	for _, p := range pages {
		asked := was.Rereading == nil || len(was.Rereading.Pages) == 0 || slices.Contains(was.Rereading.Pages, p.n)
		if asked && p.fate == fateGood && !p.unluck {
			return false
		}
	}
	return true
}

// lookAtText checks that a done document has the text of its pages, and only unreadable pages have none.
func (s *sim) lookAtText(f *simFile, r *document.Record, id string) {
	pages := s.pagesOf(id, r.Generation)
	failed := map[int]bool{}
	var numbers, want []int
	for _, pg := range pages {
		numbers = append(numbers, pg.Page)
		failed[pg.Page] = pg.Error != nil
	}
	var texts []string
	made := r.PagesDone
	if s.first && r.Pages > 3 && !s.mixed {
		made = 3
	}
	for n := 1; n <= made; n++ {
		want = append(want, n)
		text := f.pages[n-1].text()
		if failed[n] {
			text = ""
		}
		texts = append(texts, text)
	}
	if r.Pages == 1 && f.resplits == 0 {
		want = nil
	}
	skipped := slices.Contains(r.Warnings, document.WarnPagesSkipped)
	few := !s.first && made < r.Pages || s.first && made < min(3, r.Pages)
	if !f.lengths[r.Pages] || few || r.PagesDone != made || skipped != (made < r.Pages) ||
		r.Text != strings.Join(texts, "\n\f\n") || f.none {
		s.bad("%s is done with %d of %d pages: %q, want %q", f.v.name, r.PagesDone, r.Pages, r.Text, texts)
	}
	if skipped {
		s.count.FirstPages++
	}
	if !slices.Equal(numbers, want) && (r.Pages > 1 || f.resplits == 0) {
		s.bad("%s of %d pages has the page documents %v", f.v.name, r.Pages, numbers)
	}
}

// check checks every invariant against the stored records.
func (s *sim) check() {
	names := map[string]bool{}
	for v := range s.files {
		names[v.name] = true
	}
	all := s.records.All()
	if len(all) > len(names) {
		s.bad("%d documents for %d objects", len(all), len(names))
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		s.checkObject(name, all[document.Object{Bucket: "b", Name: name}.ID()])
	}
	s.checkCost()
	s.checkAnnounced()
}

// checkAnnounced checks that exactly the stored ends are announced.
func (s *sim) checkAnnounced() {
	stored := map[string]bool{}
	for _, e := range s.ends {
		stored[e.Write] = true
		if s.told[e.Write] == 0 {
			s.bad("%s %d ended %s, and that was not announced", e.Name, e.Generation, e.Status)
		}
	}
	for write, n := range s.told {
		if !stored[write] {
			s.bad("an end was announced %d times that was not stored", n)
		}
		s.count.Announced++
		s.count.AnnouncedAgain += n - 1
	}
	for id, r := range s.records.All() {
		if s.told != nil && r.Status != document.StatusDeleted && (r.Notified == nil || !*r.Notified) {
			s.bad("%s has ended, and does not say that this was announced: %+v", id, r)
		}
	}
}

func (s *sim) checkObject(name string, r *document.Record) {
	bad := func(format string, args ...any) { s.bad("%s: %s\n%+v", name, fmt.Sprintf(format, args...), r) }
	if r == nil {
		bad("no document")
		return
	}
	f := s.files[version{name, r.Generation}]
	live, _, err := s.bucket.Live(context.Background(), "b", name)
	switch {
	case r.Open() || r.Lease != nil || !r.Due.IsZero():
		bad("it has not ended")
	case err != nil: // deleted
		if s.erase && r.Status != document.StatusDeleted {
			bad("deleted, but its text is still stored")
		}
	case r.Generation != live.Generation:
		bad("generation %d lives", live.Generation)
	case f.none && (r.Status != document.StatusFailed || r.Error.Code != "unsupported_media" &&
		(r.Error.Code != document.CodeInterrupted || f.innocent == 0)):
		bad("no image, and not told so")
	}
	if err != nil && r.Status != document.StatusDeleted {
		return
	}
	var others []int64
	for v := range s.files {
		for _, g := range []int64{v.generation, -v.generation} {
			if v.name == name && (g != r.Generation || r.Status == document.StatusDeleted) &&
				len(s.pagesOf(r.Object().ID(), g)) > 0 {
				others = append(others, g)
			}
		}
	}
	// The delivery that completes a rereading clears its staged pages, unless it dies then, or does not know of the
	// end.
	by := f.completedBy
	if slices.Equal(others, []int64{-r.Generation}) && by != nil && (by.inst.dead || by.unclear || f.completeLate) {
		s.count.LeftBehind++
	} else if len(others) > 0 {
		bad("pages of generations %v are left", others)
	}
}

// checkCost checks the bounds on costs against the requests sent.
func (s *sim) checkCost() {
	lost := 0 // control pages of deliveries whose strikes were lost
	for _, d := range s.deliveries {
		switch {
		case !d.settled, d.gone:
			lost += d.controls
		case len(d.unsaved) > 0:
			s.bad("%s read pages and did not store them", d.key)
		}
	}
	for _, p := range s.pages {
		type life struct{ read, other int }
		lives := map[int]*life{}
		for _, x := range p.sends {
			if lives[x.life] == nil {
				lives[x.life] = &life{}
			}
			switch l := lives[x.life]; {
			case !x.d.settled, !x.over: // its holder died, lost the lease or ran out of time
			case x.read:
				l.read++
			case !x.refused && !x.outage:
				l.other++
			}
		}
		for _, l := range lives {
			if l.read > 1+p.file.resplits {
				s.bad("%s page %d was read %d times", p.file.v.name, p.n, l.read)
			}
			most := 1 + s.most
			if p.fate == fateRefused {
				most++ // decoded here
			}
			if p.fate != fateGood && l.other > most {
				s.bad("%s page %d (%s) was sent %d times", p.file.v.name, p.n, p.fate, l.other)
			}
		}
	}
	// One before a page is sent alone, for which the delivery may then have no time, and one after it if it failed
	// again.
	alone, deliveries := 0, 0
	for _, p := range s.pages {
		for _, x := range p.sends {
			if x.alone {
				alone++
			}
		}
	}
	for _, d := range s.deliveries {
		if d.controls > 0 {
			deliveries++
		}
	}
	if most := 2*alone + deliveries + s.count.Bursts + s.count.Resplits + lost; s.count.ControlPagesRead > most {
		s.bad("%d control pages were read for %d pages sent alone, in %d deliveries, and %d bursts; %d in deliveries that did not get to store a strike",
			s.count.ControlPagesRead, alone, deliveries, s.count.Bursts, lost)
	}
}
