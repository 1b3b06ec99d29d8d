package ui

import (
	"strconv"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
)

// summary is what a list shows of a record. Times are Unix milliseconds, 0 for none.
type summary struct {
	ID         string          `json:"id"`
	Bucket     string          `json:"bucket"`
	Name       string          `json:"name"`
	Generation string          `json:"generation"` // a number too big for JavaScript
	Size       int64           `json:"size"`
	Status     document.Status `json:"status"`
	Pages      int             `json:"pages"`
	PagesDone  int             `json:"pagesDone"`
	Blank      bool            `json:"blank,omitempty"`
	Warnings   []string        `json:"warnings,omitempty"`
	Attempt    int             `json:"attempt"`
	Code       string          `json:"code,omitempty"`
	Message    string          `json:"message,omitempty"`
	Arrived    int64           `json:"arrived"` // the first claim of this generation, or the last retry
	Started    int64           `json:"started"`
	Updated    int64           `json:"updated"`
	Finished   int64           `json:"finished"`
	Due        int64           `json:"due"`
	Version    string          `json:"version"`             // of the record, not of the object
	Rereading  string          `json:"rereading,omitempty"` // of a done document: waiting, now, or failed with Code and Message
}

func summarise(id string, r *document.Record) summary {
	s := summary{
		ID: id, Bucket: r.Bucket, Name: r.Name, Generation: strconv.FormatInt(r.Generation, 10), Size: r.Size,
		Status: r.Status, Pages: r.Pages, PagesDone: r.PagesDone, Blank: r.Blank, Warnings: r.Warnings, Attempt: r.Attempt,
		Arrived: millis(r.WindowStart), Started: millis(r.Started), Updated: millis(r.Updated), Finished: millis(r.Finished),
		Due: millis(r.Due), Version: r.Write,
	}
	if s.Arrived == 0 {
		s.Arrived = millis(r.Updated)
	}
	if r.Error != nil {
		s.Code, s.Message = r.Error.Code, r.Error.Message
	}
	switch again := r.Rereading; {
	case again == nil:
	case again.Error != nil:
		s.Rereading, s.Code, s.Message = "failed", again.Error.Code, again.Error.Message
	case r.Lease != nil:
		s.Rereading = "now"
	default:
		s.Rereading = "waiting"
	}
	return s
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
