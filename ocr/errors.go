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

// Kind classifies errors by the action that they call for. New kinds may be added.
type Kind string

const (
	// not a PNG or JPEG, or the server cannot read this image (400); other pages may succeed
	KindBadImage Kind = "bad_image"
	// larger than the platform (413) or the server accepts; a smaller image may succeed
	KindTooLarge Kind = "too_large"
	// any other 4xx, or 501: the server's configuration rejects every page
	KindBadRequest      Kind = "bad_request"
	KindUnauthenticated Kind = "unauthenticated" // 401 even with a fresh token, or the server's own key is wrong
	KindForbidden       Kind = "forbidden"       // 403: no token was sent, or its identity may not call the service
	// 404 from the server itself, or 400 from a gateway: it serves other models
	KindWrongModel Kind = "wrong_model"
	// 404, 405 or 501 from something else, a redirect, or a certificate for another name
	KindWrongAddress Kind = "wrong_address"
	KindToken        Kind = "token"      // an ID token could not be obtained
	KindOverloaded   Kind = "overloaded" // 429, or an immediate 503
	// connection refused, or broken while the page was being sent; an immediate 502; a 500 from the platform or from a
	// gateway that cannot reach the server
	KindUnavailable Kind = "unavailable"
	// connection broken, or a late 502 or 503, after the whole page was sent: the page may have crashed the server
	KindLost          Kind = "lost"
	KindBackendFailed Kind = "backend_failed" // a 500 from the server itself: caused by the page or by the GPU
	// Config.Timeout has passed, or 504; the GPU may still be processing the page
	KindTimeout     Kind = "timeout"
	KindCanceled    Kind = "canceled"     // the caller's context ended; errors.Is finds its error
	KindAborted     Kind = "aborted"      // the server stopped in the middle of the text: it is shutting down
	KindBadResponse Kind = "bad_response" // a complete 200 without a usable answer
	KindImageSource Kind = "image_source" // Image.Open or its reader failed; errors.Is finds that error
)

// Phase is a part of a try. Phases are ordered by time; 0 is none.
type Phase int

const (
	PhaseToken   Phase = iota + 1 // waiting for Config.Token
	PhaseImage                    // opening the image and examining its first bytes
	PhaseConnect                  // name resolution, connection, TLS
	PhaseUpload                   // sending the request
	PhaseWait                     // request sent, no response yet: queue, cold start, the model working
	PhaseRead                     // reading and decoding the answer
)

var phaseNames = [...]string{
	PhaseToken: "token", PhaseImage: "image", PhaseConnect: "connect", PhaseUpload: "upload", PhaseWait: "wait",
	PhaseRead: "read",
}

// String returns the phase as one lower-case word, or "" for 0.
func (p Phase) String() string {
	if p < 0 || int(p) >= len(phaseNames) {
		return fmt.Sprintf("phase %d", int(p))
	}
	return phaseNames[p]
}

// Error is the error type of [Client.ExtractText] and [Client.WaitHealthy], which always return it as a *Error.
// Programs should decide by Kind; Message is meant for people.
type Error struct {
	Kind  Kind
	Phase Phase // reached by the last try
	// Status is the HTTP status, 0 if none arrived.
	Status int
	// RetryAfter is the wait that the server asked for; 0 if none.
	RetryAfter time.Duration
	// Platform reports that the response came from something in front of the server: it was text or HTML, not the
	// server's JSON.
	Platform bool
	// Message is one cleaned line of at most 300 characters. It never contains the image, a token or a key.
	Message string
	// Err is the cause; nil if there is none beyond the server's response.
	Err error
	// Tries are the requests for the page in order, the failed one last. There are none if the image was refused
	// without being opened.
	Tries []Try

	stale   bool   // the connection may have been closed before the page was sent
	named   fields // optional fields that the server rejects
	context int    // the server's context, if it rejected a request for exceeding it
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

// Unwrap returns the cause: an error of the image source, the context or the network.
func (e *Error) Unwrap() error { return e.Err }

// asError returns the *Error in an error of this package, which always wraps one.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return causeError(KindUnavailable, 0, err)
}

// causeError returns an Error whose message is the cleaned text of its cause.
func causeError(kind Kind, phase Phase, err error) *Error {
	return &Error{Kind: kind, Phase: phase, Message: cleanText(err.Error()), Err: err}
}

// badResponse returns the error for a 200 without a usable answer.
func badResponse(format string, args ...any) error {
	return &Error{Kind: KindBadResponse, Phase: PhaseRead, Status: http.StatusOK,
		Message: cleanText(fmt.Sprintf(format, args...))}
}

// canceled returns the error for the end of the caller's context, with its cause if it has one.
func canceled(ctx context.Context, phase Phase) *Error {
	err := ctx.Err()
	if cause := context.Cause(ctx); cause != nil && cause != err {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return causeError(KindCanceled, phase, err)
}

// networkError returns the error of a failed connection. It distinguishes a wrong address from an unreachable server.
func networkError(phase Phase, err error) *Error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // omits the URL, which the caller knows
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return causeError(KindWrongAddress, PhaseConnect, err)
	}
	if phase >= PhaseWait {
		return causeError(KindLost, phase, err)
	}
	return causeError(KindUnavailable, phase, err)
}

// atOnce is the time after sending the whole page within which a refusal counts as immediate. A later one comes from a
// server that had started on the page.
const atOnce = time.Second

// died matches Cloud Run's messages about a container that exited while handling the request.
var died = regexp.MustCompile(`(?i)response was malformed|connection to the instance had an error|memory limit`)

// orLost changes the kind of a refusal to KindLost if it came so long after the page was sent that the page may have
// caused it.
func (e *Error) orLost(after time.Duration) {
	gateway := e.Status == http.StatusBadGateway || e.Status == cloudflareBroken ||
		e.Status == http.StatusServiceUnavailable && e.RetryAfter == 0
	if gateway && (after >= atOnce || e.Platform && died.MatchString(e.Message)) {
		e.Kind = KindLost
	}
}

// maxMessage is the maximum length of a server's message in an error, in characters.
const maxMessage = 300

var (
	// hiddenMarkup matches the invisible parts of an HTML page.
	hiddenMarkup = regexp.MustCompile(
		`(?is)<(script|style|title)\b.*?(?:</(?:script|style|title)\s*>|$)|<!--.*?(?:-->|$)`)
	markup = regexp.MustCompile(`<[/!a-zA-Z][^<>]*>`)
	// echo matches an echoed piece of an image or token: words and paths are shorter.
	echo = regexp.MustCompile(`(?:data:[a-zA-Z0-9.+/-]*;base64,)?[A-Za-z0-9+/_=-]{64,}`)
)

// cleanText reduces a message from a server, a network or a reader to one short line without echoed images.
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

// notShown reports whether r is to be replaced by a blank: white space, control characters and bidirectional controls.
func notShown(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// clip returns at most the given number of characters from the start of a text.
func clip(text string, characters int) string {
	for at := range text {
		if characters == 0 {
			return text[:at]
		}
		characters--
	}
	return text
}
