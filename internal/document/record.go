package document

import (
	"maps"
	"slices"
	"time"
)

// Schema is the version of the document's form, stored in every document. Documents of schema 1 are read too, see
// [Record.Upgrade].
const Schema = 2

// Record is the document of one object. All of it belongs to Generation. A zero time means that the field is absent.
type Record struct {
	Bucket      string            `json:"bucket"`
	Name        string            `json:"name"`
	Generation  int64             `json:"generation"`
	Owner       string            `json:"owner,omitempty"` // by OWNER_PATTERN
	ContentType string            `json:"contentType,omitempty"`
	Size        int64             `json:"size"`          // bytes, as declared
	MD5         string            `json:"md5,omitempty"` // as Attributes have it
	Metadata    map[string]string `json:"metadata,omitempty"`

	Status      Status   `json:"status"`
	Text        string   `json:"text,omitempty"`        // all pages in order, joined by PageBreak; only when done
	TextInPages bool     `json:"textInPages,omitempty"` // the joined text is longer than MaxTextBytes: read the pages
	Pages       int      `json:"pages,omitempty"`       // how many; 0 while unknown
	PagesDone   int      `json:"pagesDone,omitempty"`
	Blank       bool     `json:"blank,omitempty"`
	Warnings    []string `json:"warnings,omitempty"` // sorted, each once
	Model       string   `json:"model,omitempty"`
	// in which it was read; absent, as Profile is, where not all pages were read alike
	Mode    string `json:"mode,omitempty"`
	Profile string `json:"profile,omitempty"` // of the model
	// id of the document whose object had the same bytes and was read
	CopiedFrom string `json:"copiedFrom,omitempty"`
	ReuseKey   string `json:"reuseKey,omitempty"` // only while the text may be copied, see ReuseKey
	Usage      Usage  `json:"usage,omitzero"`

	Attempt       int       `json:"attempt,omitempty"` // 1-based, per generation; every claim counts
	Strikes       Strikes   `json:"strikes,omitempty"`
	Interruptions int       `json:"interruptions,omitempty"` // expired leases since WindowStart
	WindowStart   time.Time `json:"windowStart,omitzero"`
	// when the sweep may take it, or announce its end; absent when nothing is left to do
	Due       time.Time  `json:"due,omitzero"`
	Retried   time.Time  `json:"retried,omitzero"`
	RetriedBy string     `json:"retriedBy,omitempty"`
	Rereading *Rereading `json:"rereading,omitempty"`
	Error     *Error     `json:"error,omitempty"`
	Lease     *Lease     `json:"lease,omitempty"`

	EventID   string    `json:"eventId,omitempty"`
	EventTime time.Time `json:"eventTime,omitzero"`

	// The store's time, see Stamps.
	Created  time.Time `json:"created,omitzero"`
	Started  time.Time `json:"started,omitzero"`
	Updated  time.Time `json:"updated,omitzero"`
	Finished time.Time `json:"finished,omitzero"`

	// Notified is there where ends are announced: false from the write that ends the record until its end is announced.
	Notified *bool `json:"notified,omitempty"`

	MarkerExpires time.Time `json:"markerExpires,omitzero"`

	Write string `json:"write"` // id of the last commit
}

// Object is the version that the record speaks of.
func (r *Record) Object() Object {
	return Object{Bucket: r.Bucket, Name: r.Name, Generation: r.Generation}
}

// Usage is what the OCR service counted, summed over pages, in tokens.
type Usage struct {
	PromptTokens     int `json:"promptTokens"`
	CompletionTokens int `json:"completionTokens"`
}

// Add returns the sum of both.
func (u Usage) Add(v Usage) Usage {
	return Usage{PromptTokens: u.PromptTokens + v.PromptTokens,
		CompletionTokens: u.CompletionTokens + v.CompletionTokens}
}

// Error is why the last attempt did not finish.
type Error struct {
	Code      string `json:"code"`
	Message   string `json:"message"`   // for people; never holds text of the document, tokens or whole answers
	Retryable bool   `json:"retryable"` // the class is not final
}

// Lease says who works on a record and until when. A commit of an attempt is refused once its lease is not on the
// record.
type Lease struct {
	ID      string    `json:"id"`
	Expires time.Time `json:"expires"`
	// the record has its instance to itself, and its pages are made and read one at a time
	Alone bool `json:"alone"`
	// the page being made or read, with Alone only; 0: the object is being opened
	Page int `json:"page,omitempty"`
}

// Strikes are the pages of a record that are in trouble, by number; 0 is the object itself.
type Strikes map[int]Strike

// Strike is what a page is suspected of. A page with as many strikes as MAX_ATTEMPTS fails.
type Strike struct {
	// failures that nothing but the page explains, at most one a delivery; 0: none yet, but it failed among others
	Count int    `json:"count"`
	Code  string `json:"code"` // of the last failure
	// Open says that the page failed alone, but no control page was read after it: the next delivery sends one first.
	Open bool `json:"open,omitempty"`
}

// Rereading is a request to read a finished document again. Its status, text and pages stay until the new reading is
// complete, and for good if that fails.
type Rereading struct {
	Requested time.Time `json:"requested"`
	By        string    `json:"by"`
	Pages     []int     `json:"pages,omitempty"`     // that are read again; none: all
	PagesDone int       `json:"pagesDone,omitempty"` // of these
	Model     string    `json:"model,omitempty"`     // that reads them
	Error     *Error    `json:"error,omitempty"`     // why the reading failed; the request is over
}

// Where the text of a page comes from.
const (
	SourceOCR     = "ocr"
	SourcePDFText = "pdf_text" // the text that the file holds
	SourceCopy    = "copy"     // another document, see Record.CopiedFrom
)

// Page is the document of one page, written for every object of several pages, and for one of a single page with more
// to say of it than the record does: its blocks, that it was turned, or that its text is the file's own.
type Page struct {
	Page       int      `json:"page"` // 1-based
	Generation int64    `json:"generation"`
	Text       string   `json:"text"` // at most MaxTextBytes
	Warnings   []string `json:"warnings,omitempty"`
	Blank      bool     `json:"blank"`
	Error      *Error   `json:"error,omitempty"` // the page failed; the others may not have
	Width      int      `json:"width,omitempty"` // pixels as sent
	Height     int      `json:"height,omitempty"`
	// degrees clockwise that made it upright; width, height and boxes are those of the turned page
	Turned   int       `json:"turned,omitempty"`
	Blocks   []Block   `json:"blocks,omitempty"` // layout mode only
	Source   string    `json:"source,omitempty"` // of its text; absent where reading it failed
	Model    string    `json:"model,omitempty"`
	Usage    Usage     `json:"usage,omitzero"`
	Finished time.Time `json:"finished,omitzero"` // the store's time
}

// SaysMore reports whether the page holds what the record of an object does not.
func (p *Page) SaysMore() bool {
	return len(p.Blocks) > 0 || p.Turned != 0 || p.Source == SourcePDFText
}

// Block is a part of a page in layout mode. Box is left, top, right, bottom in thousandths of the page.
type Block struct {
	Label string `json:"label"`
	// Continued says that the block goes on with the last one before it that has the same label, as a paragraph does in
	// the next column, or with the page before.
	Continued bool   `json:"continued,omitempty"`
	Box       [4]int `json:"box"`
	Text      string `json:"text"`
}

// Open reports whether something is left to do: the record is unfinished, or being read again.
func (r *Record) Open() bool { return !r.Status.Ended() || r.rereads() }

// rereads reports whether a finished record is being read again.
func (r *Record) rereads() bool { return r.Rereading != nil && r.Rereading.Error == nil }

// Failure returns why the record, or its reading again, failed; nil where neither did.
func (r *Record) Failure() *Error {
	switch {
	case r.Rereading != nil && r.Rereading.Error != nil:
		return r.Rereading.Error
	case r.Status == StatusFailed:
		return r.Error
	}
	return nil
}

// Upgrade turns a record that was read with an older schema, and what that called faults and doubts, into what it means
// now. Failures were counted for the whole object and without a control: none of them is a strike.
func (r *Record) Upgrade(schema, doubts int) {
	if schema < 2 && doubts > 0 && r.Error != nil && r.Error.Code == CodeInterrupted && !r.Status.Ended() {
		r.Interruptions = 1 // its holder died
	}
}

// clone returns a copy that shares nothing the rules change, so that they may run again on the same record.
func (r *Record) clone() *Record {
	c := *r
	c.Warnings, c.Strikes = slices.Clone(r.Warnings), maps.Clone(r.Strikes)
	c.Error, c.Lease, c.Rereading = copied(r.Error), copied(r.Lease), copied(r.Rereading)
	return &c
}

// copied returns a shallow copy of what p points to.
func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
