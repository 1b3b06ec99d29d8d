package document

import (
	"slices"
	"time"
)

// Schema is the version of the document's form, stored in every document.
const Schema = 1

// MaxTextBytes is the most text that one document holds, in bytes of UTF-8; what is longer lies in the page documents.
// Firestore's own limit is 1,048,576 bytes for the whole document, names and fields included.
const MaxTextBytes = 900_000

// Status is where an object stands. Listeners react to it.
type Status string

// The statuses of a document.
const (
	StatusProcessing Status = "processing" // leased: somebody works on it
	StatusRetrying   Status = "retrying"   // not finished, nobody works on it; a redelivery or the sweep will
	StatusDone       Status = "done"
	StatusFailed     Status = "failed" // with an error that says why
	StatusDeleted    Status = "deleted"
)

// Statuses are all there are, as a document goes through them.
func Statuses() []Status {
	return []Status{StatusProcessing, StatusRetrying, StatusDone, StatusFailed, StatusDeleted}
}

// Ended tells whether nothing more happens to a generation in this status by itself.
func (s Status) Ended() bool { return s == StatusDone || s == StatusFailed || s == StatusDeleted }

// Warnings of a page, and of the document that holds it. Append-only.
const (
	WarnTruncated  = "truncated"   // the page holds more than the text shows
	WarnRepetition = "repetition"  // the model looped; the text ends where the loop began
	WarnDamaged    = "damaged"     // the image is cut off or broken in part
	WarnPageFailed = "page_failed" // a page of several has no text, see its error
)

// AllWarnings are all there are.
func AllWarnings() []string {
	return []string{WarnTruncated, WarnRepetition, WarnDamaged, WarnPageFailed}
}

// Record is the document of one object. All of it belongs to Generation. A zero time means that the field is absent.
type Record struct {
	Bucket      string
	Name        string
	Generation  int64
	ContentType string
	Size        int64 // bytes, as declared
	Metadata    map[string]string

	Status      Status
	Text        string // all pages in order, joined by a line holding a form feed; only when done
	TextInPages bool   // the joined text is longer than MaxTextBytes: read the pages
	Pages       int    // how many; 0 while unknown
	PagesDone   int
	Blank       bool
	Warnings    []string // sorted, each once
	Model       string
	Usage       Usage

	Attempt     int // 1-based, per generation; every claim counts
	Faults      int // proven to be the object's
	Doubts      int // may be the object's
	WindowStart time.Time
	Due         time.Time // when the sweep may take it; absent when ended
	Retried     time.Time
	RetriedBy   string
	Error       *Error
	Lease       *Lease

	EventID   string
	EventTime time.Time

	Created, Started, Updated, Finished time.Time // the store's time, see Stamps
	MarkerExpires                       time.Time

	Write string // id of the last commit, set by the store
}

// Object is the version that the record speaks of.
func (r *Record) Object() Object {
	return Object{Bucket: r.Bucket, Name: r.Name, Generation: r.Generation}
}

// Usage is what the OCR service counted, summed over pages, in tokens.
type Usage struct {
	PromptTokens     int
	CompletionTokens int
}

// Add is the sum of both.
func (u Usage) Add(v Usage) Usage {
	return Usage{PromptTokens: u.PromptTokens + v.PromptTokens, CompletionTokens: u.CompletionTokens + v.CompletionTokens}
}

// RecordError is why the last attempt did not finish.
type Error struct {
	Code      string
	Message   string // for people; never holds text of the document, tokens or whole answers
	Retryable bool   // the class is not final
}

// Lease says who works on a record and until when. A commit of an attempt is refused once its lease is not on the record.
type Lease struct {
	ID      string
	Expires time.Time
	Alone   bool // the record has its instance to itself
}

// PageRecord is the document of one page, written for every object of several pages and for any with blocks.
type Page struct {
	Page       int // 1-based
	Generation int64
	Text       string // at most MaxTextBytes
	Warnings   []string
	Blank      bool
	Error      *Error // the page failed; the others may not have
	Width      int    // pixels as sent
	Height     int
	Blocks     []Block // layout mode only
	Usage      Usage
	Finished   time.Time // the store's time
}

// Block is a part of a page in layout mode. Box is left, top, right, bottom in thousandths of the page.
type Block struct {
	Label string
	Box   [4]int
	Text  string
}

// clone copies what the pure functions change, so that a store may run them again on what it read.
func (r *Record) clone() *Record {
	c := *r
	c.Warnings = slices.Clone(r.Warnings)
	if r.Error != nil {
		e := *r.Error
		c.Error = &e
	}
	if r.Lease != nil {
		l := *r.Lease
		c.Lease = &l
	}
	return &c
}
