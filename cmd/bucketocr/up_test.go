package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local"
	"github.com/bucketocr/bucketocr/internal/local/sqlite"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// desk is a folder with some files and an OCR service.
type desk struct {
	t   *testing.T
	dir string
	ocr *ocrtest.Server
	env map[string]string
}

func newDesk(t *testing.T, files map[string][]byte) *desk {
	d := &desk{t: t, dir: filepath.Join(t.TempDir(), "My scans"), ocr: ocrtest.New(t)}
	d.env = map[string]string{"OCR_URL": d.ocr.URL}
	for name, data := range files {
		d.drop(name, data)
	}
	return d
}

// drop writes a file that looks as if it had been there for a while, so that it counts as written to its end.
func (d *desk) drop(name string, data []byte) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o777)
	if err == nil {
		err = os.WriteFile(path, data, 0o666)
	}
	if err == nil {
		old := time.Now().Add(-time.Minute)
		err = os.Chtimes(path, old, old)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// output is what a run prints, readable while it prints.
type output struct {
	mu   sync.Mutex
	b    bytes.Buffer
	news chan struct{}
}

func newOutput() *output { return &output{news: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.news <- struct{}{}:
	default:
	}
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// until waits for a text to be printed, and gives up where that cannot be expected any more.
func (o *output) until(t *testing.T, text string) { t.Helper(); o.untilTimes(t, 1, text) }

// untilTimes waits for a text to be printed n times.
func (o *output) untilTimes(t *testing.T, n int, text string) {
	t.Helper()
	late := time.After(2 * time.Minute)
	for strings.Count(o.String(), text) < n {
		select {
		case <-o.news:
		case <-late:
			t.Fatalf("%q was not printed:\n%s", text, o)
		}
	}
}

func (d *desk) up(ctx context.Context, args ...string) (int, *output) {
	out := newOutput()
	return d.upTo(ctx, out, args...), out
}

func (d *desk) upTo(ctx context.Context, out *output, args ...string) int {
	lookup := func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }
	return run(ctx, system{out, out, lookup, func(int) time.Duration { return 0 }, nil, ""},
		append([]string{"up"}, append(args, d.dir)...))
}

func (d *desk) text(name string) string {
	b, err := os.ReadFile(filepath.Join(d.dir, ".bucketocr", "text", name+".md"))
	if err != nil {
		d.t.Error(err)
	}
	return string(b)
}

func want(t *testing.T, out *output, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is not in the output:\n%s", text, out)
		}
	}
}

// TestUpOnce: every image gets its text, what is not an image is ignored, and a second run redoes nothing and says so.
func TestUpOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50), "deep/er/b.png": apptest.PNG(51),
		"README.md": []byte("no image"), ".hidden.png": apptest.PNG(52)})
	d.ocr.For(apptest.PNG(50), ocrtest.Text("first line\n\nsecond line"))
	d.ocr.For(apptest.PNG(51), ocrtest.Blank())
	for round := range 2 {
		code, out := d.up(t.Context(), "--once")
		if code != exitGood {
			t.Fatalf("exit code %d\n%s", code, out)
		}
		if round == 0 {
			want(t, out, "2 done, 0 failed\n", "  first line\n", "  second line\n", "blank", "a.png.md",
				"deep/er/b.png.md")
		} else {
			want(t, out, "2 done, 0 failed, 2 of them read before\n")
		}
		if strings.Contains(out.String(), "hidden") || strings.Contains(out.String(), "README.md\n") != (round == 0) {
			t.Errorf("round %d:\n%s", round, out)
		}
		if strings.Contains(out.String(), "  done        a.png") != (round == 0) {
			t.Errorf("round %d:\n%s", round, out)
		}
	}
	if d.text("a.png") != "first line\n\nsecond line\n" || d.text("deep/er/b.png") != "" {
		t.Errorf("texts %q, %q", d.text("a.png"), d.text("deep/er/b.png"))
	}
	if n := d.ocr.Counts().Requests; n != 2 {
		t.Errorf("%d requests for two images", n)
	}
	d.drop("a.png", apptest.PNG(53))
	d.ocr.For(apptest.PNG(53), ocrtest.Text("changed"))
	if code, out := d.up(t.Context(), "--once"); code != exitGood || d.text("a.png") != "changed\n" ||
		d.ocr.Counts().Requests != 3 {
		t.Errorf("after a change: %d\n%s", code, out)
	}
}

// TestUpLongNames: a name that no event may have costs its own text, no other and not the run; nor does one that an
// older version took for an object's, even if its file is gone.
func TestUpLongNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456/", 130) + "a.png"
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	d.ocr.Default(ocrtest.Text("read"))
	w, err := local.Open(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	noticed := map[string]sqlite.File{long: {Generation: 7, Modified: 7, Size: 1, Noticed: 7}}
	if err := errors.Join(w.Records.Files().Put(t.Context(), noticed), w.Close()); err != nil {
		t.Fatal(err)
	}
	code, out := d.up(t.Context(), "--once")
	if code != exitGood {
		t.Errorf("exit code %d", code)
	}
	want(t, out, "1 done, 0 failed\n", `ignored: "`+long+`" encode event: an object name of 1045 bytes, over 1024`)
	d.drop(long, apptest.PNG(51))
	code, out = d.up(t.Context(), "--once")
	if code != exitGood {
		t.Errorf("exit code %d", code)
	}
	want(t, out, "1 done, 0 failed, 1 of them read before\n", " has a path of ", " bytes, over 1024")
	if n := strings.Count(out.String(), "ignored"); n != 1 {
		t.Errorf("said %d times:\n%s", n, out)
	}
}

// TestUpWithAnotherFilter: what INCLUDE or EXCLUDE left out is read by a run that does not leave it out, and only that.
func TestUpWithAnotherFilter(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50), "drafts/b.png": apptest.PNG(51),
		"README.md": []byte("no image")})
	d.ocr.Default(ocrtest.Text("read"))
	for _, run := range []struct {
		env      map[string]string
		want     string
		requests int
	}{
		{map[string]string{"INCLUDE": "none/**"}, "0 done, 0 failed: no images or PDFs to read in ", 0},
		{map[string]string{"EXCLUDE": "drafts/**"}, "1 done, 0 failed\n", 1},
		{map[string]string{"EXCLUDE": "drafts/**"}, "1 done, 0 failed, 1 of them read before\n", 1},
		{nil, "2 done, 0 failed, 1 of them read before\n", 2},
		{nil, "2 done, 0 failed, 2 of them read before\n", 2},
	} {
		d.env = map[string]string{"OCR_URL": d.ocr.URL}
		maps.Copy(d.env, run.env)
		code, out := d.up(t.Context(), "--once")
		if n := d.ocr.Counts().Requests; code != exitGood || n != run.requests {
			t.Errorf("%v: exit code %d, %d requests, want %d", run.env, code, n, run.requests)
		}
		want(t, out, run.want)
		if ignored := strings.Contains(out.String(), "README.md\n"); ignored != (run.want[0] == '0') {
			t.Errorf("%v:\n%s", run.env, out)
		}
	}
}

// TestUpWithoutItsRecords: files that were delivered to another store are delivered to this one, in the generation that
// they have now.
func TestUpWithoutItsRecords(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50), "b.png": apptest.PNG(51), "c.png": apptest.PNG(52)})
	d.ocr.Default(ocrtest.Text("read"))
	if code, out := d.up(t.Context(), "--once"); code != exitGood {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	db, err := sql.Open("sqlite", filepath.Join(d.dir, ".bucketocr", "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`DELETE FROM records WHERE doc ->> '$.name' = 'a.png';
		UPDATE records SET doc = json_set(doc, '$.generation', 7) WHERE doc ->> '$.name' = 'b.png'`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for _, again := range []string{"1", "3"} {
		code, out := d.up(t.Context(), "--once")
		if code != exitGood {
			t.Errorf("exit code %d", code)
		}
		want(t, out, "3 done, 0 failed, "+again+" of them read before\n")
	}
	if n := d.ocr.Counts().Requests; n != 5 {
		t.Errorf("%d requests", n)
	}
}

func TestUpOnceFails(t *testing.T) {
	t.Parallel()
	cut := apptest.PNG(51)
	cut = cut[:bytes.Index(cut, []byte("IDAT"))+6]
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50),
		"broken.png": []byte("this is a text that calls itself a picture"),
		"cut.png":    cut})
	code, out := d.up(t.Context(), "--once")
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	want(t, out, "1 done, 2 failed", "unsupported_media", "cut.png  corrupt: ", "the file is cut off")
	if n := d.ocr.Counts().Requests; n > 2 {
		t.Errorf("%d requests", n)
	}
}

// TestUpRedelivers: a service that is down for a while costs a try, not the text; the local sweep is the redelivery.
func TestUpRedelivers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	d.ocr.Next(ocrtest.Platform(403))
	gate := ocrtest.NewGate()
	d.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("whole")))
	ctx, stop := context.WithCancelCause(t.Context())
	out := newOutput()
	code := make(chan int)
	go func() { code <- d.upTo(ctx, out, "--verbose") }()
	out.until(t, "retrying")
	out.until(t, "attempt 2") // of states that last a moment those who watch may see the last alone
	gate.Open()
	out.until(t, "done")
	stop(signaled{os.Interrupt})
	if c := <-code; c != exitInterrupted {
		t.Errorf("exit code %d", c)
	}
	want(t, out, "ocr_misconfigured")
	if d.text("a.png") != "whole\n" {
		t.Errorf("text %q", d.text("a.png"))
	}
}

// TestUpCtrlC: dropped while it runs, finished while it stops; the next run has nothing to do.
func TestUpCtrlC(t *testing.T) {
	d := newDesk(t, nil)
	gate := ocrtest.NewGate()
	d.ocr.Default(ocrtest.Hold(gate, ocrtest.Text("read")))
	ctx, stop := context.WithCancelCause(t.Context())
	out := newOutput()
	code := make(chan int)
	go func() { code <- d.upTo(ctx, out, "--create") }()
	out.until(t, "ready")
	d.drop("dropped.png", apptest.PNG(50))
	if err := gate.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	stop(signaled{os.Interrupt})
	out.until(t, "stopping: 1 object in progress")
	gate.Open()
	if c := <-code; c != exitInterrupted {
		t.Errorf("exit code %d\n%s", c, out)
	}
	want(t, out, "done", "stopped: nothing left to read")
	if d.text("dropped.png") != "read\n" {
		t.Errorf("text %q", d.text("dropped.png"))
	}
	if c, out := d.up(t.Context(), "--once"); c != exitGood || d.ocr.Counts().Requests != 1 {
		t.Errorf("the next run: %d\n%s", c, out)
	}
}

// TestUpReadsAgain: a done document that is read again keeps its text until the new one is there, in the folder and in
// --out, within the same second, too; there is one line, when it is over. What is left of it when the run is stopped is
// said, and read by the next run.
func TestUpReadsAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	readings := []*ocrtest.Gate{ocrtest.NewGate(), ocrtest.NewGate(), ocrtest.NewGate()}
	refused := ocrtest.LlamaError(400, "invalid_request_error", "Failed to load image")
	d.ocr.Next(ocrtest.Text("old"), ocrtest.Hold(readings[0], ocrtest.Text("new")), ocrtest.Hold(readings[1], refused),
		refused, ocrtest.Hold(readings[2], ocrtest.Platform(429)))
	d.ocr.Default(ocrtest.Text("newest"))
	dir := filepath.Join(t.TempDir(), "texts")
	texts := func(want string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, "a.png.md"))
		if got := d.text("a.png"); err != nil || got != want || string(b) != want {
			t.Errorf("texts %q and %q, %v; want %q", got, b, err, want)
		}
	}
	ctx, stop := context.WithCancelCause(t.Context())
	out, code := newOutput(), make(chan int)
	go func() { code <- d.upTo(ctx, out, "--page", "off", "--out", dir) }()
	const line = "  done        a.png  "
	out.until(t, line)
	again := func(reading *ocrtest.Gate) {
		t.Helper()
		records, _, err := local.OpenBeside(d.dir)
		if err != nil {
			t.Fatal(err)
		}
		defer records.Close()
		r, err := records.Get(t.Context(), document.Object{Bucket: records.Bucket(), Name: "a.png"}.ID())
		if err == nil {
			_, err = document.Retry(t.Context(), records, r, "a test", func(document.Page) bool { return true })
		}
		if err == nil {
			err = reading.Wait(t.Context(), 1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	again(readings[0])
	texts("old\n")
	readings[0].Open()
	out.untilTimes(t, 2, line)
	texts("new\n")
	again(readings[1])
	readings[1].Open()
	out.untilTimes(t, 3, line)
	want(t, out, line+"read again: failed: ")
	texts("new\n")
	again(readings[2])
	stop(signaled{os.Interrupt})
	out.until(t, "stopping: ")
	readings[2].Open()
	if c := <-code; c != exitInterrupted {
		t.Errorf("exit code %d", c)
	}
	want(t, out, "stopped: 1 object still to be read")
	if n := strings.Count(out.String(), line); n != 3 {
		t.Errorf("%d lines about three readings:\n%s", n, out)
	}
	if c, out := d.up(t.Context(), "--once", "--out", dir); c != exitGood {
		t.Errorf("the next run: %d\n%s", c, out)
	}
	texts("newest\n")
}

// TestUpWritesTextsLater: a text that cannot be written is written as soon as that is possible, and its copy in --out
// goes when the text goes.
func TestUpWritesTextsLater(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	d.ocr.For(apptest.PNG(50), ocrtest.Text("text"))
	dir := filepath.Join(t.TempDir(), "texts")
	there := filepath.Join(dir, "a.png.md")
	if err := os.MkdirAll(filepath.Join(there, "in the way"), 0o777); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	out, code := newOutput(), make(chan int)
	go func() { code <- d.upTo(ctx, out, "--out", dir) }()
	out.until(t, "  done        a.png  ")
	if err := os.RemoveAll(there); err != nil {
		t.Fatal(err)
	}
	out.until(t, "  written     a.png → ")
	if b, err := os.ReadFile(there); err != nil || string(b) != "text\n" {
		t.Errorf("%q, %v", b, err)
	}
	d.drop("a.png", []byte("this is a text that calls itself a picture"))
	out.until(t, "  failed      a.png  ")
	if _, err := os.Stat(there); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the text of the earlier file is still there: %v", err)
	}
	stop(signaled{os.Interrupt})
	<-code
}

// TestUpKilled: what a killed run left is taken up by the next one at once.
func TestUpKilled(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	gate := ocrtest.NewGate()
	d.ocr.Next(ocrtest.Hold(gate, ocrtest.Text("never")))
	d.ocr.Default(ocrtest.Text("read"))
	cmd := program("up", d.dir)
	cmd.Env = []string{asMain + "=1", "OCR_URL=" + d.ocr.URL, "HOME=" + t.TempDir()}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := gate.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if code, out := d.up(t.Context(), "--once"); code != exitFailed || !strings.Contains(out.String(), "another") {
		t.Errorf("beside a running one: %d\n%s", code, out)
	}
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
	code, out := d.up(t.Context(), "--once", "--verbose")
	if code != exitGood {
		t.Errorf("exit code %d", code)
	}
	want(t, out, "resuming 1 object", "1 done")
	if r := d.document("a.png"); r.Attempt != 2 { // lines show what the watch sees, which may not be every attempt
		t.Errorf("attempt %d", r.Attempt)
	}
}

// TestUpSaysWhatIsWrong: a clear sentence and an exit code for each.
func TestUpSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		dir  string
		env  map[string]string
		code int
		want string
	}{
		{"a file", file, map[string]string{"OCR_URL": "http://127.0.0.1:1"}, exitUsage, "is a file"},
		{"unwritable", "/proc/self", map[string]string{"OCR_URL": "http://127.0.0.1:1"}, exitFailed, "/proc/"},
		{"no folder", filepath.Join(t.TempDir(), "typo"), map[string]string{"OCR_URL": "http://127.0.0.1:1"}, exitUsage,
			"no folder"},
		{"no emulator", t.TempDir(),
			map[string]string{"OCR_URL": "http://127.0.0.1:1", "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1"},
			exitUsage, "no Firestore emulator answers"},
		{"settings", t.TempDir(), map[string]string{"OCR_URL": "ftp://x", "MAX_PAGES": "many"}, exitUsage, "MAX_PAGES"},
		{"layout without", t.TempDir(), map[string]string{"OCR_URL": "http://127.0.0.1:1", "OCR_MODE": "layout"},
			exitUsage, "layout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &desk{t: t, dir: c.dir, env: c.env}
			code, out := d.up(t.Context(), "--once")
			if code != c.code || !strings.Contains(out.String(), c.want) {
				t.Errorf("%d, want %d:\n%s", code, c.code, out)
			}
		})
	}
}

// TestUpWithoutOCR: outside a checkout and without localocr on PATH, one sentence says what to do.
func TestUpWithoutOCR(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("PATH", t.TempDir())
	emptyCache(t)
	d := &desk{t: t, dir: t.TempDir(), env: map[string]string{}}
	code, out := d.up(t.Context(), "--once")
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	want(t, out, "set OCR_URL", "localocr")
}

// TestUpOnATerminal: a footer says how it goes, failed is red unless NO_COLOR is set, and a dumb terminal gets lines
// alone.
func TestUpOnATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		env            map[string]string
		footer, colour bool
	}{
		"colours":    {map[string]string{"TERM": "xterm"}, true, true},
		"no colours": {map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, true, false},
		"dumb":       {map[string]string{"TERM": "dumb"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50), "broken.png": []byte("no picture")})
			d.ocr.Default(ocrtest.Text("read"))
			maps.Copy(d.env, c.env)
			lookup := func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }
			out, screen := newOutput(), newOutput()
			sys := system{out, &terminal{raw: screen}, lookup, func(int) time.Duration { return 0 }, nil, ""}
			if code := run(t.Context(), sys, []string{"up", "--once", d.dir}); code != exitFailed {
				t.Errorf("exit code %d\n%s", code, screen)
			}
			got := screen.String()
			if strings.Contains(got, "\r\x1b[K") != c.footer ||
				strings.Contains(got, "1 done, 1 failed, 0 in progress") != c.footer {
				t.Errorf("the footer: %q", got)
			}
			if strings.Contains(got, "\x1b[31mfailed     \x1b[0m broken.png") != c.colour ||
				strings.Contains(got, "\x1b[32mdone") != c.colour {
				t.Errorf("the colours: %q", got)
			}
			if !strings.Contains(got, "(This is not an image, or its format is not supported.)") {
				t.Errorf("the page's sentence is missing: %q", got)
			}
		})
	}
}

// TestCounts: what happened before the run is no work of its, and a page counts once.
func TestCounts(t *testing.T) {
	t.Parallel()
	c := counts{states: map[string]counted{}}
	c.note("old", &document.Record{Status: document.StatusDone, PagesDone: 40}, true)
	c.note("a", &document.Record{Status: document.StatusProcessing, Generation: 1, PagesDone: 2}, false)
	c.note("a", &document.Record{Status: document.StatusProcessing, Generation: 1, PagesDone: 3}, false)
	c.note("b", &document.Record{Status: document.StatusFailed, Generation: 1}, false)
	c.note("c", &document.Record{Status: document.StatusRetrying, Generation: 1}, false)
	if got, want := c.line(2*time.Second, 4),
		"1 done, 1 failed, 1 in progress, 4 waiting; 3 pages, 1.5/s, 10 s left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	again := document.Record{Status: document.StatusDone, Rereading: &document.Rereading{}}
	for _, step := range []struct {
		change func()
		want   string
	}{
		{func() {}, "0 done, 0 failed, 0 in progress, 1 waiting"},
		{func() { again.Lease = &document.Lease{} }, "0 done, 0 failed, 1 in progress, 0 waiting"},
		{func() { again.Lease, again.Rereading = nil, nil }, "1 done, 0 failed, 0 in progress, 0 waiting"},
	} {
		c := counts{states: map[string]counted{}}
		step.change()
		c.note("again", &again, false)
		if got := c.line(time.Second, 0); got != step.want {
			t.Errorf("%q, want %q", got, step.want)
		}
	}
}
