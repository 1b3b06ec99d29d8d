package deploytest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bucketocr/bucketocr/internal/page"
)

// stub is a gcloud for candidate.sh: it answers from files and records other commands.
const stub = `#!/usr/bin/env bash
case "$*" in
  'run revisions describe '*) cat "$STUB/env-of-$4" ;;
  *'--flatten=status.traffic[]'*) cat "$STUB/traffic" ;;
  *'containers[0].env[]'*) cat "$STUB/env" ;;
  *'value(status.url)'*) echo https://bucketocr.example ;;
  *print-access-token*) echo access-token ;;
  *'print-identity-token --audiences=https://bucketocr.example'*) echo identity-token ;;
  *) printf '%s\n' "$*" >>"$STUB/calls" ;;
esac
`

// candidate is a service with traffic and settings, and a build that works on it.
type candidate struct {
	mu      sync.Mutex
	dir     string
	answers []string // of the candidate to the events it is sent: code and body
	events  []http.Header
	bodies  []object
	samples []string // uploaded
	url     string
}

func newCandidate(t *testing.T, traffic, env string, answers ...string) *candidate {
	t.Helper()
	c := &candidate{dir: t.TempDir(), answers: answers}
	s := httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(s.Close)
	c.url = s.URL
	for name, text := range map[string]string{"traffic": strings.ReplaceAll(traffic, "URL", s.URL), "env": env,
		"gcloud": stub} {
		if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// serve acts as Cloud Storage for the upload, and as the candidate for other requests.
func (c *candidate) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/upload/") {
		if r.Header.Get("Authorization") != "Bearer access-token" {
			http.Error(w, "no token", http.StatusUnauthorized)
			return
		}
		c.samples = append(c.samples, string(body))
		fmt.Fprintf(w, "{\n  \"name\": %q,\n  \"generation\": \"%d\"\n}\n", r.URL.Query().Get("name"),
			41+len(c.samples))
		return
	}
	c.events = append(c.events, r.Header)
	event := object{}
	_ = json.Unmarshal(body, &event) // what is none fails the comparison
	c.bodies = append(c.bodies, event)
	answer := c.answers[min(len(c.events), len(c.answers))-1]
	var code int
	fmt.Sscan(answer, &code)
	w.WriteHeader(code)
	fmt.Fprintln(w, answer[4:])
}

func (c *candidate) run(t *testing.T, step string) outcome {
	t.Helper()
	defer func() {
		c.mu.Lock() // what the requests wrote is visible from here on
		defer c.mu.Unlock()
	}()
	return run(t, []string{"PATH=" + c.dir + ":" + os.Getenv("PATH"), "STUB=" + c.dir, "STORAGE_URL=" + c.url,
		"SMOKE_PAUSE=0",
		"PROJECT_ID=" + project, "REGION=" + region, "BUCKET=" + bucket, "NAME=bucketocr", "BUILD_ID=abcdef0123456789"},
		"bash", "deploy/candidate.sh", step)
}

func (c *candidate) calls(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "calls"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

func TestCandidateDeploy(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	const blue, green = "bucketocr-smoke/blue/**", "bucketocr-smoke/green/**"
	for _, tt := range []struct {
		name, traffic, env string
		serving            map[string]string // EXCLUDE of the revisions with traffic
		tag, exclude       string
	}{
		{"after deploy.sh", "100,r-1,,\n", "OCR_URL=https://x\nEXCLUDE=tmp/**," + blue + "," + green + "\n",
			map[string]string{"r-1": "tmp/**," + blue + "," + green}, "blue", "tmp/**," + green},
		{"blue serves", "100,r-b,,\n,r-b,blue,https://b\n", "EXCLUDE=" + green + "\n",
			map[string]string{"r-b": green}, "green", blue},
		{"blue serves, its tag on the same target", "100,r-b,blue,https://b\n", "EXCLUDE=" + green + "\n",
			map[string]string{"r-b": green}, "green", blue},
		{"green serves, blue failed", "100,r-g,,\n,r-b,blue,https://b\n,r-g,green,https://g\n",
			"EXCLUDE=a," + green + ",b\n", map[string]string{"r-g": "a," + blue + ",b"}, "blue", "a,b," + green},
		{"rolled back by two builds, to a blue one that lost its tag",
			"100,r-b1,,\n,r-b3,blue,https://b\n,r-g2,green,https://g\n", "EXCLUDE=" + green + "\n",
			map[string]string{"r-b1": green}, "green", blue},
		{"two serve", "50,r-b,blue,https://b\n50,r-1,,\n", "EXCLUDE=" + green + "\n",
			map[string]string{"r-b": green, "r-1": blue + "," + green}, "green", blue},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCandidate(t, tt.traffic, tt.env)
			c.serving(t, tt.serving)
			out := c.run(t, "deploy")
			calls := c.calls(t)
			if out.code != 0 {
				t.Fatalf("exit %d: %s", out.code, out.stderr)
			}
			for _, want := range []string{"run deploy bucketocr ", "--no-traffic", "--tag=" + tt.tag + " ",
				"--revision-suffix=b-abcdef01 ",
				"--update-env-vars=^##^EXCLUDE=" + tt.exclude + " ", "--function=ExtractText", "--base-image=go126",
				"--set-build-env-vars=GOFLAGS=-tags=nodynamic "} {
				if !strings.Contains(calls, want) {
					t.Errorf("%q is not in %s", want, calls)
				}
			}
		})
	}
}

// serving says what the revisions with traffic exclude.
func (c *candidate) serving(t *testing.T, exclude map[string]string) {
	t.Helper()
	for revision, globs := range exclude {
		file := filepath.Join(c.dir, "env-of-"+revision)
		if err := os.WriteFile(file, []byte("EXCLUDE="+globs+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoColourIsLeft: no candidate is deployed if the revisions with traffic would read its sample, or if what they
// exclude is unknown.
func TestNoColourIsLeft(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	for name, exclude := range map[string]map[string]string{
		"two of both colours": {"r-b": "bucketocr-smoke/green/**", "r-g": "bucketocr-smoke/blue/**"},
		"one without":         {"r-b": "bucketocr-smoke/green/**", "r-g": "tmp/**"},
		"an unknown one":      {"r-b": "bucketocr-smoke/green/**"},
	} {
		c := newCandidate(t, "50,r-b,,\n50,r-g,,\n", "")
		c.serving(t, exclude)
		out := c.run(t, "deploy")
		said := strings.Contains(out.stderr, "(r-b, r-g) would read a candidate's sample itself")
		if calls := c.calls(t); out.code != 1 || calls != "" || said == (name == "an unknown one") {
			t.Errorf("%s: exit %d, called %q: %s", name, out.code, calls, out.stderr)
		}
	}
}

func TestCandidateTry(t *testing.T) {
	t.Parallel()
	need(t, "bash", "curl")
	const traffic = "100,bucketocr-00001,,\n,bucketocr-b-abcdef01,blue,URL/tagged\n"
	for _, tt := range []struct {
		name, traffic string
		answers       []string
		code          int
	}{
		{"done", traffic, []string{"200 done"}, 0},
		{"a sleeping GPU", traffic, []string{"503 retry", "503 busy", "200 done"}, 0},
		{"another revision was faster", traffic, []string{"503 busy", "200 duplicate", "200 done"}, 0},
		{"failed", traffic, []string{"200 failed"}, 1},
		{"filtered", traffic, []string{"200 filtered"}, 1},
		{"refused", traffic, []string{"403 forbidden"}, 1},
		{"no start", traffic, []string{"404 none"}, 1},
		{"the tag was taken by another build", "100,bucketocr-00001,,\n,bucketocr-b-99999999,blue,URL/tagged\n",
			[]string{"200 done"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCandidate(t, tt.traffic, "", tt.answers...)
			out := c.run(t, "try")
			if out.code != tt.code {
				t.Fatalf("exit %d, want %d: %s", out.code, tt.code, out.stderr)
			}
			if calls := c.calls(t); calls != "" {
				t.Errorf("it changed something: %s", calls)
			}
			if strings.Contains(out.stdout+out.stderr, "-token") {
				t.Error("a token was printed")
			}
			if len(c.events) == 0 {
				return
			}
			uploads := 1 + strings.Count(strings.Join(tt.answers, ","), "duplicate")
			last := c.bodies[len(c.bodies)-1]
			if len(c.samples) != uploads || last["generation"] != fmt.Sprint(41+uploads) ||
				last["size"] != fmt.Sprint(len(c.samples[uploads-1])) {
				t.Errorf("uploaded %d times, want %d; the last event is %v", len(c.samples), uploads, last)
			}
			h := c.events[0]
			got := []string{
				h.Get("ce-type"), h.Get("ce-source"), h.Get("ce-subject"), h.Get("ce-specversion"),
				h.Get("Authorization"),
				fmt.Sprint(c.bodies[0]["bucket"], c.bodies[0]["name"], c.bodies[0]["generation"],
					c.bodies[0]["contentType"])}
			want := []string{
				"google.cloud.storage.object.v1.finalized", "//storage.googleapis.com/projects/_/buckets/my-scans",
				"objects/bucketocr-smoke/blue/patent-2004.png", "1.0", "Bearer identity-token",
				fmt.Sprint(bucket, "bucketocr-smoke/blue/patent-2004.png", "42", "image/png")}
			if !slices.Equal(got, want) {
				t.Errorf("sent %q, want %q", got, want)
			}
		})
	}
}

func TestCandidatePromote(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	c := newCandidate(t, "", "")
	if out := c.run(t, "promote"); out.code != 0 ||
		!strings.Contains(c.calls(t), "run services update-traffic bucketocr --project=my-project "+
			"--region=europe-west4 --to-revisions=bucketocr-b-abcdef01=100 ") {
		t.Errorf("exit %d: %s", out.code, c.calls(t))
	}
}

// TestSamplesHaveNewBytes: no run of the smoke test or of a build uploads bytes that an earlier one did, whose text
// REUSE=same-bytes would copy; and they are the sample, whole.
func TestSamplesHaveNewBytes(t *testing.T) {
	t.Parallel()
	need(t, "bash", "curl")
	c := newCandidate(t, "100,bucketocr-00001,,\n,bucketocr-b-abcdef01,blue,URL/tagged\n", "",
		"200 duplicate", "200 done")
	for range 2 {
		if out := c.run(t, "try"); out.code != 0 {
			t.Fatal(out.stderr)
		}
	}
	f := newFake(t)
	for range 2 {
		if out, _ := f.command(t, nil, "all"); out.code != 0 {
			t.Fatal(out.stderr)
		}
	}
	copies, err := filepath.Glob(f.state + ".sample-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range copies {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c.samples = append(c.samples, string(text))
	}
	slices.Sort(c.samples)
	if n := len(slices.Compact(slices.Clone(c.samples))); n != 5 || len(c.samples) != 5 {
		t.Errorf("%d uploads of %d different ones, want 5 of each", len(c.samples), n)
	}
	want := pageOf(t, read(t, "examples/samples/patent-2004.png"))
	for _, sample := range c.samples {
		if pageOf(t, sample) != want {
			t.Error("its page is not the sample's")
		}
	}
}

// pageOf returns the page of an intact image, as it is sent to the OCR service.
func pageOf(t *testing.T, image string) string {
	t.Helper()
	pages, err := page.Split(t.Context(), page.Source{Open: func(context.Context) (io.ReadCloser, int64, error) {
		return io.NopCloser(strings.NewReader(image)), int64(len(image)), nil
	}}, page.Limits{Edge: 1540, MaxBytes: 1 << 20, MaxPixels: 60e6, MaxPages: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer pages.Close()
	pg, _, err := pages.Page(t.Context(), 1)
	if err != nil || len(pg.Warnings) > 0 {
		t.Fatal(pg, err)
	}
	r, err := pg.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	bytes, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes)
}
