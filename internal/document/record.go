package document

import (
	"slices"
	"time"
)

// Schema is the version of the document's form, stored in every document.
const Schema = 1

// Record is the document of one object. All of it belongs to Generation. A zero time means that the field is absent.
type Record struct {
	Bucket      string            `json:"bucket"`
	Name        string            `json:"name"`
	Generation  int64             `json:"generation"`
	ContentType string            `json:"contentType,omitempty"`
	Size        int64             `json:"size"` // bytes, as declared
	Metadata    map[string]string `json:"metadata,omitempty"`

	Status      Status   `json:"status"`
	Text        string   `json:"text,omitempty"`        // all pages in order, joined by PageBreak; only when done
	TextInPages bool     `json:"textInPages,omitempty"` // the joined text is longer than MaxTextBytes: read the pages
	Pages       int      `json:"pages,omitempty"`       // how many; 0 while unknown
	PagesDone   int      `json:"pagesDone,omitempty"`
	Blank       bool     `json:"blank,omitempty"`
	Warnings    []string `json:"warnings,omitempty"` // sorted, each once
	Model       string   `json:"model,omitempty"`
	Usage       Usage    `json:"usage,omitzero"`

	Attempt     int       `json:"attempt,omitempty"` // 1-based, per generation; every claim counts
	Faults      int       `json:"faults,omitempty"`  // proven to be the object's
	Doubts      int       `json:"doubts,omitempty"`  // may be the object's
	WindowStart time.Time `json:"windowStart,omitzero"`
	Due         time.Time `json:"due,omitzero"` // when the sweep may take it; absent when ended
	Retried     time.Time `json:"retried,omitzero"`
	RetriedBy   string    `json:"retriedBy,omitempty"`
	Error       *Error    `json:"error,omitempty"`
	Lease       *Lease    `json:"lease,omitempty"`

	EventID   string    `json:"eventId,omitempty"`
	EventTime time.Time `json:"eventTime,omitzero"`

	// The store's time, see Stamps.
	Created  time.Time `json:"created,omitzero"`
	Started  time.Time `json:"started,omitzero"`
	Updated  time.Time `json:"updated,omitzero"`
	Finished time.Time `json:"finished,omitzero"`

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
	return Usage{PromptTokens: u.PromptTokens + v.PromptTokens, CompletionTokens: u.CompletionTokens + v.CompletionTokens}
}

// Error is why the last attempt did not finish.
type Error struct {
	Code      string `json:"code"`
	Message   string `json:"message"`   // for people; never holds text of the document, tokens or whole answers
	Retryable bool   `json:"retryable"` // the class is not final
}

// Lease says who works on a record and until when. A commit of an attempt is refused once its lease is not on the record.
type Lease struct {
	ID      string    `json:"id"`
	Expires time.Time `json:"expires"`
	Alone   bool      `json:"alone"` // the record has its instance to itself
}

// Page is the document of one page, written for every object of several pages and for any with blocks.
type Page struct {
	Page       int       `json:"page"` // 1-based
	Generation int64     `json:"generation"`
	Text       string    `json:"text"` // at most MaxTextBytes
	Warnings   []string  `json:"warnings,omitempty"`
	Blank      bool      `json:"blank"`
	Error      *Error    `json:"error,omitempty"` // the page failed; the others may not have
	Width      int       `json:"width,omitempty"` // pixels as sent
	Height     int       `json:"height,omitempty"`
	Blocks     []Block   `json:"blocks,omitempty"` // layout mode only
	Usage      Usage     `json:"usage,omitzero"`
	Finished   time.Time `json:"finished,omitzero"` // the store's time
}

// Block is a part of a page in layout mode. Box is left, top, right, bottom in thousandths of the page.
type Block struct {
	Label string `json:"label"`
	Box   [4]int `json:"box"`
	Text  string `json:"text"`
}

// clone returns a copy that shares nothing the rules change, so that they may run again on the same record.
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
