package ocr

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Kind says what went wrong, in words meant to be acted on. The list only grows.
type Kind string

const (
	// no PNG or JPEG, or the server cannot read this image (400, 501): another page may pass
	KindBadImage Kind = "bad_image"
	// over a size that the platform (413) or the server accepts; a smaller image may pass
	KindTooLarge Kind = "too_large"
	// any other 400 or 4xx: the server is set up in a way that refuses every page
	KindBadRequest      Kind = "bad_request"
	KindUnauthenticated Kind = "unauthenticated" // 401, also with a fresh token; or the server's own key is wrong
	KindForbidden       Kind = "forbidden"       // 403: no token was sent, or its owner may not call the service
	KindWrongModel      Kind = "wrong_model"     // 404 by the server itself, 400 by a gateway: it serves other models
	// 404 or 405 by something else, a redirect, a certificate for another name
	KindWrongAddress Kind = "wrong_address"
	KindToken        Kind = "token"      // an ID token could not be obtained
	KindOverloaded   Kind = "overloaded" // 429; 503 at once
	// refused, or cut off while the page was sent; 502 at once; a 500 of the platform or of a gateway that cannot reach
	// the server
	KindUnavailable Kind = "unavailable"
	// cut off, or 502 or 503 later than at once, after the whole page was sent: the page may have taken the server down
	KindLost          Kind = "lost"
	KindBackendFailed Kind = "backend_failed" // a 500 of the server itself: it may be the page, it may be the GPU
	// Config.Timeout is over, or 504: the GPU may still be at work on the page
	KindTimeout     Kind = "timeout"
	KindCanceled    Kind = "canceled"     // the caller's context ended; errors.Is finds its error
	KindAborted     Kind = "aborted"      // the server broke off while it was writing the text: it shuts down
	KindBadResponse Kind = "bad_response" // a complete 200 that is not a usable answer
	KindImageSource Kind = "image_source" // Image.Open or its reader failed; errors.Is finds that error
)

// Phase is a part of a try. Phases are ordered as a try goes through them; 0 is none.
type Phase int

const (
	PhaseToken   Phase = iota + 1 // waiting for Config.Token
	PhaseImage                    // opening the image and looking at its first bytes
	PhaseConnect                  // name, connection, TLS
	PhaseUpload                   // sending the request
	PhaseWait                     // request sent, nothing back yet: queue, cold start, the model at work
	PhaseRead                     // reading and understanding the answer
)

var phaseNames = [...]string{
	PhaseToken: "token", PhaseImage: "image", PhaseConnect: "connect", PhaseUpload: "upload", PhaseWait: "wait",
	PhaseRead: "read",
}

// String returns one lower-case word, "" for none.
func (p Phase) String() string {
	if p < 0 || int(p) >= len(phaseNames) {
		return fmt.Sprintf("phase %d", int(p))
	}
	return phaseNames[p]
}

// Error is the one error type of this package: every failed call of [Client.ExtractText] and [Client.WaitHealthy]
// returns a *Error. Decide by Kind; Message is for people.
type Error struct {
	Kind  Kind
	Phase Phase // that the last try had reached
	// Status is the HTTP status, 0 if none arrived.
	Status int
	// RetryAfter is what the server asked for, as it said it; 0 if it did not.
	RetryAfter time.Duration
	// Platform reports that the answer came from something in front of the server, which speaks text or HTML, not its
	// JSON.
	Platform bool
	// Message is one cleaned line of at most 300 characters. It never holds the image, a token or a key.
	Message string
	// Err is the cause, nil if the server's answer is all there is to know.
	Err error
	// Tries are the requests for the page in the order in which they were made, the failed one last. There is none
	// where the image was refused unopened.
	Tries []Try

	stale   bool   // the connection may have been closed before the page was sent
	named   fields // that the server does not take
	context int    // of the server, where it refused a request for exceeding it
}

// Error returns kind, phase, status and message on one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "ocr: %s (%s", e.Kind, e.Phase)
	if e.Status != 0 {
		fmt.Fprintf(&b, ", HTTP %d", e.Status)
	}
	b.WriteString(")")
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	return b.String()
}

// Unwrap returns the cause: the image source's own error, the context's, the network's.
func (e *Error) Unwrap() error { return e.Err }

// asError returns the *Error in an error of this package, which always holds one.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return causeError(KindUnavailable, 0, err)
}

// causeError returns an Error whose message is its cause's text, cleaned.
func causeError(kind Kind, phase Phase, err error) *Error {
	return &Error{Kind: kind, Phase: phase, Message: cleanText(err.Error()), Err: err}
}

// badResponse returns the error of a 200 that is not a usable answer.
func badResponse(format string, args ...any) error {
	return &Error{Kind: KindBadResponse, Phase: PhaseRead, Status: http.StatusOK, Message: fmt.Sprintf(format, args...)}
}

// canceled returns the end of the caller's context, with its cause if it names one.
func canceled(ctx context.Context, phase Phase) *Error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != nil && cause != err {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return causeError(KindCanceled, phase, err)
}

// networkError tells a wrong address from a server that does not answer just now.
func networkError(phase Phase, err error) *Error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // without the address, which the caller knows
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return causeError(KindWrongAddress, PhaseConnect, err)
	}
	if phase >= PhaseWait {
		return causeError(KindLost, phase, err)
	}
	return causeError(KindUnavailable, phase, err)
}

// atOnce is how quickly after the whole page was sent something that cannot serve just now says so. What comes later
// comes from a server that had begun with the page.
const atOnce = time.Second

// died is how Cloud Run says that a container ended while it had the request.
var died = regexp.MustCompile(`(?i)response was malformed|connection to the instance had an error|memory limit`)

// orLost turns a refusal that came so long after the page was sent into one that the page may have caused.
func (e *Error) orLost(after time.Duration) {
	gateway := e.Status == http.StatusBadGateway || e.Status == http.StatusServiceUnavailable && e.RetryAfter == 0
	if gateway && (after >= atOnce || e.Platform && died.MatchString(e.Message)) {
		e.Kind = KindLost
	}
}

// maxMessage is how much of a server's words an error repeats, in characters.
const maxMessage = 300

var (
	// hiddenMarkup is what no reader of an HTML page sees.
	hiddenMarkup = regexp.MustCompile(
		`(?is)<(script|style|title)\b.*?(?:</(?:script|style|title)\s*>|$)|<!--.*?(?:-->|$)`)
	markup = regexp.MustCompile(`<[/!a-zA-Z][^<>]*>`)
	// echo is a piece of an image or a token that came back: words and paths are shorter.
	echo = regexp.MustCompile(`(?:data:[a-zA-Z0-9.+/-]*;base64,)?[A-Za-z0-9+/_=-]{64,}`)
)

// cleanText makes one short line of whatever a server, a network or a reader said, free of echoed images.
func cleanText(text string) string {
	text = strings.ToValidUTF8(text, "�")
	text = echo.ReplaceAllString(text, "[…]")
	if strings.HasPrefix(strings.TrimSpace(text), "<") {
		text = markup.ReplaceAllString(hiddenMarkup.ReplaceAllString(text, " "), " ")
	}
	text = strings.Join(strings.FieldsFunc(text, notShown), " ")
	if clip(text, maxMessage) == text {
		return text
	}
	return clip(text, maxMessage-1) + "…"
}

// notShown reports whether r separates words: blanks, and what would move a terminal's cursor or turn the reading
// direction.
func notShown(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// clip returns the first characters of a text, at most so many.
func clip(text string, characters int) string {
	for at := range text {
		if characters == 0 {
			return text[:at]
		}
		characters--
	}
	return text
}
