package document

import (
	"maps"
	"slices"
	"time"
)

// Schema is the version of the document's format, stored in every document. Documents of schema 1 can be read as well,
// see [Record.Upgrade].
const Schema = 2

// Record is the document of one object. All of it describes Generation. A zero time means that the field is absent.
type Record struct {
	Bucket      string            `json:"bucket"`
	Name        string            `json:"name"`
	Generation  int64             `json:"generation"`
	Owner       string            `json:"owner,omitempty"` // by OWNER_PATTERN
	ContentType string            `json:"contentType,omitempty"`
	Size        int64             `json:"size"`          // bytes, as declared
	MD5         string            `json:"md5,omitempty"` // as in Attributes
	Metadata    map[string]string `json:"metadata,omitempty"`

	Status      Status   `json:"status"`
	Text        string   `json:"text,omitempty"`        // all pages in order, joined by PageBreak; only when done
	TextInPages bool     `json:"textInPages,omitempty"` // the joined text is longer than MaxTextBytes: read the pages
	Pages       int      `json:"pages,omitempty"`       // their number; 0 while unknown
	PagesDone   int      `json:"pagesDone,omitempty"`
	Blank       bool     `json:"blank,omitempty"`
	Warnings    []string `json:"warnings,omitempty"` // sorted, each once
	Model       string   `json:"model,omitempty"`
	// the reading mode; like Profile, absent if not all pages were read alike
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
	// when the sweep may take it, or announce its end; absent if nothing is left to do
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

	// Notified is set if ends are announced: false from the write that ends the record until the end is announced, then
	// true.
	Notified *bool `json:"notified,omitempty"`

	MarkerExpires time.Time `json:"markerExpires,omitzero"`

	Write string `json:"write"` // id of the last commit
}

// Object returns the version that the record describes.
func (r *Record) Object() Object {
	return Object{Bucket: r.Bucket, Name: r.Name, Generation: r.Generation}
}

// Usage is the OCR service's count of tokens, summed over pages.
type Usage struct {
	PromptTokens     int `json:"promptTokens"`
	CompletionTokens int `json:"completionTokens"`
}

// Add returns the sum of both.
func (u Usage) Add(v Usage) Usage {
	return Usage{PromptTokens: u.PromptTokens + v.PromptTokens,
		CompletionTokens: u.CompletionTokens + v.CompletionTokens}
}

// Error is the reason why the last attempt did not finish.
type Error struct {
	Code      string `json:"code"`
	Message   string `json:"message"`   // for people; never contains document text, tokens or whole answers
	Retryable bool   `json:"retryable"` // the class is not final
}

// Lease identifies the attempt that works on a record, until a time. Once the record does not hold an attempt's lease,
// the attempt's commits are refused.
type Lease struct {
	ID      string    `json:"id"`
	Expires time.Time `json:"expires"`
	// the record has its instance to itself, and its pages are made and read one at a time
	Alone bool `json:"alone"`
	// the page being made or read, with Alone only; 0: the object is being opened
	Page int `json:"page,omitempty"`
}

// Strikes are the suspect pages of a record, by number; 0 is the object itself.
type Strikes map[int]Strike

// Strike is the suspicion against a page. A page with MAX_ATTEMPTS strikes fails.
type Strike struct {
	// failures that only the page explains, at most one per delivery; 0: it has only failed among others
	Count int    `json:"count"`
	Code  string `json:"code"` // of the last failure
	// Open means that the page failed alone, but no control page was read after it: the next delivery sends one first.
	Open bool `json:"open,omitempty"`
}

// Rereading is a request to read a finished document again. Its status, text and pages stay until the new reading is
// complete, and for good if that fails.
type Rereading struct {
	Requested time.Time `json:"requested"`
	By        string    `json:"by"`
	Pages     []int     `json:"pages,omitempty"`     // pages to read again; empty: all
	PagesDone int       `json:"pagesDone,omitempty"` // of these
	Model     string    `json:"model,omitempty"`     // that reads them
	Error     *Error    `json:"error,omitempty"`     // why the reading failed; set, the request is over
}

// Sources of a page's text.
const (
	SourceOCR     = "ocr"
	SourcePDFText = "pdf_text" // the text in the file
	SourceCopy    = "copy"     // copied from another document, see Record.CopiedFrom
)

// Page is the document of one page, written for objects of several pages, and for a single page with properties that
// the record lacks: blocks, a rotation, or text taken from the file.
type Page struct {
	Page       int      `json:"page"` // 1-based
	Generation int64    `json:"generation"`
	Text       string   `json:"text"` // at most MaxTextBytes
	Warnings   []string `json:"warnings,omitempty"`
	Blank      bool     `json:"blank"`
	Error      *Error   `json:"error,omitempty"` // the page failed; the others may not have
	Width      int      `json:"width,omitempty"` // pixels as sent
	Height     int      `json:"height,omitempty"`
	// clockwise rotation in degrees that made it upright; width, height and boxes are those of the turned page
	Turned   int       `json:"turned,omitempty"`
	Blocks   []Block   `json:"blocks,omitempty"` // layout mode only
	Source   string    `json:"source,omitempty"` // of its text; absent if reading it failed
	Model    string    `json:"model,omitempty"`
	Usage    Usage     `json:"usage,omitzero"`
	Finished time.Time `json:"finished,omitzero"` // the store's time
}

// SaysMore reports whether the page has properties that an object's record lacks.
func (p *Page) SaysMore() bool {
	return len(p.Blocks) > 0 || p.Turned != 0 || p.Source == SourcePDFText
}

// Block is a part of a page in layout mode. Box is left, top, right, bottom in thousandths of the page.
type Block struct {
	Label string `json:"label"`
	// Continued means that the block continues the last block before it with the same label, possibly on the previous
	// page, like a paragraph that continues in the next column.
	Continued bool   `json:"continued,omitempty"`
	Box       [4]int `json:"box"`
	Text      string `json:"text"`
}

// Open reports whether something is left to do: the record is unfinished, or being read again.
func (r *Record) Open() bool { return !r.Status.Ended() || r.rereads() }

// rereads reports whether a finished record is being read again.
func (r *Record) rereads() bool { return r.Rereading != nil && r.Rereading.Error == nil }

// Failure returns why the record, or its rereading, failed; nil if neither did.
func (r *Record) Failure() *Error {
	switch {
	case r.Rereading != nil && r.Rereading.Error != nil:
		return r.Rereading.Error
	case r.Status == StatusFailed:
		return r.Error
	}
	return nil
}

// Upgrade converts a record that was read with an older schema, including its doubts field, to the current one. The
// older schema counted failures for the whole object, without a control page, so they do not become strikes.
func (r *Record) Upgrade(schema, doubts int) {
	if schema < 2 && doubts > 0 && r.Error != nil && r.Error.Code == CodeInterrupted && !r.Status.Ended() {
		r.Interruptions = 1 // its holder died
	}
}

// clone returns a copy that shares nothing that the rules change, so that they may run again on the same record.
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
