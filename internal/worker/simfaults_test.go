package worker_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr"
)

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
	c := &call{op: "ocr", obj: "control page", control: isControlPage(b)}
	text := "# HARBOUR"
	if !c.control {
		s.mu.Lock()
		pages := s.files[ctx.Value(deliveryKey{}).(*delivery).v].pages
		s.mu.Unlock()
		c.page = pages[slices.IndexFunc(pages, func(p *simPage) bool { return p.width == pngWidth(b) })]
		text = c.page.text()
		c.obj = text
	}
	// its answer is in doubt, and it is looked at, whatever the result; the last answer counts
	if !c.control && c.page.width%3 == 0 {
		_, _ = img.Look(ctx)
	}
	if err := s.park(ctx, c).err; err != nil {
		if ctx.Err() != nil {
			err = &ocr.Error{Kind: ocr.KindCanceled, Err: ctx.Err()}
		}
		return ocr.Result{}, err
	}
	res := result(text)
	res.Model = c.d.inst.model
	return res, nil
}

func pngWidth(b []byte) int { return int(b[18])<<8 | int(b[19]) }

// simLog parks a page after it is made and before it is sent.
type simLog struct{ s *sim }

func (simLog) Enabled(context.Context, slog.Level) bool { return true }

func (l simLog) Handle(ctx context.Context, r slog.Record) error {
	if r.Message != worker.PageMade {
		return nil
	}
	d, ok := ctx.Value(deliveryKey{}).(*delivery)
	if !ok {
		return nil
	}
	c := &call{op: "made", page: l.s.files[d.v].pages[0]}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "page" {
			c.page = c.page.file.pages[a.Value.Int64()-1]
		}
		return true
	})
	c.obj = c.page.text()
	return l.s.park(ctx, c).err
}

func (l simLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l simLog) WithGroup(string) slog.Handler      { return l }

// simTraces distinguishes the deliveries of a sweep, and notes when each is over.
type simTraces struct {
	noop.TracerProvider
	s *sim
}

func (t simTraces) Tracer(string, ...trace.TracerOption) trace.Tracer { return simTracer{s: t.s} }

type simTracer struct {
	noop.Tracer
	s *sim
}

func (t simTracer) Start(ctx context.Context, name string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	above, ok := ctx.Value(deliveryKey{}).(*delivery)
	if name != "delivery" || !ok {
		return ctx, noop.Span{}
	}
	d := newSimDelivery(above.inst, above.key)
	return context.WithValue(ctx, deliveryKey{}, d), &simSpan{s: t.s, d: d, above: above}
}

type simSpan struct {
	noop.Span
	s        *sim
	d, above *delivery
}

func (*simSpan) IsRecording() bool { return true }

func (p *simSpan) SetAttributes(all ...attribute.KeyValue) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	for _, a := range all {
		switch a.Key {
		case "faas.document.name":
			p.d.v.name = a.Value.AsString()
		case "bucketocr.generation":
			p.d.v.generation = a.Value.AsInt64()
			p.above.below[p.d.v.name]++
			p.d.key = fmt.Sprintf("%s/%s/%d", p.above.key, p.d.v.name, p.above.below[p.d.v.name])
			p.d.inst.running = append(p.d.inst.running, p.d)
			p.s.deliveries = append(p.s.deliveries, p.d)
		}
	}
}

func (p *simSpan) End(...trace.SpanEndOption) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.d.over = true
	p.d.inst.running = slices.DeleteFunc(p.d.inst.running, func(d *delivery) bool { return d == p.d })
}

// release lets a call go, well or with a fault.
func (s *sim) release(c *call) {
	v := s.fate(c)
	s.unpark(c)
	s.mu.Lock()
	s.end(c, v)
	s.mu.Unlock()
	fmt.Fprintf(s.history, "%s %v %d\n", c.key(), v.err, v.after)
	c.verdict <- v
	time.Sleep(time.Microsecond) // so that no two things happen at the same time, in random order
}

// fate decides the result of a call.
func (s *sim) fate(c *call) verdict {
	if s.deadly(c) {
		s.count.Deaths++
		return s.crash(c, true)
	}
	if s.calm {
		return verdict{err: s.own(c)}
	}
	s.startOutage()
	if s.away(kindOf(c.op)) {
		return s.fail(c)
	}
	switch s.rng.IntN(40) {
	case 0:
		if !c.control {
			return s.fail(c)
		}
	case 1:
		switch c.op {
		case "commit", "turn commit":
			s.count.LostAnswers++
			return verdict{fmt.Errorf("%w: %w: simulated", document.ErrAnswerLost, document.ErrStoreUnavailable),
				commitApplied}
		case "clear", "notify":
			s.count.LostAnswers++
			return verdict{fmt.Errorf("%w: simulated", document.ErrStoreUnavailable), commitApplied}
		}
	case 2:
		if s.rng.IntN(6) == 0 {
			s.count.Crashes++
			return s.crash(c, false)
		}
	case 3:
		if c.op == "commit" || c.op == "turn commit" {
			return verdict{fmt.Errorf("%w: %w: simulated", document.ErrAnswerLost, document.ErrStoreUnavailable),
				commitLate}
		}
	}
	s.maybeDrop()
	return verdict{err: s.own(c)}
}

// deadly reports whether a call is the last of its process, whatever else happens.
func (s *sim) deadly(c *call) bool {
	switch c.op {
	case "open":
		f := s.files[c.d.v]
		return f != nil && f.kills
	case "made":
		return c.page.fate == fateKillsMade
	case "ocr":
		return !c.control && c.page.fate == fateKillsRead
	}
	return false
}

// own returns the error for a page at a service without faults. Good pages that are sent among others may fail, too.
func (s *sim) own(c *call) error {
	if c.op != "ocr" || c.control {
		return nil
	}
	switch c.page.fate {
	case fateRefused:
		return &ocr.Error{Kind: ocr.KindBadImage}
	case fateEngine:
		return &ocr.Error{Kind: ocr.KindBackendFailed}
	case fateNoAnswer:
		return &ocr.Error{Kind: ocr.KindBadResponse}
	case fateTimeout:
		return &ocr.Error{Kind: ocr.KindTimeout, Phase: ocr.PhaseWait}
	case fateLost:
		return &ocr.Error{Kind: ocr.KindLost}
	}
	if !s.calm && !c.send.alone && s.rng.IntN(15) == 0 {
		s.count.Faults++
		return s.suspect()
	}
	return nil
}

// suspect returns an error that a page or the service may explain.
func (s *sim) suspect() error {
	return &ocr.Error{Kind: pick(s.rng, ocr.KindTimeout, ocr.KindBackendFailed, ocr.KindLost, ocr.KindBadResponse),
		Phase: ocr.PhaseWait}
}

func kindOf(op string) string {
	switch op {
	case "open", "live":
		return "bucket"
	case "ocr":
		return "ocr"
	case "made":
		return "none"
	}
	return "store"
}

// away reports whether a service is in an outage.
func (s *sim) away(kind string) bool {
	until, ok := s.outage[kind]
	return ok && time.Now().Before(until)
}

// startOutage makes a service fail for up to half an hour, now and then.
func (s *sim) startOutage() {
	if s.rng.IntN(400) == 0 {
		s.count.Outages++
		s.outage[pick(s.rng, "bucket", "ocr", "ocr", "store")] = time.Now().Add(s.upTo(30 * time.Minute))
		s.only = pick(s.rng, "", "", ocr.KindBackendFailed, ocr.KindUnavailable)
	}
}

// fail returns the error of one call. In an outage the OCR service answers a few calls, including the control page, or
// fails all in the same way.
func (s *sim) fail(c *call) verdict {
	s.count.Faults++
	v := verdict{after: commitNever}
	switch kindOf(c.op) {
	case "none":
		s.count.Faults--
		return verdict{}
	case "bucket":
		v.err = fmt.Errorf("%w: simulated", document.ErrStorageUnavailable)
	case "ocr":
		switch n := s.rng.IntN(10); {
		case s.away("ocr") && s.only != "":
			v.err = &ocr.Error{Kind: s.only}
		case !s.away("ocr") || n < 4:
			v.err = &ocr.Error{Kind: pick(s.rng, ocr.KindUnavailable, ocr.KindOverloaded, ocr.KindAborted,
				ocr.KindForbidden)}
		case n < 9:
			v.err = s.suspect()
		default:
			v.err = s.own(c)
		}
	default:
		v.err = fmt.Errorf("%w: simulated", document.ErrStoreUnavailable)
	}
	return v
}

// crash kills the instance at this call: before it arrives, or for a commit sometimes right after, or long after.
func (s *sim) crash(c *call, culprit bool) verdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	if culprit {
		s.killed(c)
	}
	s.kill(c.d.inst, c)
	return verdict{errDead, pick(s.rng, commitApplied, commitLate, commitNever)}
}

// kill ends a process and all its calls except one.
func (s *sim) kill(i *simInstance, but *call) {
	i.dead, i.running = true, nil
	for _, p := range s.parked {
		if p != but && p.d.inst == i {
			p.verdict <- verdict{errDead, commitNever}
		}
	}
	s.parked = slices.DeleteFunc(s.parked, func(p *call) bool { return p != but && p.d.inst == i })
	i.flying = nil
}

// maybeDrop makes the platform give up on a message whose generation has a record: the sweep must do the rest.
func (s *sim) maybeDrop() {
	if s.rng.IntN(60) != 0 || len(s.messages) == 0 {
		return
	}
	m := s.messages[s.rng.IntN(len(s.messages))]
	r := s.records.Record(m.ev.Object.ID())
	s.mu.Lock()
	defer s.mu.Unlock()
	if !m.acked && m.ev.Kind == document.KindFinalized && r != nil && r.Generation == m.ev.Generation {
		m.acked = true
		s.count.Dropped++
	}
}
