// Package apptest provides the function's environment for tests of its handler: a Cloud Storage bucket, an OCR service
// and a record store, all in this process, and the settings for them.
//
//	cloud := apptest.New(t, apptest.Options{})
//	function := cloud.Serve()
//	ev := cloud.Put("a.png", apptest.PNG(50))
//	status, outcome := function.Post(cloud.Encode(ev))
package apptest

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/bucketocr/bucketocr/internal/app"
	"github.com/bucketocr/bucketocr/internal/config"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/document/documenttest"
	"github.com/bucketocr/bucketocr/internal/event"
	"github.com/bucketocr/bucketocr/internal/freeport"
	"github.com/bucketocr/bucketocr/internal/gcp/cloudlog"
	"github.com/bucketocr/bucketocr/internal/gcp/firestore"
	"github.com/bucketocr/bucketocr/internal/gcp/gcptest"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/internal/worker"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// Options of a [Cloud]. The zero value keeps records in memory and has an OCR service that anyone may call.
type Options struct {
	// Firestore keeps the records in Firestore's emulator, where a function in another process finds them, too. The
	// test's TestMain must be gcptest.Main.
	Firestore bool
	OCR       []ocrtest.Option
	// further variables of the function, or other values; not those that OpenTelemetry's SDK reads itself
	Settings map[string]string
}

// Cloud is the environment of the function. It ends with the test.
type Cloud struct {
	Bucket   *gcptest.Bucket
	OCR      *ocrtest.Server
	Records  Records
	Turns    document.Store    // of turns and passes; nil: the one beside the records in Firestore
	Project  string            // id of the Google Cloud project
	Settings map[string]string // the function's variables, by name

	tb testing.TB
}

// Records is a store, with the methods that tests use.
type Records interface {
	document.Store
	document.Lister
	document.Watcher
}

// New starts a cloud with an empty bucket.
func New(tb testing.TB, o Options) *Cloud {
	tb.Helper()
	c := &Cloud{
		Bucket: gcptest.NewBucket(tb, "acme-scans"), OCR: ocrtest.New(tb, o.OCR...), Project: gcptest.Project(tb),
		tb: tb,
	}
	c.OCR.For(worker.ControlPage(), ocrtest.Text("HARBOUR"))
	c.Settings = map[string]string{
		"OCR_URL": c.OCR.URL, "GOOGLE_CLOUD_PROJECT": c.Project, "STORAGE_EMULATOR_HOST": c.Bucket.Host(),
	}
	if o.Firestore {
		host := gcptest.Firestore(tb)
		records := firestore.New(firestore.Config{Project: c.Project, Collection: "ocr_documents", Emulator: host})
		tb.Cleanup(func() { _ = records.Close() })
		c.Records, c.Settings["FIRESTORE_EMULATOR_HOST"] = records, host
	} else {
		c.Records, c.Turns = documenttest.NewMemory(), documenttest.NewMemory()
	}
	maps.Copy(c.Settings, o.Settings)
	return c
}

// Environ returns the settings as a process's environment.
func (c *Cloud) Environ() []string {
	var all []string
	for name, value := range c.Settings {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return all
}

// Put stores an object, as PNG by its content type, and returns its finalize event.
func (c *Cloud) Put(name string, data []byte) document.Event {
	metadata, sum := map[string]string{"uploader": "scanner-3"}, md5.Sum(data)
	generation := c.Bucket.Put(name, data, "image/png", metadata)
	return document.Event{
		Kind: document.KindFinalized, ID: fmt.Sprint("event-", generation), Time: time.Now(),
		Object: document.Object{Bucket: c.Bucket.Name(), Name: name, Generation: generation},
		Attributes: document.Attributes{ContentType: "image/png", Size: int64(len(data)),
			MD5: hex.EncodeToString(sum[:]), Metadata: metadata},
	}
}

// Encode returns an event in the form in which Cloud Storage sends it.
func (c *Cloud) Encode(ev document.Event) cloudevents.Event {
	c.tb.Helper()
	ce, err := event.Encode(ev)
	if err != nil {
		c.tb.Fatal(err)
	}
	return ce
}

// Record returns the object's record, or nil if there is none.
func (c *Cloud) Record(o document.Object) *document.Record {
	c.tb.Helper()
	s, err := c.Records.Get(c.tb.Context(), o.ID())
	if err != nil {
		c.tb.Fatal(err)
	}
	if s == nil {
		return nil
	}
	return s.Record
}

// Abandon stores the record of an attempt whose process died an hour ago.
func (c *Cloud) Abandon(o document.Object) {
	c.tb.Helper()
	then := time.Now().Add(-time.Hour)
	c.update(o, func(*document.Record) *document.Record {
		return &document.Record{
			Bucket: o.Bucket, Name: o.Name, Generation: o.Generation, Status: document.StatusProcessing, Attempt: 1,
			EventID:     "lost",
			WindowStart: then, Due: then, Lease: &document.Lease{ID: "dead", Expires: then},
		}
	})
}

// Expire sets the end of the record's lease, if it has one, and its due time into the past.
func (c *Cloud) Expire(o document.Object) {
	c.tb.Helper()
	c.update(o, func(old *document.Record) *document.Record {
		if old == nil || old.Lease == nil {
			return nil
		}
		next, lease := *old, *old.Lease
		lease.Expires = time.Now().Add(-time.Minute)
		next.Lease, next.Due = &lease, lease.Expires
		return &next
	})
}

// update commits the record that fn returns for the stored one, unless that is nil.
func (c *Cloud) update(o document.Object, fn func(old *document.Record) *document.Record) {
	c.tb.Helper()
	_, err := document.Update(c.tb.Context(), c.Records, o.ID(), document.Unread(),
		func(old *document.Record) (*document.Change, error) {
			if next := fn(old); next != nil {
				return &document.Change{Record: next}, nil
			}
			return nil, nil
		})
	if err != nil {
		c.tb.Fatal(err)
	}
}

// Handler returns a handler on the cloud that logs to logs, with the current settings.
func (c *Cloud) Handler(logs io.Writer) *app.Handler {
	c.tb.Helper()
	cfg, err := config.Load(func(name string) (string, bool) { v, ok := c.Settings[name]; return v, ok })
	if err != nil {
		c.tb.Fatal(err)
	}
	backends := app.GoogleCloud(cfg)
	backends.Records = c.Records
	if c.Turns != nil {
		backends.Turns = c.Turns
	}
	h, err := app.New(cfg, backends, cloudlog.New(logs, cfg.LogLevel, cfg.Project))
	if err != nil {
		c.tb.Fatal(err)
	}
	return h
}

// Function is a handler that listens.
type Function struct {
	Handler *app.Handler
	URL     string
	Log     *Log

	tb testing.TB
}

// Serve starts a function on the cloud.
func (c *Cloud) Serve() *Function {
	c.tb.Helper()
	f := &Function{Log: &Log{}, tb: c.tb}
	f.Handler = c.Handler(f.Log)
	server := httptest.NewServer(f.Handler)
	c.tb.Cleanup(server.Close)
	f.URL = server.URL
	return f
}

// Post sends an event and returns the answer.
func (f *Function) Post(ce cloudevents.Event) (status int, outcome string) {
	f.tb.Helper()
	return Do(Request(f.tb, f.tb.Context(), f.URL, ce))
}

// Request returns the request that carries an event in binary mode.
func Request(tb testing.TB, ctx context.Context, url string, ce cloudevents.Event) *http.Request {
	tb.Helper()
	r, err := cloudevents.NewHTTPRequestFromEvent(ctx, url, ce)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// Structured returns a request whose body is meant to be an event in structured mode.
func Structured(tb testing.TB, url, body string) *http.Request {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/cloudevents+json")
	return r
}

// Do sends a request and returns status and text of the answer. Status 0 means that there was none, and the text says
// why.
func Do(r *http.Request) (status int, text string) {
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, strings.TrimSpace(string(body))
}

// FreePort returns a port of this machine where nothing listens.
func FreePort(tb testing.TB) string {
	tb.Helper()
	port, err := freeport.Choose()
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

// Await waits until something listens on a port of this machine and returns its address. It fails the test when the
// test's time is up.
func Await(tb testing.TB, port string) (url string) {
	tb.Helper()
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
			return "http://127.0.0.1:" + port
		}
		if tb.Context().Err() != nil {
			tb.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Log is the log of a function. It is safe for concurrent use.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns the whole log.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Lines returns the fields of each line.
func (l *Log) Lines(tb testing.TB) []map[string]any {
	tb.Helper()
	var all []map[string]any
	for line := range strings.Lines(l.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			tb.Fatalf("log line %q: %v", line, err)
		}
		all = append(all, fields)
	}
	return all
}

// Deliveries returns the lines about events; the others are about the instance.
func (l *Log) Deliveries(tb testing.TB) []map[string]any {
	tb.Helper()
	return slices.DeleteFunc(l.Lines(tb), func(line map[string]any) bool { return line["outcome"] == nil })
}

// PNG returns a small gray page, different for each width.
func PNG(width int) []byte {
	img := image.NewGray(image.Rect(0, 0, width, 40))
	for x := range width {
		img.SetGray(x, x%40, color.Gray{Y: uint8(x)})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // into memory
	}
	return b.Bytes()
}

// TIFF returns a file of different small gray pages.
func TIFF(pages int) []byte {
	pictures := make([]pagetest.Picture, pages)
	for n := range pictures {
		img := image.NewGray(image.Rect(0, 0, 60+n, 80))
		for i := range img.Pix {
			img.Pix[i] = uint8(i * (n + 7)) // not blank
		}
		pictures[n] = pagetest.Gray(img, 80)
	}
	return pagetest.TIFF(binary.LittleEndian, pictures...)
}
