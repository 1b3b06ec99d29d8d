package ui

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// Operation is the information in the operator's view that does not come from the records.
type Operation struct {
	// Engine returns the state of the worker in this process; it is nil if another process does the work. It is called
	// every few seconds while the view is open.
	Engine func() Engine
	// Elsewhere tells the user where to see the pace if Engine is nil.
	Elsewhere string

	// Passes returns the state of a bucket's reconciliation. If it is nil, there are no reconciliations, and Compared
	// describes the substitute. It is called once a minute while the view is open.
	Passes   func(ctx context.Context, bucket string) (Pass, error)
	Compared string

	// Sweep is the interval of sweeps, which retry due documents. If it is zero, overdue documents are not taken as a
	// sign that the sweep is not running.
	Sweep time.Duration
}

// Engine is the state of the worker in this process.
type Engine struct {
	// pages at the OCR service: current, limit adapted to the service, limit by the settings
	InFlight, Limit, Most int
	Arrived               int       // files without a document yet
	Scanned               time.Time // when the folder was last compared with its documents
}

// Pass is the state of a bucket's reconciliation: when the current one began and when the last one ended. Either is
// zero if there is none.
type Pass struct{ Begun, Ended time.Time }

const (
	passesFor   = time.Minute // lifetime of cached states of reconciliations
	passesTime  = 5 * time.Second
	passBuckets = 10             // buckets shown, those with the most documents
	passLate    = 49 * time.Hour // two daily reconciliations were missed
	failureRows = 40             // codes shown; the table has fewer
)

// figures is the content of the operator's view. Times are in Unix milliseconds, 0 for none.
type figures struct {
	Now       int64       `json:"now"`
	State     string      `json:"state"` // the feed's
	Partial   string      `json:"partial,omitempty"`
	Attention []attention `json:"attention"`
	Minute    int         `json:"minute"` // pages read in the last minute
	Hour      int         `json:"hour"`
	Minutes   []int       `json:"minutes"` // of the last hour, oldest first
	Today     today       `json:"today"`
	Queue     queue       `json:"queue"`
	Failures  []failure   `json:"failures"`
	Service   *service    `json:"service"` // null if unknown
	Elsewhere string      `json:"elsewhere,omitempty"`
	Passes    []pass      `json:"passes"`
	Compared  string      `json:"compared,omitempty"`
	Scanned   int64       `json:"scanned"`
}

// attention is a problem that needs an operator's action.
type attention struct {
	Says string `json:"says"`
	Do   string `json:"do"`
	Code string `json:"code,omitempty"` // of the documents concerned
}

type today struct {
	Since            int64 `json:"since"`
	Pages            int   `json:"pages"`
	PromptTokens     int   `json:"promptTokens"`
	CompletionTokens int   `json:"completionTokens"`
}

type queue struct {
	Arrived int    `json:"arrived"` // files without a document; -1 if unknown
	Waiting int    `json:"waiting"`
	Working int    `json:"working"`
	Late    int    `json:"late"`   // of these, overdue
	Oldest  string `json:"oldest"` // ID of the one that has waited longest
	Name    string `json:"name"`   // of that one
	Since   int64  `json:"since"`
	oldest  time.Time
}

type failure struct {
	Code     string `json:"code"`
	Failed   int    `json:"failed"`
	Waiting  int    `json:"waiting"`
	Says     string `json:"says"`
	Do       string `json:"do"`
	operator bool
}

type service struct {
	InFlight int `json:"inFlight"`
	Limit    int `json:"limit"`
	Most     int `json:"most"`
}

type pass struct {
	Bucket  string `json:"bucket"`
	Begun   int64  `json:"begun"`
	Ended   int64  `json:"ended"`
	Trouble string `json:"trouble,omitempty"`
}

// operator serves the figures of the operator's view.
func (s *Server) operator(w http.ResponseWriter, r *http.Request) {
	answer(w, s.figures(r.Context(), time.Now()))
}

func (s *Server) figures(ctx context.Context, now time.Time) figures {
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	f, buckets := s.ledger.figures(now, midnight, s.c.Operation.Sweep)
	_, f.State, _, _ = s.feed.since(1 << 62)
	f.Partial, f.Elsewhere, f.Compared = s.c.partial(), s.c.Operation.Elsewhere, s.c.Operation.Compared
	if s.c.Operation.Engine != nil {
		e := s.c.Operation.Engine()
		f.Service = &service{e.InFlight, e.Limit, e.Most}
		f.Queue.Arrived, f.Scanned = e.Arrived, millis(e.Scanned)
	}
	f.Passes = s.passes.read(ctx, s.c.Operation.Passes, buckets, now)
	f.Attention = s.attention(now, f)
	return f
}

// figures computes the figures from the ledger. It also returns the buckets of the records, those with the most records
// first.
func (l *ledger) figures(now, midnight time.Time, sweep time.Duration) (f figures, buckets []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f = figures{Now: now.UnixMilli(), Minutes: make([]int, 60), Queue: queue{Arrived: -1}, Failures: []failure{}}
	f.Minute, f.Hour = l.since(now.Add(-time.Minute)).pages, l.since(now.Add(-time.Hour)).pages
	day := l.since(midnight)
	f.Today = today{midnight.UnixMilli(), day.pages, day.usage.PromptTokens, day.usage.CompletionTokens}
	for slot, a := range l.read {
		if ago := now.Sub(time.Unix(0, slot*int64(slotTime))); ago >= 0 && ago < time.Hour {
			f.Minutes[59-int(ago.Minutes())] += a.pages
		}
	}
	codes, documents := map[string]*failure{}, map[string]int{}
	for id, e := range l.entries {
		documents[e.bucket]++
		if e.open {
			f.Queue.add(id, e, now, sweep)
		}
		if e.code == "" {
			continue
		}
		row := codes[e.code]
		if row == nil {
			info := document.Code(e.code)
			row = &failure{Code: e.code, Says: cmp.Or(info.Summary, document.Clip(e.code, 60)), Do: info.Advice,
				operator: info.Operator}
			codes[e.code] = row
		}
		if e.status == document.StatusFailed {
			row.Failed++
		} else {
			row.Waiting++
		}
	}
	for _, row := range codes {
		f.Failures = append(f.Failures, *row)
	}
	slices.SortFunc(f.Failures, func(a, b failure) int {
		return cmp.Or(cmp.Compare(b.Failed, a.Failed), cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.Code, b.Code))
	})
	f.Failures = f.Failures[:min(len(f.Failures), failureRows)]
	for bucket := range documents {
		buckets = append(buckets, bucket)
	}
	slices.SortFunc(buckets, func(a, b string) int {
		return cmp.Or(cmp.Compare(documents[b], documents[a]), cmp.Compare(a, b))
	})
	return f, buckets
}

// add counts an unfinished record.
func (q *queue) add(id string, e ledgerEntry, now time.Time, sweep time.Duration) {
	late := !e.due.IsZero() && now.Sub(e.due) > max(2*sweep, time.Minute)
	switch {
	case late:
		q.Late++
		q.Waiting++
	case e.held:
		q.Working++
		return
	default:
		q.Waiting++
	}
	if !e.since.IsZero() && (q.oldest.IsZero() || e.since.Before(q.oldest)) {
		q.oldest, q.Oldest, q.Name, q.Since = e.since, id, e.name, millis(e.since)
	}
}

// attention lists the problems that need an operator: nothing is running, errors that only an operator can fix, and
// missed sweeps and reconciliations.
func (s *Server) attention(now time.Time, f figures) []attention {
	list := []attention{}
	idle := s.idle.say()
	if idle != "" {
		list = append(list, attention{Says: idle})
	}
	for _, row := range f.Failures {
		if row.operator {
			list = append(list, attention{row.Says + " " + aboutDocuments(row.Failed, row.Waiting), row.Do, row.Code})
		}
	}
	if idle == "" && f.Queue.Late > 0 && s.c.Operation.Sweep > 0 {
		list = append(list, attention{Says: haveBeen(f.Queue.Late) + " due for longer than two sweeps.",
			Do: "The worker is behind, or the sweep is not running: check its job in Cloud Scheduler if the number does not go down."})
	}
	for _, p := range f.Passes {
		if p.Ended != 0 && now.Sub(time.UnixMilli(p.Ended)) > passLate {
			list = append(list, attention{Says: fmt.Sprintf("Bucket %s was last compared with its documents %s ago.",
				p.Bucket, inWords(now.Sub(time.UnixMilli(p.Ended)))),
				Do: "This should happen once a day: check the reconciliation job in Cloud Scheduler."})
		}
	}
	return list
}

func aboutDocuments(failed, waiting int) string {
	var parts []string
	if failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", failed))
	}
	if waiting > 0 {
		parts = append(parts, fmt.Sprintf("%d waiting", waiting))
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// passes caches the states of reconciliations for all open pages.
type passes struct {
	mu   sync.Mutex
	at   time.Time
	kept []pass
}

func (p *passes) read(ctx context.Context, get func(context.Context, string) (Pass, error), buckets []string,
	now time.Time) []pass {
	p.mu.Lock()
	defer p.mu.Unlock()
	if get == nil {
		return []pass{}
	}
	if len(p.kept) > 0 && now.Sub(p.at) < passesFor {
		return p.kept
	}
	// the result is cached for other requests
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), passesTime)
	defer cancel()
	list := []pass{}
	for _, bucket := range buckets[:min(len(buckets), passBuckets)] {
		one := pass{Bucket: bucket}
		found, err := get(ctx, bucket)
		if err != nil {
			_, one.Trouble = sentenceOf(err)
		}
		one.Begun, one.Ended = millis(found.Begun), millis(found.Ended)
		list = append(list, one)
	}
	p.kept, p.at = list, now
	return list
}
