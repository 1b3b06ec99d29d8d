package ocr

import (
	"context"
	"net/http"
)

// Try is one request for a page, as it ended. It holds no text, no token and no key.
type Try struct {
	Number int    // 1-based, within one call of ExtractText
	Model  string // that was asked for
	Served string // that answered, as the server names it; empty without a complete answer
	Size   int64  // bytes of the image
	Status int    // of HTTP; 0 if none arrived
	Ending string // of a complete answer: complete, truncated, repetition
	Usage  Usage
	Err    *Error // nil: a complete answer
}

// endings are the names that [Try] gives to how a text ended.
var endings = map[ending]string{complete: "complete", truncated: WarningTruncated, looped: WarningRepetition}

// begin tells the observer of a try. What it puts into the header goes along with the request.
func (c *Client) begin(ctx context.Context) (http.Header, func(Try)) {
	if c.cfg.Observe == nil {
		return nil, func(Try) {}
	}
	header := http.Header{}
	return header, c.cfg.Observe(ctx, header)
}

// tried is what the observer is told of the end of a try.
func (r *reading) tried(a answer, problem *Error) Try {
	t := Try{Number: r.tries, Model: r.to.model, Size: r.img.Size, Usage: a.usage, Err: problem}
	if problem != nil {
		t.Status = problem.Status
		return t
	}
	t.Status, t.Served, t.Ending = http.StatusOK, a.model, endings[a.ending]
	return t
}
