package ocr

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

var errOwnTimeout = errors.New("the time for one try is over")

// try sends the page once, with the header besides. Nothing is repeated here.
func (c *Client) try(ctx context.Context, img Image, to *served, s sampling, header http.Header) (answer, *Error) {
	before := c.done.Load()
	a, problem := c.send(ctx, img, to, s, header)
	if problem != nil {
		problem.Proven = c.done.Load() != before
		return a, problem
	}
	c.done.Add(1)
	return a, nil
}

func (c *Client) send(ctx context.Context, img Image, to *served, s sampling, header http.Header) (answer, *Error) {
	if ctx.Err() != nil {
		return answer{}, canceled(ctx, PhaseImage)
	}
	auth, problem := c.authorize(ctx)
	if problem != nil {
		return answer{}, problem
	}
	b, problem := openBody(img)
	if problem != nil {
		return answer{}, problem
	}
	defer b.Close()
	length, problem := c.wrap(b, img.Size, to, s)
	if problem != nil {
		return answer{}, problem
	}
	tryCtx, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout, errOwnTimeout)
	defer cancel()
	t := &attempt{client: c, caller: ctx, ctx: tryCtx, body: b, auth: auth, header: header}
	return t.exchange(length, s)
}

// wrap puts the JSON around the image and gives the exact length of the request.
func (c *Client) wrap(b *body, size int64, to *served, s sampling) (int64, *Error) {
	media, problem := mediaType(b.head())
	if problem != nil {
		return 0, problem
	}
	b.rest, b.suffix = envelope(to.model, media, to.profile, c.cfg.Mode, s)
	length := int64(len(b.rest) + base64.StdEncoding.EncodedLen(int(size)) + len(b.suffix))
	if length > maxBody {
		return 0, tooLarge(size)
	}
	return length, nil
}

// canceled is the end of the caller's context, with its cause if it names one.
func canceled(ctx context.Context, phase Phase) *Error {
	err := ctx.Err()
	if err == nil { // an injected Sleep gave up
		err = context.Canceled
	}
	if cause := context.Cause(ctx); cause != nil && cause != err {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return causeError(KindCanceled, phase, err)
}

// networkProblem tells a wrong address from a server that does not answer just now.
func networkProblem(phase Phase, err error) *Error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // without the address, which the caller knows
	}
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) || errors.Is(err, http.ErrSchemeMismatch) {
		return causeError(KindWrongAddress, PhaseConnect, err)
	}
	return causeError(KindUnavailable, phase, err)
}
