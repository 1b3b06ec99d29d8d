package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local"
	"github.com/bucketocr/bucketocr/internal/local/folder"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// emptyCache gives the user a cache of its own in which nothing is kept yet.
func emptyCache(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, home)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

// script writes a program that leaves a mark where it runs, and returns the mark's path.
func script(t *testing.T, path string) (mark string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a program here is no script")
	}
	mark = filepath.Join(t.TempDir(), "ran")
	text := "#!/bin/sh\necho ran >" + mark + "\necho 'listening http://127.0.0.1:9'\ncat >/dev/null\n"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return mark
}

func ran(mark string) bool { _, err := os.Stat(mark); return err == nil }

// TestNothingInTheFolderRuns: neither what calls itself an OCR service of an earlier run, nor a source of one, in the
// folder or where bucketocr is started; with Go on PATH and without it.
func TestNothingInTheFolderRuns(t *testing.T) {
	for name, path := range map[string]string{"without Go": "/usr/bin:/bin", "nothing on PATH": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			emptyCache(t)
			t.Setenv("PATH", path)
			d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
			d.env = map[string]string{"RETRY_WINDOW": "1m"}
			marks := []string{script(t, filepath.Join(d.dir, ".bucketocr", "localocr")),
				script(t, filepath.Join(d.dir, "localocr"))}
			t.Chdir(d.dir)
			code, out := d.up(t.Context(), "--once")
			if code != exitFailed {
				t.Errorf("exit code %d", code)
			}
			want(t, out, "no OCR service: set OCR_URL")
			for _, mark := range marks {
				if ran(mark) {
					t.Error("a program in the folder was run")
				}
			}
		})
	}
}

// TestForeignSourceIsNotBuilt: a folder may hold what looks like a checkout, with bucketocr started in it.
func TestForeignSourceIsNotBuilt(t *testing.T) {
	cache := emptyCache(t)
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range map[string]string{"go.mod": ocrModule + "\n", "main.go": "package main\n"} {
		if err := os.MkdirAll("localocr", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("localocr", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !isOCRSource(filepath.Join(dir, "localocr")) {
		t.Fatal("the test's source looks like none")
	}
	if got := checkout(); got == "" || strings.HasPrefix(got, dir) || !isOCRSource(filepath.Join(got, "localocr")) {
		t.Errorf("the checkout that this test was built from is %q", got)
	}
	program, err := cachedOCR(checkout())
	if err != nil || !strings.HasPrefix(program, filepath.Join(cache, "bucketocr")) {
		t.Errorf("localocr is kept at %s, %v", program, err)
	}
	if other, err := cachedOCR(dir); err != nil || other == program {
		t.Errorf("two checkouts share %s, %v", other, err)
	}
}

// TestLocalOCROfAnEarlierRun: where Go is missing meanwhile, the program in the user's own cache is taken.
func TestLocalOCROfAnEarlierRun(t *testing.T) {
	emptyCache(t)
	t.Setenv("PATH", "/usr/bin:/bin")
	program, err := cachedOCR(checkout())
	if err != nil {
		t.Fatal(err)
	}
	mark := script(t, program)
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	d.env = map[string]string{}
	ctx, stop := context.WithCancelCause(t.Context())
	out, code := newOutput(), make(chan int)
	go func() { code <- d.upTo(ctx, out) }()
	out.until(t, "localocr, Tesseract")
	stop(signaled{os.Interrupt})
	<-code
	if !ran(mark) {
		t.Errorf("it was not run:\n%s", out)
	}
	if info, err := os.Stat(filepath.Join(d.dir, ".bucketocr", folder.OCRLogName)); err != nil ||
		!info.Mode().IsRegular() {
		t.Errorf("its log: %v", err)
	}
}

// TestForeignFolder: a folder that came from elsewhere, whose logs are links to files of the user's, is refused with a
// word about what to do; nothing is written through them. When that is done, its images are read as any others.
func TestForeignFolder(t *testing.T) {
	t.Parallel()
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	d.ocr.Default(ocrtest.Text("read"))
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(d.dir, ".bucketocr")
	for _, name := range []string{"log.jsonl", "localocr.log", "endpoint", "lock", "records.db"} {
		if err := os.MkdirAll(data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(victim, filepath.Join(data, name)); err != nil {
			t.Skip(err)
		}
		for _, args := range [][]string{{"up", "--once", d.dir}, {"show", "--local", d.dir, "a.png"},
			{"backfill", "--local", d.dir}, {"ui", "--local", d.dir}} {
			out := newOutput()
			lookup := func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }
			if code := run(t.Context(), system{out, out, lookup, platformBackoff, nil, ""}, args); code != exitFailed &&
				code != exitUsage {
				t.Errorf("%s, %v: exit code %d", name, args, code)
			}
			want(t, out, filepath.Join(data, name)+" is a symbolic link", "delete "+data)
		}
		if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
			t.Fatalf("%s: the user's file is now %q, %v", name, b, err)
		}
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		code, out := d.up(t.Context(), "--once")
		if code != exitGood {
			t.Errorf("exit code %d", code)
		}
		want(t, out, "1 done, 0 failed")
	}
}

// TestEventsNeedTheToken: up takes events from who can read its folder, at its own address; other users of the machine
// and pages in a browser can reach the port as well.
func TestEventsNeedTheToken(t *testing.T) {
	handled := 0
	p, err := newEventarc(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		handled++
		fmt.Fprintln(w, "done")
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer p.server.Close()
	port := p.endpoint.URL[strings.LastIndex(p.endpoint.URL, ":"):]
	good := "Bearer " + p.endpoint.Token
	for name, c := range map[string]struct {
		host, authorization string
		want                int
	}{
		"ours":               {"", good, http.StatusOK},
		"no token":           {"", "", http.StatusForbidden},
		"another token":      {"", "Bearer x", http.StatusForbidden},
		"a part of it":       {"", good[:len(good)-1], http.StatusForbidden},
		"more than it":       {"", good + "x", http.StatusForbidden},
		"rebinding":          {"evil.example" + port, good, http.StatusMisdirectedRequest},
		"rebinding, no port": {"evil.example", good, http.StatusMisdirectedRequest},
		"another port":       {"127.0.0.1:1", good, http.StatusMisdirectedRequest},
		"no port":            {"127.0.0.1", good, http.StatusMisdirectedRequest},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.endpoint.URL, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = c.host
		req.Header.Set("Authorization", c.authorization)
		before := handled
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want || (handled > before) != (c.want == http.StatusOK) {
			t.Errorf("%s: HTTP %d, handled %d", name, resp.StatusCode, handled-before)
		}
	}
	other, err := newEventarc(http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	defer other.server.Close()
	if other.endpoint.Token == p.endpoint.Token || len(other.endpoint.Token) < 26 {
		t.Errorf("tokens %q and %q", p.endpoint.Token, other.endpoint.Token)
	}
}

// TestCommandsReachUp: backfill and retry --now find a running bucketocr up process, with its token.
func TestCommandsReachUp(t *testing.T) {
	d := newDesk(t, map[string][]byte{"a.png": apptest.PNG(50)})
	d.ocr.Default(ocrtest.Text("read"))
	ctx, stop := context.WithCancelCause(t.Context())
	out, code := newOutput(), make(chan int)
	go func() { code <- d.upTo(ctx, out, "--page", "off") }()
	out.until(t, "a.png.md")
	records, _, err := local.OpenBeside(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	o := &office{t: t, records: records, bucket: records.Bucket(), env: map[string]string{"ID_TOKEN": "the user's"},
		args: []string{"--local", d.dir}}
	o.want(exitGood, []string{"done or failed already"}, "backfill")
	o.write(o.record("bad.png", document.StatusFailed))
	o.want(exitGood, []string{"to be retried", "1"}, "retry", "--now", "bad.png")
	stop(signaled{os.Interrupt})
	if c := <-code; c != exitInterrupted {
		t.Errorf("exit code %d\n%s", c, out)
	}
	o.want(exitUsage, []string{"bucketocr up is not running"}, "backfill")
	if _, err := os.Stat(filepath.Join(d.dir, ".bucketocr", "endpoint")); !os.IsNotExist(err) {
		t.Errorf("the endpoint of an up that has ended: %v", err)
	}
}

// TestTerminalsAreSafe: whoever made a document chose every word in it, and none of them does anything on a terminal.
// What goes to a file or a pipe is true to the document.
func TestTerminalsAreSafe(t *testing.T) {
	o := folderOffice(t)
	words := func(r *document.Record) {
		r.Text, r.Model, r.ContentType, r.RetriedBy, r.Retried = evil+"\n\f\n"+evil, evil, evil, evil, time.Now()
		r.Warnings = []string{evil, evil}
		r.Error = &document.Error{Code: evil, Message: evil}
	}
	o.write(o.record("done"+evil, document.StatusDone, words),
		document.Page{Page: 1, Generation: 7, Text: evil, Warnings: []string{evil}},
		document.Page{Page: 2, Generation: 7, Error: &document.Error{Code: evil, Message: evil}})
	o.write(o.record("failed"+evil, document.StatusFailed, words))
	o.write(o.record("retrying"+evil, document.StatusRetrying, words))
	o.write(o.record("odd", document.Status(evil), words))
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, evil, http.StatusBadRequest)
	}))
	defer refuses.Close()
	o.fill([]string{"a\u009b31m.png"})
	id := func(name string) string { return document.Object{Bucket: o.bucket, Name: name}.ID() }
	for _, args := range [][]string{
		{"show", id("done" + evil)}, {"show", "--text", id("done" + evil)},
		{"show", "--pages", "--text", id("done" + evil)},
		{"show", "--json", "--pages", id("done" + evil)}, {"show", id("failed" + evil)},
		{"show", "--text", id("failed" + evil)},
		{"show", id("retrying" + evil)}, {"show", id("odd")}, {"show", evil}, {"stats"}, {"stats", "--json"},
		{"stats", evil},
		{"retry", "--dry-run"}, {"retry", "--json", "--all"}, {"list"}, {"list", "--json"}, {"export", "-"},
		{"delete", "--yes", evil}, {"read", evil}, {"retry", "--status", evil}, {"retry", "--code", evil},
		{"watch", "--status", evil}, {"watch", evil},
		{"backfill", "--to", refuses.URL}, {"backfill", "--to", refuses.URL, "--json"}, {"backfill", "--to", evil},
		{"backfill", "gs://" + evil},
		{"up", evil, evil}, {evil}, {"serve", evil}, {"plan", evil}, {"ui", evil},
	} {
		var screen, errs bytes.Buffer
		whole := args
		if args[0] != "up" && args[0] != evil && args[0] != "serve" && args[0] != "plan" && args[0] != "read" {
			whole = append(append([]string{}, args...), o.args...)
		}
		run(t.Context(), o.system(&terminal{raw: &screen}, &terminal{raw: &errs}), whole)
		wantHarmless(t, fmt.Sprintf("%.40q", args), screen.String()+errs.String())
		if screen.Len()+errs.Len() == 0 {
			t.Errorf("%q says nothing", args)
		}
	}
	stored := strings.ToValidUTF8(evil, "\ufffd")
	if _, stdout, _ := o.call("show", "--text", id("done"+evil)); stdout != stored+"\n\f\n"+stored+"\n" {
		t.Errorf("the text in a pipe is %q", stdout)
	}
	var screen bytes.Buffer
	_, piped, _ := o.call("show", "--json", id("done"+evil))
	run(t.Context(), o.system(&terminal{raw: &screen}, &screen),
		append([]string{"show", "--json", id("done" + evil)}, o.args...))
	if inPipe, onScreen := decoded(t, piped),
		decoded(t, screen.String()); !maps.EqualFunc(inPipe, onScreen, func(a, b any) bool {
		return reflect.DeepEqual(a, b)
	}) {
		t.Errorf("JSON says %v in a pipe and %v on a terminal", inPipe, onScreen)
	}
	// Lists in pipes are one line each: a name or a word of a document cannot begin another.
	for _, args := range [][]string{{"show", id("done" + evil)}, {"stats"}, {"show", id("odd")}} {
		_, stdout, _ := o.call(args...)
		wantHarmless(t, fmt.Sprintf("%.20q in a pipe", args), stdout)
	}
}

func decoded(t *testing.T, document string) (fields map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(document), &fields); err != nil {
		t.Error(err)
	}
	return fields
}

// TestUpIsSafeOnATerminal: names, texts and the service's own words, while it runs and in the summary.
func TestUpIsSafeOnATerminal(t *testing.T) {
	t.Parallel()
	name := "b\u009b31m\u202e.png"
	d := newDesk(t, map[string][]byte{name: apptest.PNG(50), "c.png": apptest.PNG(51), "no\u009bimage.txt": []byte("x"),
		"deep\x1b[2J/d.png": apptest.PNG(52)})
	d.ocr.For(apptest.PNG(50), ocrtest.Text(strings.ToValidUTF8(evil, "")+"\nsecond"))
	d.ocr.For(apptest.PNG(52), ocrtest.Text("read"))
	// also to the page that is encoded again
	d.ocr.Default(ocrtest.LlamaError(400, "invalid_request_error", "Failed to load image"))
	if err := os.Symlink("/nowhere", filepath.Join(d.dir, "link\u009b\n.png")); err != nil {
		t.Skip(err)
	}
	var screen bytes.Buffer
	lookup := func(name string) (string, bool) { v, ok := d.env[name]; return v, ok }
	out := &terminal{raw: &screen}
	if code := run(t.Context(), system{out, out, lookup, func(int) time.Duration { return 0 }, nil, ""},
		[]string{"up", "--once", d.dir}); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	wantHarmless(t, "up", screen.String())
	_, again := d.up(t.Context(), "--once")
	wantHarmless(t, "up's summary in a pipe", again.String())
	for _, words := range []string{"2 done, 1 failed", "second", "ignored: ", `ignored     "no\u009bimage.txt"`} {
		if !strings.Contains(screen.String(), words) {
			t.Errorf("%q is missing:\n%s", words, screen.String())
		}
	}
	if got := d.text(name); !strings.Contains(got, "\u009b31m") {
		t.Errorf("the text's file is not true to the text: %q", got)
	}
}

// TestPageKey: one key for all pages of this user, kept where others cannot read it, so that a bookmark survives a
// restart; a file that holds none is replaced.
func TestPageKey(t *testing.T) {
	path := filepath.Join(emptyCache(t), "bucketocr", "page-key")
	key := pageKey()
	if again := pageKey(); again != key || !isPageKey(key) {
		t.Errorf("%q, then %q", key, again)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	for _, spoilt := range []string{"", "short", strings.Repeat("x", 40), "\r\n" + key} {
		if err := os.WriteFile(path, []byte(spoilt), 0o600); err != nil {
			t.Fatal(err)
		}
		if again := pageKey(); again == key || again == spoilt || !isPageKey(again) || pageKey() != again {
			t.Errorf("%q became %q", spoilt, again)
		}
	}
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, "")
	}
	if a, b := pageKey(), pageKey(); !isPageKey(a) || a == b {
		t.Errorf("with nowhere to keep it: %q, %q", a, b)
	}
}

// TestPageNeedsItsKey: the address that up prints opens the page, and the address alone does not.
func TestPageNeedsItsKey(t *testing.T) {
	emptyCache(t)
	d := newDesk(t, nil)
	ctx, stop := context.WithCancelCause(t.Context())
	out, code := newOutput(), make(chan int)
	go func() { code <- d.upTo(ctx, out, "--create", "--page", "0") }()
	out.until(t, "the page at ")
	defer func() { stop(signaled{os.Interrupt}); <-code }()
	_, line, _ := strings.Cut(out.String(), "the page at ")
	address, _, _ := strings.Cut(line, "\n")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	bare, _, _ := strings.Cut(address, "?")
	for _, c := range []struct {
		url  string
		want int
	}{{bare, http.StatusForbidden}, {address, http.StatusOK}, {bare, http.StatusOK}} {
		resp, err := (&http.Client{Jar: jar}).Get(c.url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: HTTP %d, want %d", c.url, resp.StatusCode, c.want)
		}
	}
}

// TestLocalOCRIsKept: it is built once, again when its source changes or it is damaged, and never written to while
// another run may have started it.
func TestLocalOCRIsKept(t *testing.T) {
	source, program := t.TempDir(), filepath.Join(t.TempDir(), "kept", "localocr"+exeSuffix)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module m\n")
	write("main.go", "package main\n\nfunc main() {}\n")
	build := func(step string, wantNews, wantNew bool) {
		t.Helper()
		before, _ := os.Stat(program)
		out := newOutput()
		s := newStage(system{stderr: out})
		err := compileOCR(t.Context(), s, source, program)
		if s.footer.finish(); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		after, err := os.Stat(program)
		if err != nil {
			t.Fatal(err)
		}
		if is := before == nil || !os.SameFile(before, after); is != wantNew {
			t.Errorf("%s: a new program: %v", step, is)
		}
		if said := strings.Contains(out.String(), "building localocr"); said != wantNews {
			t.Errorf("%s: %q", step, out)
		}
		if entries, _ := os.ReadDir(filepath.Dir(program)); len(entries) != 1 {
			t.Errorf("%s: left over: %v", step, entries)
		}
	}
	build("first", true, true)
	build("again", false, false)
	write("main.go", "package main\n\nfunc main() { println() }\n")
	build("changed", false, true)
	if err := os.Remove(program); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("damaged"), 0o700); err != nil {
		t.Fatal(err)
	}
	build("damaged", false, true)
	write("main.go", "package main\n\nfunc main() { no }\n")
	s := newStage(system{stderr: newOutput()})
	defer s.footer.finish()
	if err := compileOCR(t.Context(), s, source, program); err == nil ||
		!strings.Contains(err.Error(), "undefined: no") {
		t.Errorf("a source that does not compile: %v", err)
	}
}
