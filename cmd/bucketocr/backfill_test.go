package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/backfill"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/event"
)

// stubFunction is a function that reads nothing: it writes done, or failed where a name ends in bad.png, into the
// office's records, and refuses at random.
type stubFunction struct {
	o      *office
	server *httptest.Server

	mu       sync.Mutex
	rng      *rand.Rand
	refuse   int // one in so many; 0: none
	after    int // deliveries after which stop is called; 0: never
	stop     func()
	taken    map[string]int
	requests int
}

func newStubFunction(o *office) *stubFunction {
	d := &stubFunction{o: o, rng: rand.New(rand.NewPCG(3, 4)), taken: map[string]int{}, stop: func() {}}
	d.server = httptest.NewServer(d)
	o.t.Cleanup(d.server.Close)
	return d
}

func (d *stubFunction) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ce, err := cloudevents.NewEventFromHTTPRequest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ev, err := event.Decode(*ce)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if d.refuses() {
		http.Error(w, "no available instance", http.StatusServiceUnavailable)
		return
	}
	outcome, status := document.OutcomeDone, document.StatusDone
	if strings.HasSuffix(ev.Name, "bad.png") {
		outcome, status = document.OutcomeFailed, document.StatusFailed
	}
	rec := d.o.record(ev.Name, status)
	rec.Generation = ev.Generation
	_, err = document.Update(context.WithoutCancel(r.Context()), d.o.records, ev.Object.ID(), document.Unread(),
		func(*document.Record) (*document.Change, error) { return &document.Change{Record: &rec}, nil })
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	d.take(ev.Name)
	fmt.Fprintln(w, outcome)
}

func (d *stubFunction) refuses() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests++
	return d.refuse > 0 && d.rng.IntN(d.refuse) == 0
}

func (d *stubFunction) take(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taken[name]++
	if len(d.taken) == d.after {
		d.stop()
	}
}

// source is how the office's bucket is named.
func (o *office) source() []string {
	if len(o.env) == 0 {
		return nil
	}
	return []string{"gs://" + o.bucket}
}

// backfillSum runs backfill --json and returns its last line.
func (o *office) backfillSum(ctx context.Context, code int, args ...string) backfill.Summary {
	o.t.Helper()
	got, stdout, stderr := o.callIn(ctx, append(append([]string{"backfill", "--json"}, o.source()...), args...)...)
	if got != code {
		o.t.Fatalf("%v: exit %d, want %d\n%s", args, got, code, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	var last struct{ Sum backfill.Summary }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		o.t.Fatal(err)
	}
	return last.Sum
}

// TestBackfillMany: with refusals at random and two interruptions each object is delivered once, and a further backfill
// delivers nothing. The refusals wait in real time, so they are few; in package backfill they are many.
// TestBackfillHelpHasTheDefaults: the help compares --in-flight with what a function with the defaults can take.
func TestBackfillHelpHasTheDefaults(t *testing.T) {
	t.Parallel()
	settings, err := os.ReadFile("../../deploy/settings.sh")
	if err != nil {
		t.Fatal(err)
	}
	defaults := regexp.MustCompile(`default (?:FUNCTION_MAX_INSTANCES|FUNCTION_CONCURRENCY) (\d+) `).
		FindAllSubmatch(settings, -1)
	if len(defaults) != 2 {
		t.Fatalf("found %q", defaults)
	}
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	backfillFlags(fs)
	for _, want := range []string{"--in-flight, " + fs.Lookup("in-flight").DefValue + " by default,",
		fmt.Sprintf("FUNCTION_MAX_INSTANCES × FUNCTION_CONCURRENCY, %s × %s by default.", defaults[0][1], defaults[1][1]),
	} {
		if !strings.Contains(backfillHelp, want) {
			t.Errorf("the help does not say %q", want)
		}
	}
}

func TestBackfillMany(t *testing.T) { testBackfillMany(t, folderOffice(t), 1500) }

func testBackfillMany(t *testing.T, o *office, n int) {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%02d/%05d.png", i%7, i))
	}
	o.fill(names)
	d := newStubFunction(o)
	d.refuse = n // about one in all
	args := []string{"--to", d.server.URL}
	if dry := o.backfillSum(t.Context(), exitGood, append(args, "--dry-run")...); dry.Chosen != int64(n) ||
		d.requests != 0 {
		t.Fatalf("dry run: %+v, %d requests", dry, d.requests)
	}
	after := ""
	for _, share := range []int{3, 2} {
		ctx, cancel := context.WithCancel(t.Context())
		d.after, d.stop = n/share, cancel
		sum := o.backfillSum(ctx, exitInterrupted, append(args, "--after", after)...)
		if sum.After <= after {
			t.Errorf("stopped at %q, before at %q", sum.After, after)
		}
		after = sum.After
		cancel()
	}
	d.after = 0
	o.backfillSum(t.Context(), exitGood, append(args, "--after", after)...)
	for name, times := range d.taken {
		if times != 1 {
			t.Fatalf("%s was delivered %d times", name, times)
		}
	}
	if len(d.taken) != n {
		t.Errorf("%d of %d delivered", len(d.taken), n)
	}
	before := d.requests
	if sum := o.backfillSum(t.Context(), exitGood, args...); d.requests != before ||
		sum.Skipped[backfill.SkipEnded] != int64(n) {
		t.Errorf("once more: %+v, %d requests", sum, d.requests-before)
	}
}

// TestBackfillSays: its output for people, and its exit codes.
func TestBackfillSays(t *testing.T) { testBackfillSays(t, folderOffice(t)) }

func testBackfillSays(t *testing.T, o *office) {
	o.fill([]string{"in/a.png", "in/b.png", "out/c.png"})
	o.put("notes.txt", []byte("x"))
	d := newStubFunction(o)
	call := func(code int, words []string, args ...string) {
		t.Helper()
		o.want(code, words, append(append([]string{"backfill"}, o.source()...), args...)...)
	}
	call(exitGood, []string{"to deliver", "3", "3 bytes", "nothing was delivered"}, "--dry-run", "--exclude", "*.txt")
	figures := filepath.Join(t.TempDir(), "figures.json")
	if err := os.WriteFile(figures, []byte(`{"pagesPerSecond": [{"gpu": "g", "model": "m", "value": 0.5}],
			"prices": [{"name": "gpuSecond", "value": 2, "currency": "EUR", "date": "d", "source": "s"}]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	call(exitGood, []string{"GPU time", "6 s", "at least, on g at 0.5 pages/s", "12.00 EUR"}, "--dry-run", "--exclude",
		"*.txt", "--figures", figures)
	call(exitGood, []string{"GPU time", "on nvidia-h100 at 5.71 pages/s"}, "--dry-run")
	call(exitFailed, []string{"no such file"}, "--dry-run", "--figures", "nowhere.json")
	call(exitGood, []string{"to deliver", "not included"}, "--dry-run", "--include", "in/**")
	call(exitFailed, []string{"not the bucketocr function"}, "--to", o.elsewhere())
	call(exitGood, []string{"listed", "done", "2", "requests"}, "--to", d.server.URL, "--limit", "2", "--exclude",
		"*.txt")
	call(exitGood, []string{"done or failed already"}, "--to", d.server.URL, "--exclude", "*.txt")
	if len(d.taken) != 3 {
		t.Errorf("%v", d.taken)
	}
	o.put("bad.png", []byte("x"))
	call(exitFailed, []string{"bad.png  ocr_failed: the engine failed"}, "--to", d.server.URL, "--exclude", "*.txt")
	call(exitUsage, []string{"--in-flight"}, "--in-flight", "0")
	call(exitUsage, []string{"brace"}, "--include", "{a,b}.png")
	call(exitUsage, []string{"not an http or https URL"}, "--to", "f.run.app")
	o.want(exitUsage, nil, "backfill", "s3://x")
}

// elsewhere returns the address of a server that is not the function.
func (o *office) elsewhere() string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<h1>hello")
	}))
	o.t.Cleanup(s.Close)
	return s.URL
}
