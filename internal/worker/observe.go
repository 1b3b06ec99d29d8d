package worker

import (
	"context"
	"time"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/ocr"
)

// Observer is told what deliveries do while they do it, for traces and metrics. It changes nothing. Its methods are called
// concurrently and must return at once; each func that they return is called at most once, when the part is over (not where
// a panic broke it off). The context that Delivery, Sweep or Page returns is the one that everything in it is called with.
type Observer interface {
	// Delivery begins one. Those that a sweep makes are called with a context of the sweep's.
	Delivery(ctx context.Context, ev document.Event) (context.Context, func(Delivered))
	Sweep(ctx context.Context) (context.Context, func(Swept))
	// Page begins page n, from waiting for its turn to the end of its reading.
	Page(ctx context.Context, n int) (context.Context, func(PageRead))
	// Part begins another part of a delivery; the func takes the code of what went wrong, if anything did.
	Part(ctx context.Context, name string) func(code string)
	// Placed says how long a delivery waited for its place in the instance and in the memory budget.
	Placed(ctx context.Context, waited time.Duration)
	// Received says how many bytes of an object were read from the bucket.
	Received(ctx context.Context, bytes int)
}

// The parts of a delivery.
const (
	PartClaim  = "claim"  // waiting for a place, and the write that takes the record
	PartResume = "resume" // clearing old pages and reading those that an earlier attempt finished
	PartOpen   = "open"   // opening the object and finding out its pages
	PartClose  = "close"  // the closing write
)

// Delivered is what one delivery came to. Fields of the record are zero where it is not known.
type Delivered struct {
	Outcome      document.Outcome
	Fault        document.Fault // its code is empty where nothing went wrong
	Document     string
	Status       document.Status
	Attempt      int
	Pages        int
	PagesDone    int
	Usage        document.Usage
	LeaseExpired bool // the claim found a lease that its holder let run out
}

// PageRead is what became of one page.
type PageRead struct {
	Blank bool
	Code  string // of what went wrong; empty where nothing did

	Waited        time.Duration // for its turn to be made, for memory, and for a place at the OCR service
	Made          time.Duration // reading, decoding, scaling, encoding
	Extracted     time.Duration // by the OCR service, all tries and the waits between; 0 where it was not asked
	Width, Height int           // pixels as sent
	Bytes         int64         // of the image as sent
	Tries         []ocr.Try     // requests to the OCR service, in their order
}

// silent observes nothing.
type silent struct{}

func (silent) Delivery(ctx context.Context, _ document.Event) (context.Context, func(Delivered)) {
	return ctx, func(Delivered) {}
}
func (silent) Sweep(ctx context.Context) (context.Context, func(Swept)) { return ctx, func(Swept) {} }
func (silent) Page(ctx context.Context, _ int) (context.Context, func(PageRead)) {
	return ctx, func(PageRead) {}
}
func (silent) Part(context.Context, string) func(string) { return func(string) {} }
func (silent) Placed(context.Context, time.Duration)     {}
func (silent) Received(context.Context, int)             {}

// codeOf is the code of an error, empty for none.
func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return faultOf(err).Code
}
