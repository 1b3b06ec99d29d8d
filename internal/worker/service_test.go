package worker_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/ocr"
)

// service is a model of the OCR service: a queue, a GPU, an optional proxy in front, and the ways in which these fail.
// The real client talks to it. A page is identified by its width, as everywhere in these tests, and its text is "text
// of WIDTH".
//
// The first group of fields is set before the first page is sent.
type service struct {
	places int           // pages at work at once; the others wait in order, any number of them
	work   time.Duration // GPU time of an ordinary page
	shared bool          // the pages at work share one GPU, as in vLLM; else each place has its own
	uneven bool          // pages take from half to one and a half times as long
	deaf   bool          // it does not notice when a client hangs up (Cloud Run), and reads the page to the end
	pages  map[int]fate  // by width; an ordinary page is not in it
	death  death
	down   time.Duration // after a death
	downAs reply         // the answer meanwhile; its zero value refuses connections
	limit  int           // bytes of a body above which the proxy in front answers 413; 0: none
	// a proxy's answer instead of forwarding the request; nil, or if it returns nil: requests are forwarded
	front func() *reply

	mu      sync.Mutex
	since   time.Time // work of active pages is accounted for up to this time
	active  []*job
	queue   []*job
	timer   *time.Timer
	failing time.Time // until then: alive, but answers everything with 500
	dead    time.Time // until then: down
	count   serviceCounts
	sent    map[int]int // by width: requests for a page that reached the server
}

// serviceCounts are counters of a service, to be read when nothing is running.
type serviceCounts struct {
	sent     int           // pages that reached the server, without control pages
	read     int           // pages that it read to the end, whether or not a client still waited
	control  int           // control pages that reached the server
	refused  int           // requests that did not reach it: it was down, or the proxy answered
	kills    int           // deaths by a page
	restarts int           // deaths by SIGTERM
	down     time.Duration // after all of them
	most     int           // connections at once
}

// fate is the fixed outcome of a page.
type fate struct {
	work  time.Duration // GPU time; 0: an ordinary page's
	reply reply         // instead of its text
	kills bool          // the server, at the end of its work
}

// death describes what connected clients see when the server dies.
type death struct {
	reply   reply
	silent  bool          // they see nothing, and wait until they give up
	failing time.Duration // how long it still answers 500 before the port closes
}

// reply is one answer: a status and a body, or the connection's error. The zero value is a refused connection.
type reply struct {
	err    error
	status int
	body   string
	after  time.Duration
}

// job is one page at the server.
type job struct {
	width  int // 0 for the control page
	fate   fate
	left   float64 // seconds of GPU time
	answer chan reply
}

var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	errReset   = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
)

// Answers of real servers and platforms.
var (
	refusedReply = reply{}
	resetReply   = reply{err: errReset}
	// about a page, or when the engine dies
	engineReply   = vllmError("EngineCore encountered an issue. See stack trace (above) for the root cause.")
	futuresReply  = vllmError("cannot schedule new futures after shutdown")
	instanceReply = reply{status: 503,
		body: "The request failed because either the HTTP response was malformed or connection to the instance had an error."}
	busyReply    = reply{status: 503, body: "Service Unavailable"}
	gatewayReply = reply{status: 502,
		body: "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1><hr>nginx</body></html>"}
	sizeReply = reply{status: 413,
		body: "<html><head><title>413 Request Entity Too Large</title></head><body><h1>413 Request Entity Too Large</h1><hr>nginx</body></html>"}
	keyReply = reply{status: 401,
		body: "<html><body><h1>Error: Unauthorized</h1>Your client does not have permission to the requested URL</body></html>"}
	htmlReply    = reply{status: 200, body: "<!doctype html><html><body><h1>Down for maintenance</h1></body></html>"}
	unendedReply = reply{status: 200, body: completion("some text", `"paused"`)}
	nullReply    = reply{status: 200, body: completion("some text", "null")}
	litellmReply = reply{status: 500, after: 4 * time.Second,
		body: `{"error":{"message":"litellm.InternalServerError: InternalServerError: Hosted_vllmException - ` +
			`Cannot connect to host ocr:8000 ssl:default [Connect call failed]. Received Model Group=ocr","type":null,"param":null,"code":"500"}}`}
)

func vllmError(message string) reply {
	return reply{status: 500,
		body: fmt.Sprintf(`{"error":{"message":%q,"type":"InternalServerError","param":null,"code":500}}`, message)}
}

func completion(text, finish string) string {
	return fmt.Sprintf(`{"model":"m","choices":[{"message":{"content":%q},"finish_reason":%s}],"usage":{"prompt_tokens":10,"completion_tokens":3}}`,
		text, finish)
}

// How a server dies under its clients.
var (
	deathByReset    = death{reply: resetReply}
	deathOnCloudRun = death{reply: instanceReply}
	deathOfEngine   = death{reply: engineReply, failing: 5 * time.Second}
	deathInSilence  = death{silent: true, failing: 5 * time.Second}
)

// client returns the real client of the service, as the function sets it up. A real connection would stop fake time.
func (s *service) client(t *testing.T) *ocr.Client {
	t.Helper()
	s.mu.Lock()
	if s.sent == nil {
		s.sent, s.since = map[int]int{}, time.Now()
	}
	s.mu.Unlock()
	c, err := ocr.New(ocr.Config{URL: "http://127.0.0.1:1", Transport: s, MaxTries: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// RoundTrip implements [http.RoundTripper]. It reports the phases of a request like net/http's transport.
func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(req.Context())
	at := s.gate()
	if at != nil && *at == refusedReply {
		req.Body.Close()
		return nil, errRefused
	}
	trace.GotConn(httptrace.GotConnInfo{})
	body, err := io.ReadAll(req.Body)
	req.Body.Close()
	trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	if err != nil {
		return nil, err
	}
	if at == nil && s.limit > 0 && len(body) > s.limit {
		at = s.refuse(sizeReply)
	}
	if at == nil {
		j := s.accept(body)
		select {
		case r := <-j.answer:
			at = &r
		case <-req.Context().Done():
			s.hangUp(j)
			return nil, req.Context().Err()
		}
	}
	select {
	case <-time.After(at.after):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if at.err != nil {
		return nil, at.err
	}
	trace.GotFirstResponseByte()
	return &http.Response{StatusCode: at.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(at.body)),
		Request: req}, nil
}

// gate returns the answer to a request that does not reach the GPU; nil for one that does.
func (s *service) gate() *reply {
	if s.front != nil {
		if r := s.front(); r != nil {
			return s.refuse(*r)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	switch {
	case now.Before(s.failing):
		s.count.refused++
		return &futuresReply
	case now.Before(s.dead):
		s.count.refused++
		return &s.downAs
	}
	return nil
}

func (s *service) refuse(r reply) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.refused++
	return &r
}

// accept puts a page into the queue.
func (s *service) accept(body []byte) *job {
	j := &job{answer: make(chan reply, 1)}
	picture := imageOf(body)
	if isControlPage(picture) {
		j.fate.work = time.Second
		j.fate.reply = reply{status: 200, body: completion("# HARBOUR", `"stop"`)}
	} else {
		j.width = pngWidth(picture)
		j.fate = s.pages[j.width]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	work := s.work.Seconds()
	if s.uneven {
		work *= 0.5 + float64(j.width*7919%1000)/1000
	}
	if j.fate.work > 0 {
		work = j.fate.work.Seconds()
	}
	j.left = work
	if j.width == 0 {
		s.count.control++
	} else {
		s.count.sent++
		s.sent[j.width]++
	}
	s.turn(func() { s.queue = append(s.queue, j) })
	s.count.most = max(s.count.most, len(s.active)+len(s.queue))
	return j
}

// hangUp removes a page whose client no longer waits, unless the service is deaf.
func (s *service) hangUp(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deaf {
		return
	}
	s.turn(func() {
		own := func(other *job) bool { return other == j }
		s.active, s.queue = slices.DeleteFunc(s.active, own), slices.DeleteFunc(s.queue, own)
	})
}

// turn does the work up to now, makes a change, and schedules the end of the next page. The caller holds mu.
func (s *service) turn(change func()) {
	s.progress()
	change()
	for len(s.active) < s.places && len(s.queue) > 0 {
		s.active, s.queue = append(s.active, s.queue[0]), s.queue[1:]
	}
	if s.timer != nil {
		s.timer.Stop()
	}
	if len(s.active) == 0 {
		return
	}
	next := slices.MinFunc(s.active, func(a, b *job) int { return int(math.Copysign(1, a.left-b.left)) })
	s.timer = time.AfterFunc(time.Duration(math.Ceil(next.left/s.rate()*1e9)), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.turn(func() {})
	})
}

// rate returns how much GPU time an active page gets per second.
func (s *service) rate() float64 {
	if s.shared {
		return 1 / float64(len(s.active))
	}
	return 1
}

// progress does the work up to now and answers finished pages. The caller holds mu.
func (s *service) progress() {
	now := time.Now()
	done := now.Sub(s.since).Seconds()
	s.since = now
	if len(s.active) == 0 {
		return
	}
	done *= s.rate()
	var finished, rest []*job
	for _, j := range s.active {
		if j.left -= done; j.left > 1e-7 {
			rest = append(rest, j)
		} else {
			finished = append(finished, j)
		}
	}
	s.active = rest
	for i, j := range finished {
		if j.fate.kills {
			s.active = append(s.active, finished[i:]...)
			s.count.kills++
			s.die(s.death)
			return
		}
		j.answer <- s.answer(j)
	}
}

// answer returns the answer to a page that was read to the end. The caller holds mu.
func (s *service) answer(j *job) reply {
	if j.fate.reply != (reply{}) {
		return j.fate.reply
	}
	s.count.read++
	return reply{status: 200, body: completion(fmt.Sprintf("text of %d", j.width), `"stop"`)}
}

// die kills the server under all connected clients. The caller holds mu.
func (s *service) die(d death) {
	for _, j := range append(s.active, s.queue...) {
		if !d.silent {
			j.answer <- d.reply
		}
	}
	s.active, s.queue = nil, nil
	s.failing = time.Now().Add(d.failing)
	s.dead = s.failing.Add(s.down)
	s.count.down += d.failing + s.down
}

// restart is a SIGTERM from the platform.
func (s *service) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.restarts++
	s.turn(func() { s.die(s.death) })
}

// figures returns the counts so far, and how often each page was sent.
func (s *service) figures() (serviceCounts, map[int]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count, maps.Clone(s.sent)
}

func (s *service) String() string {
	c, sent := s.figures()
	most := 0
	for n := range maps.Values(sent) {
		most = max(most, n)
	}
	return fmt.Sprintf("pages sent %d (one of them %d times) and read %d, control pages %d, requests refused %d, killed %d times, restarted %d times, down %v, %d connections at most",
		c.sent, most, c.read, c.control, c.refused, c.kills, c.restarts, c.down, c.most)
}

// imageOf returns the image in a request.
func imageOf(body []byte) []byte {
	_, after, _ := bytes.Cut(body, []byte(";base64,"))
	encoded, _, _ := bytes.Cut(after, []byte(`"`))
	picture := make([]byte, base64.StdEncoding.DecodedLen(len(encoded)))
	n, err := base64.StdEncoding.Decode(picture, encoded)
	if err != nil || n < 24 {
		panic(fmt.Sprintf("a request without an image: %v", err))
	}
	return picture[:n]
}

// controlPage returns the common beginning of padded and unpadded control pages.
var controlPage = sync.OnceValue(func() []byte {
	file, err := os.ReadFile("control.png")
	if err != nil {
		panic(err)
	}
	return file[:len(file)-12] // without its last chunk
})

func isControlPage(picture []byte) bool { return bytes.HasPrefix(picture, controlPage()) }
