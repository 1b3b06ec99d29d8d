package backfill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/ocr"
)

// Deliverer delivers events to the function. It is called concurrently, with at most Batch events at a time, and
// returns an answer for each. An event may be delivered again unless it is settled.
type Deliverer interface {
	Deliver(ctx context.Context, events []document.Event) []Answer
	Batch() int
}

// Verdict is the result of a delivery.
type Verdict int

// The verdicts.
const (
	Settled Verdict = iota // accepted for good
	// not now: the function refused or did not answer. The object may have a record all the same
	Refused
	Never // this event cannot be encoded, others can
	// something other than the function answered, or access was denied: trying again will not help
	Wrong
)

// Answer is the answer to one delivery.
type Answer struct {
	Verdict Verdict
	What    string // the outcome, or the reason in words
}

// answerTime is how long the function may take: longer than the platform permits.
const answerTime = 10 * time.Minute

// maxAnswer is how many bytes of an answer are read. The function's own are one word.
const maxAnswer = 256

// Poster delivers by POST to the function, one event at a time.
type Poster struct {
	url    string
	token  func(context.Context) (string, error) // nil: none
	client *http.Client
	known  atomic.Bool // a token was obtained before, so a failure to obtain one is transient
}

// NewPoster returns a Poster for the function at address. token returns ID tokens for it; nil: none are sent. It does
// not touch the network.
func NewPoster(address string, token func(context.Context) (string, error)) (*Poster, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, fmt.Errorf("%.100q is not an http or https URL of a function", address)
	}
	if token != nil {
		if err := ocr.CheckTokenURL(u); err != nil {
			return nil, fmt.Errorf("%.100q %w", address, err)
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return &Poster{url: address, token: token, client: &http.Client{
		Timeout: answerTime, Transport: transport,
		// never send the token elsewhere
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Batch returns 1.
func (p *Poster) Batch() int { return 1 }

// Deliver posts each event and waits for the answer.
func (p *Poster) Deliver(ctx context.Context, events []document.Event) []Answer {
	answers := make([]Answer, len(events))
	for i, ev := range events {
		ce, err := event.Encode(ev)
		if err != nil {
			answers[i] = Answer{Never, err.Error()}
			continue
		}
		answers[i] = p.Post(ctx, ce)
	}
	return answers
}

// Post delivers one CloudEvent of any type.
func (p *Poster) Post(ctx context.Context, ce cloudevents.Event) Answer {
	req, err := cloudevents.NewHTTPRequestFromEvent(ctx, p.url, ce)
	if err != nil {
		return Answer{Wrong, err.Error()}
	}
	if p.token != nil {
		token, err := p.token(ctx)
		if err != nil && p.known.Load() {
			return Answer{Refused, err.Error()}
		}
		if err != nil {
			return Answer{Wrong, err.Error()}
		}
		p.known.Store(true)
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return Answer{Refused, "no answer: " + withoutAddress(err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Answer{Refused, "the answer broke off: " + withoutAddress(err)}
	}
	return answer(resp.StatusCode, document.Outcome(strings.TrimSpace(string(body))))
}

// AnswerOf returns the answer that corresponds to an outcome of the function.
func AnswerOf(out document.Outcome) Answer {
	switch {
	case out.Refused() && out != document.OutcomeBusy:
		return Answer{Refused, "the function released it"}
	default:
		return Answer{Settled, string(out)} // busy: a worker holds it, and the sweep finishes it if necessary
	}
}

// answer interprets a response of the function, or of the platform in front of it.
func answer(status int, out document.Outcome) Answer {
	known := out.Known()
	switch {
	case status == http.StatusOK && known && !out.Refused(), status == http.StatusServiceUnavailable && known &&
		out.Refused():
		return AnswerOf(out)
	case status == http.StatusOK, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return Answer{Wrong, fmt.Sprintf("HTTP %d without an outcome: is this the function's address?", status)}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Answer{Wrong,
			fmt.Sprintf("HTTP %d: the caller needs roles/run.invoker on the function, and an ID token for its address",
				status)}
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return Answer{Refused, fmt.Sprintf("HTTP %d", status)}
	}
	return Answer{Wrong, fmt.Sprintf("HTTP %d", status)}
}

// withoutAddress returns a failed request's error without the address.
func withoutAddress(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return err.Error()
}
