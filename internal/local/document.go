package local

import (
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// recordFields is pipeline.Record with the names of the stored document. Both are converted into each other, so a field
// that one has and the other lacks does not compile. The fields marked "-" are stored through recordDoc.
type recordFields struct {
	Bucket      string            `json:"bucket"`
	Name        string            `json:"name"`
	Generation  int64             `json:"generation"`
	ContentType string            `json:"contentType,omitempty"`
	Size        int64             `json:"size"`
	Metadata    map[string]string `json:"metadata,omitempty"`

	Status      document.Status `json:"status"`
	Text        string          `json:"text,omitempty"`
	TextInPages bool            `json:"textInPages,omitempty"`
	Pages       int             `json:"pages,omitempty"`
	PagesDone   int             `json:"pagesDone,omitempty"`
	Blank       bool            `json:"blank,omitempty"`
	Warnings    []string        `json:"warnings,omitempty"`
	Model       string          `json:"model,omitempty"`
	Usage       document.Usage  `json:"-"`

	Attempt     int             `json:"attempt,omitempty"`
	Faults      int             `json:"faults,omitempty"`
	Doubts      int             `json:"doubts,omitempty"`
	WindowStart time.Time       `json:"windowStart,omitzero"`
	Due         time.Time       `json:"due,omitzero"`
	Retried     time.Time       `json:"retried,omitzero"`
	RetriedBy   string          `json:"retriedBy,omitempty"`
	Error       *document.Error `json:"-"`
	Lease       *document.Lease `json:"-"`

	EventID   string    `json:"eventId,omitempty"`
	EventTime time.Time `json:"eventTime,omitzero"`

	Created       time.Time `json:"created,omitzero"`
	Started       time.Time `json:"started,omitzero"`
	Updated       time.Time `json:"updated,omitzero"`
	Finished      time.Time `json:"finished,omitzero"`
	MarkerExpires time.Time `json:"markerExpires,omitzero"`

	Write string `json:"write"`
}

type recordDoc struct {
	recordFields
	Usage  usageDoc  `json:"usage,omitzero"`
	Error  *errorDoc `json:"error,omitempty"`
	Lease  *leaseDoc `json:"lease,omitempty"`
	Schema int       `json:"schema"`
}

type usageDoc struct {
	PromptTokens     int `json:"promptTokens"`
	CompletionTokens int `json:"completionTokens"`
}

type errorDoc struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
}

type leaseDoc struct {
	ID      string    `json:"id"`
	Expires time.Time `json:"expires"`
	Alone   bool      `json:"alone"`
}

// pageFields is pipeline.PageRecord as recordFields is pipeline.Record.
type pageFields struct {
	Page       int              `json:"page"`
	Generation int64            `json:"generation"`
	Text       string           `json:"text"`
	Warnings   []string         `json:"warnings,omitempty"`
	Blank      bool             `json:"blank"`
	Error      *document.Error  `json:"-"`
	Width      int              `json:"width,omitempty"`
	Height     int              `json:"height,omitempty"`
	Blocks     []document.Block `json:"-"`
	Usage      document.Usage   `json:"-"`
	Finished   time.Time        `json:"finished,omitzero"`
}

type pageDoc struct {
	pageFields
	Error  *errorDoc  `json:"error,omitempty"`
	Blocks []blockDoc `json:"blocks,omitempty"`
	Usage  usageDoc   `json:"usage,omitzero"`
}

type blockDoc struct {
	Label string `json:"label"`
	Box   [4]int `json:"box"`
	Text  string `json:"text"`
}
