//go:build !race

// Hundreds of processes take minutes under the race detector, and find no more: their code is also tested in this
// process.

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bucketocr/bucketocr/internal/app/apptest"
	"github.com/bucketocr/bucketocr/internal/document"
	"github.com/bucketocr/bucketocr/internal/local"
	"github.com/bucketocr/bucketocr/internal/page/pagetest"
	"github.com/bucketocr/bucketocr/ocr/ocrtest"
)

// call is a command line and its expected results. Each part between bars must be in stdout or stderr; an empty one
// means no output; after = it must be the whole output.
type call struct {
	line           string
	code           int
	stdout, stderr string
	stdin          []byte
	changes        bool // the folder: it gets one of its own
}

// TestProgram: command lines as people write them, wrong ones too, run by the real program: data on standard output,
// all else on standard error, and the exit code.
func TestProgram(t *testing.T) {
	t.Parallel()
	service := ocrtest.New(t)
	service.Default(ocrtest.Text("read"))
	service.For(apptest.PNG(61),
		ocrtest.Text("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"))
	made := workplace(t)
	running := make(chan struct{}, 4)
	for _, c := range calls() {
		t.Run(c.line, func(t *testing.T) {
			t.Parallel()
			running <- struct{}{}
			defer func() { <-running }()
			dir := made
			if c.changes {
				dir = t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
					t.Fatal(err)
				}
			}
			c.check(t, dir, service.URL)
		})
	}
}

// workplace is a folder with files in it, and the folder inbox, in which bucketocr up has worked.
func workplace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	here, inbox := &desk{t: t, dir: dir}, &desk{t: t, dir: filepath.Join(dir, "inbox")}
	here.drop("page.png", apptest.PNG(60))
	here.drop("table.png", apptest.PNG(61))
	here.drop("two.tiff", apptest.TIFF(2))
	here.drop("broken.png", []byte("no picture"))
	here.drop("scans/one.png", apptest.PNG(60))
	here.drop("scans/deep/two.png", apptest.PNG(60))
	here.drop("texts.txt", []byte("a text"))
	here.drop("part/page.png.crdownload", apptest.PNG(60))
	clear := image.NewNRGBA(image.Rect(0, 0, 60, 80))
	for i := range clear.Pix {
		clear.Pix[i] = byte(i / 4)
	}
	here.drop("clear.tiff",
		pagetest.TIFF(binary.LittleEndian, pagetest.Samples(clear, pagetest.Storage{Colour: 1, Alpha: 2})))
	if err := os.Mkdir(filepath.Join(dir, "none"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.png", "b two.png", "sub/c.png", "new.png", "bad.png"} {
		inbox.drop(name, []byte(name))
	}
	w, err := local.Open(inbox.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Bucket.Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := &office{t: t, records: w.Records, bucket: w.Bucket.Name()}
	write := func(name string, s document.Status, change ...func(*document.Record)) {
		r := o.record(name, s, change...)
		live, _, err := w.Bucket.Live(t.Context(), o.bucket, name)
		if err == nil {
			r.Generation = live.Generation
		}
		var pages []document.Page
		for n := 1; n <= r.Pages && r.TextInPages; n++ {
			pages = append(pages, document.Page{Page: n, Generation: r.Generation, Text: fmt.Sprint("page ", n)})
		}
		o.write(r, pages...)
	}
	write("a.png", document.StatusDone, func(r *document.Record) { r.Text = "# A" })
	write("b two.png", document.StatusDone, func(r *document.Record) {
		r.Text, r.TextInPages, r.Pages, r.PagesDone, r.Warnings = "", true, 2, 2, []string{document.WarnTruncated}
	})
	write("sub/c.png", document.StatusDone, func(r *document.Record) { r.Text, r.Blank = "", true })
	write("bad.png", document.StatusFailed, func(r *document.Record) {
		r.Error = &document.Error{Code: document.CodeCorrupt, Message: "the file is cut off"}
	})
	write("lost.png", document.StatusFailed)
	write("stuck.png", document.StatusRetrying, func(r *document.Record) {
		r.WindowStart = time.Now().Add(-72 * time.Hour)
	})
	return dir
}

func (c call) check(t *testing.T, dir, service string) {
	t.Helper()
	cmd := program(split(c.line)...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, bytes.NewReader(c.stdin), &out, &errs
	home := filepath.Join(dir, ".home")
	cmd.Env = []string{asMain + "=1", "HOME=" + home, "XDG_CACHE_HOME=" + home, "PATH=" + os.Getenv("PATH"),
		"OCR_URL=" + service}
	_ = cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != c.code {
		t.Errorf("exit %d, want %d\n%s%s", code, c.code, out.String(), errs.String())
	}
	matches(t, "standard output", out.String(), c.stdout)
	matches(t, "standard error", errs.String(), c.stderr)
}

func matches(t *testing.T, stream, got, want string) {
	t.Helper()
	if exact, ok := strings.CutPrefix(want, "="); ok || want == "" {
		if got != exact {
			t.Errorf("%s is %q, want %q", stream, got, exact)
		}
		return
	}
	for part := range strings.SplitSeq(want, "|") {
		if !strings.Contains(got, part) {
			t.Errorf("%s does not say %q:\n%s", stream, part, got)
		}
	}
}

// more is the end of error messages.
func more(command string) string {
	return " (bucketocr " + command + " --help says more)\n"
}

func calls() []call {
	const good, failed, usage = exitGood, exitFailed, exitUsage
	all := []call{
		// The program itself.
		{line: "", code: usage, stderr: "Images and PDFs dropped|Usage: bucketocr COMMAND"},
		{line: "help", stdout: "Images and PDFs dropped|Usage: bucketocr COMMAND|Exit codes:"},
		{line: "--help", stdout: "Usage: bucketocr COMMAND"},
		{line: "-h", stdout: "Usage: bucketocr COMMAND"},
		{line: "version", stdout: "bucketocr |go1."},
		{line: "--version", stdout: "bucketocr |go1."},
		{line: "version now", code: usage, stderr: "=bucketocr version: it takes no arguments" + more("version")},
		{line: "stast", code: usage,
			stderr: "=bucketocr: no command \"stast\"; did you mean \"stats\"? (bucketocr --help says more)\n"},
		{line: "reed page.png", code: usage, stderr: `no command "reed"; did you mean "read"?`},
		{line: "backfil", code: usage, stderr: `did you mean "backfill"?`},
		{line: "page.png", code: usage, stderr: `=bucketocr: no command "page.png" (bucketocr --help says more)` +
			"\n"},
		{line: "xyzzy", code: usage, stderr: `=bucketocr: no command "xyzzy" (bucketocr --help says more)` + "\n"},
		{line: "--fast", code: usage, stderr: "no flag --fast"},
		{line: "-v", code: usage, stderr: "no flag --v"},
		{line: "--local inbox stats", stdout: "folder inbox"},
		{line: "help stats", stdout: "Usage: bucketocr stats"},
		{line: "help help", stdout: "Usage: bucketocr help"},
		{line: "help stast", code: usage, stderr: `no command "stast"; did you mean "stats"?`},
		{line: "help stats now", code: usage, stderr: `no command "stats"`},
		{line: "help --fast", code: usage, stderr: "no flag --fast"},
		{line: "completion bash", stdout: "__complete"},
		{line: "completion zsh", stdout: "#compdef bucketocr"},
		{line: "completion fish", stdout: "complete -c bucketocr"},
		{line: "completion powershell", stdout: "Register-ArgumentCompleter"},
		{line: "completion", code: usage, stderr: "name your shell: bash, zsh, fish or powershell"},
		{line: "completion tcsh", code: usage, stderr: "name your shell"},
		{line: "man pages", changes: true},
		{line: "man", code: usage, stderr: "=bucketocr man: name the folder for the man pages" +
			more("man")},
		{line: "man page.png", code: failed, stderr: "page.png"},
		{line: "completion bash zsh", code: usage, stderr: "name your shell"},

		// up
		{line: "up --once none", changes: true, stdout: "=0 done, 0 failed: no images or PDFs to read in none\n",
			stderr: "ocr      http|reading the files in none"},
		{line: "up --once scans", changes: true, stdout: "one.png|read|deep/two.png|2 done, 0 failed",
			stderr: "done        one.png  1 page in |→ scans/.bucketocr/text/one.png.md"},
		{line: "up --once --out made scans", changes: true, stdout: "→ made/one.png.md",
			stderr: "texts    made|→ made/deep/two.png.md"},
		{line: "up --once --verbose scans", changes: true, stdout: "2 done",
			// on a busy machine a document may be done before the screen has looked at it
			stderr: "records  scans/.bucketocr/records.db|endpoint http|page 1      one.png"},
		{line: "up --once --out made.zip scans", changes: true, code: usage,
			stderr: "--out made.zip is not a folder: bucketocr export writes archives and lines"},
		{line: "up --once part", changes: true, stdout: "=0 done, 0 failed: no images or PDFs to read in part\n",
			stderr: `ignored: "page.png.crdownload" has a name of files that are still being written: renamed, it is read`},
		{line: "up missing", code: usage, stderr: "=bucketocr up: no folder missing: use --create to create it\n"},
		{line: "up --once missing", code: usage, stderr: "no folder missing"},
		{line: "up page.png", code: usage, stderr: "page.png is a file, not a folder: bucketocr read prints its text"},
		{line: "up a b", code: usage, stderr: `only one folder can be given: unexpected "b"`},
		{line: "up --onec", code: usage, stderr: "=bucketocr up: no flag --onec; did you mean \"--once\"?" +
			more("up")},
		{line: "up -once", code: usage, stderr: `no flag --once; did you mean "--once"?`},
		{line: "up --page here none", code: usage, stderr: "cannot serve the page at here"},
		{line: "up --once=maybe none", code: usage, stderr: "maybe"},

		// read
		{line: "read page.png", stdout: "=read\n"},
		{line: "read ./page.png", stdout: "=read\n"},
		{line: "read -", stdin: apptest.PNG(60), stdout: "=read\n"},
		{line: "read - --json", stdin: apptest.PNG(60),
			stdout: `{"file":"standard input","status":"done","pages":1,"text":"read"`},
		{line: "read scans", stdout: "===> scans/deep/two.png <==\nread\n==> scans/one.png <==\nread\n",
			stderr: "scans/one.png  1 page in |scans/deep/two.png"},
		{line: "read 'scans/*.png'", stdout: "=read\n"},
		{line: "read two.tiff", stdout: "=read\n\f\nread\n"},
		{line: "read clear.tiff", stdout: "=read\n"},
		{line: "read part", code: failed, stderr: "part  failed  no image or PDF in this folder"},
		{line: "read --pages 2 two.tiff", stdout: "=read\n"},
		{line: "read two.tiff --pages 1,2", stdout: "=read\n\f\nread\n"},
		{line: "read --pages 3 two.tiff", code: failed, stderr: "two.tiff  failed  no page 3: the file has 2 pages"},
		{line: "read --pages 2-3 two.tiff", code: failed, stdout: "=read\n",
			stderr: "no page 3: the file has 2 pages"},
		{line: "read --pages x two.tiff", code: usage, stderr: "write pages as 1,3-5 or 7-"},
		{line: "read --pages -2 two.tiff", code: usage, stderr: "write pages as 1,3-5 or 7-"},
		{line: "read --pages", code: usage, stderr: "flag needs an argument: --pages"},
		{line: "read table.png", stdout: "<table><tr><th>a</th>"},
		{line: "read --tables markdown table.png", stdout: "=| a | b |\n| --- | --- |\n| 1 | 2 |\n"},
		{line: "read --tables csv table.png", stdout: "=```csv\na,b\n1,2\n```\n"},
		{line: "read --tables xls table.png", code: usage, stderr: "must be one of html, markdown, csv"},
		{line: "read --json page.png two.tiff",
			stdout: `{"file":"page.png"|{"file":"two.tiff"|"page":[{"page":1,"text":"read"`,
			stderr: "two.tiff  2 pages in"},
		{line: "read broken.png", code: failed, stderr: "broken.png  failed  unsupported_media: "},
		{line: "read --json broken.png", code: failed, stdout: `"status":"failed"|"code":"unsupported_media"`,
			stderr: "broken.png  failed"},
		{line: "read broken.png page.png", code: failed, stdout: "=" + "==> page.png <==\nread\n",
			stderr: "broken.png  failed|page.png  1 page"},
		{line: "read texts.txt", code: failed, stderr: "texts.txt  failed  unsupported_media"},
		{line: "read missing.png", code: failed, stderr: "missing.png  failed  no such file"},
		{line: "read none", code: failed, stderr: "none  failed  no image or PDF in this folder"},
		{line: "read gs://b/a.png", code: failed, stderr: "read accepts files; use bucketocr backfill for buckets"},
		{line: "read -", code: failed, stderr: "standard input is empty"},
		{line: "read", code: usage, stderr: "=bucketocr read: name files or folders, or - for standard input" +
			more("read")},
		{line: "read --out made scans page.png", changes: true,
			stderr: "scans/one.png  1 page in |→ made/scans/one.png.md|→ made/page.png.md"},
		{line: "read --out texts.txt page.png", code: failed, stderr: "texts.txt"},
		{line: "read --outt x page.png", code: usage, stderr: `no flag --outt; did you mean "--out"?`},

		// list
		{line: "list --local inbox",
			stdout: "done        a.png  1 page|b two.png  2 pages|warning: truncated|blank|failed      bad.png  corrupt: the file is cut off|retrying    stuck.png"},
		{line: "list --local inbox --status failed",
			stdout: "=failed      bad.png  corrupt: the file is cut off\nfailed      lost.png  ocr_failed: the engine failed\n"},
		{line: "list --local inbox --status failed,retrying --code ocr_failed",
			stdout: "=failed      lost.png  ocr_failed: the engine failed\n"},
		{line: "list --local inbox --code corrupt", stdout: "=failed      bad.png  corrupt: the file is cut off\n"},
		{line: "list --local inbox --warning truncated", stdout: "b two.png"},
		{line: "list --local inbox --prefix sub/", stdout: "sub/c.png"},
		{line: "list --local inbox --prefix gs://inbox/sub/", stdout: "sub/c.png"},
		{line: "list --local inbox --prefix nothing", stderr: "=no documents in folder inbox\n"},
		{line: "list --local inbox --status processing", stderr: "=no documents in folder inbox\n"},
		{line: "list --local inbox --limit 1", stdout: "a.png"},
		{line: "list --local inbox --json --code corrupt", stdout: `{"id":"|"status":"failed"|"generation":"`},
		{line: "list --local inbox --status finished", code: usage,
			stderr: "unknown status finished: processing, retrying, done, failed, deleted"},
		{line: "list --local inbox --code bad_luck", code: usage,
			stderr: "unknown error code bad_luck; the codes are unsupported_media,"},
		{line: "list --local inbox --warning red", code: usage,
			stderr: "unknown warning red; the warnings are truncated,"},
		{line: "list --local inbox --limit -1", code: usage, stderr: "--limit must not be negative"},
		{line: "list --local inbox --limit many", code: usage, stderr: "many"},
		{line: "list inbox", code: usage, stderr: `unknown argument "inbox": use --prefix to select names`},
		{line: "list --sattus done", code: usage, stderr: `did you mean "--status"?`},

		// show
		{line: "show --local inbox a.png", stdout: "object      a.png\n|status      done  1 page"},
		{line: "show a.png --local inbox", stdout: "object      a.png\n"},
		{line: "show --local=inbox a.png", stdout: "object      a.png\n"},
		{line: "show --local inbox inbox/a.png", stdout: "object      a.png\n"},
		{line: "show --local inbox ./a.png", stdout: "object      a.png\n"},
		{line: "show --local inbox ./inbox/sub/c.png", stdout: "object      sub/c.png\n"},
		{line: "show --local inbox sub/../a.png", stdout: "object      a.png\n"},
		{line: "show --local inbox gs://inbox/a.png", stdout: "object      a.png\n"},
		{line: "show --local inbox 'b two.png'", stdout: "warnings    truncated"},
		{line: "show --local inbox --text a.png", stdout: "=# A\n"},
		{line: "show --local inbox --text 'b two.png'", stdout: "=page 1\n\f\npage 2\n"},
		{line: "show --local inbox --text sub/c.png", stdout: "=\n"},
		{line: "show --local inbox --pages 'b two.png'", stdout: "page 1|page 2"},
		{line: "show --local inbox --json a.png", stdout: `{"id":"|"status":"done","text":"# A"|"generation":"`},
		{line: "show --local inbox --json --pages 'b two.png'", stdout: `"text":"page 1"|"text":"page 2"`},
		{line: "show --local inbox bad.png", stdout: "failed  corrupt: the file is cut off"},
		{line: "show --local inbox --text bad.png", code: failed,
			stderr: "no text: the document is failed  corrupt: the file is cut off"},
		{line: "show --local inbox stuck.png", stdout: "status      retrying"},
		{line: "show --local inbox new.png", code: failed,
			stderr: "=bucketocr show: new.png has no document in folder inbox\n"},
		{line: "show --local inbox /nowhere/a.png", code: failed,
			stderr: "/nowhere/a.png has no document in folder inbox"},
		{line: "show --local inbox ''", code: usage, stderr: "name an object"},
		{line: "show --local inbox gs://inbox", code: usage, stderr: "name an object"},
		{line: "show --local inbox", code: usage, stderr: "name one object"},
		{line: "show --local inbox a.png bad.png", code: usage, stderr: "name one object"},
		{line: "show --local inbox -- --a.png", code: failed, stderr: "--a.png has no document"},
		{line: "show a.png", code: usage, stderr: "name an object as gs://BUCKET/NAME"},
		{line: "show --txet a.png", code: usage, stderr: `did you mean "--text"?`},

		// stats
		{line: "stats --local inbox",
			stdout: "folder inbox|done        3|failed      2|1 corrupt, 1 ocr_failed|oldest unfinished  3 days  stuck.png"},
		{line: "stats --local inbox --json", stdout: `"done":3|"corrupt":1|"pages":4`},
		{line: "stats --local inbox --since 24h", stdout: "last 24 h"},
		{line: "stats --local inbox --since 0s", code: usage, stderr: "unknown argument or period"},
		{line: "stats --local inbox --since soon", code: usage, stderr: `invalid argument "soon" for "--since"`},
		{line: "stats inbox", code: usage, stderr: "unknown argument"},
		{line: "stats --json --json --local inbox", stdout: `"done":3`},

		// export
		{line: "export --local inbox -", stdout: `"text":"# A"|"text":"page 1\n\f\npage 2"`,
			stderr: "=3 documents written, 0 already up to date\n"},
		{line: "export --local inbox - --prefix sub", stdout: `"name":"sub/c.png"`,
			stderr: "=1 document written, 0 already up to date\n"},
		{line: "export --local inbox - --warning truncated", stdout: `"name":"b two.png"`,
			stderr: "1 document written"},
		{line: "export --local inbox - --prefix nothing", stderr: "0 documents written"},
		{line: "export --local inbox made", changes: true, stderr: "3 documents written"},
		{line: "export --local inbox made.zip", changes: true, stderr: "3 documents written"},
		{line: "export --local inbox made.jsonl", changes: true, stderr: "3 documents written"},
		{line: "export --local inbox made --limit 2", changes: true, stderr: "2 documents written"},
		{line: "export --local inbox texts.txt", code: failed, stderr: "texts.txt"},
		{line: "export --local inbox page.png/x.zip", code: failed, stderr: "page.png"},
		{line: "export --local inbox", code: usage,
			stderr: "name one folder, NAME.zip, NAME.jsonl, or - for standard output"},
		{line: "export --local inbox a b", code: usage, stderr: "name one folder"},
		{line: "export --local inbox - --tables pdf", code: usage, stderr: "must be one of html, markdown, csv"},
		{line: "export --local inbox - --status done", code: usage, stderr: "no flag --status"},

		// delete
		{line: "delete --local inbox --yes a.png", changes: true, stdout: "=deleted     a.png\n"},
		{line: "delete --local inbox --yes inbox/a.png 'b two.png'", changes: true,
			stdout: "=deleted     inbox/a.png\ndeleted     b two.png\n"},
		{line: "delete --local inbox --yes lost.png", changes: true, stdout: "=deleted     lost.png\n"},
		{line: "delete --local inbox --yes new.png a.png", changes: true, code: failed, stdout: "=deleted     a.png\n",
			stderr: "=bucketocr delete: new.png: no document in folder inbox\n"},
		{line: "delete --local inbox a.png", code: usage, stderr: "there is no terminal to ask on: use --yes"},
		{line: "delete --local inbox a.png", code: usage, stdin: []byte("y\n"),
			stderr: "there is no terminal to ask on: use --yes"},
		{line: "delete --local inbox --yes", code: usage, stderr: "name the objects"},
		{line: "delete --yes a.png", code: usage, stderr: "name an object as gs://BUCKET/NAME"},

		// retry
		{line: "retry --local inbox --dry-run",
			stdout: "selected       2  1 corrupt, 1 ocr_failed|Dry run: nothing was written."},
		{line: "retry --local inbox --dry-run --code corrupt", stdout: "selected       1"},
		{line: "retry --local inbox --all", changes: true,
			stdout: "to be retried  2|bucketocr up is not running in this folder: it processes them when it next runs."},
		{line: "retry --local inbox --all --json", changes: true,
			stdout: `"retried":true|"generation":"|"sum":{"selected":2,"retried":2`},
		{line: "retry --local inbox bad.png", changes: true, stdout: "to be retried  1"},
		{line: "retry --local inbox inbox/bad.png", changes: true, stdout: "to be retried  1"},
		{line: "retry --local inbox --code corrupt,ocr_failed", changes: true, stdout: "to be retried  2"},
		{line: "retry --local inbox --stuck", changes: true, stdout: "to be retried  1"},
		{line: "retry --local inbox --status done --warning truncated", changes: true,
			stdout: "skipped|in progress, or nothing to read again"},
		{line: "retry --local inbox --status done --model m1 --prefix a", changes: true,
			stdout: "to be retried  1"},
		{line: "retry --local inbox", code: usage, stderr: "there is no terminal to ask on: use --all"},
		{line: "retry --local inbox nope.png", code: failed, stdout: "selected       0",
			stderr: "bucketocr retry: nope.png has no document in folder inbox"},
		{line: "retry --local inbox --all bad.png", code: usage, stderr: "name objects or select them, not both"},
		{line: "retry --local inbox --code corrupt bad.png", code: usage, stderr: "not both"},
		{line: "retry --local inbox --code foo", code: usage,
			stderr: "unknown error code foo; the codes are unsupported_media, too_large,"},
		{line: "retry --local inbox --status retrying", code: usage,
			stderr: "--status must be failed or done, not retrying"},
		{line: "retry --local inbox --status done", code: usage, stderr: "--status done requires --warning or --model"},
		{line: "retry --local inbox --warning truncated", code: usage, stderr: "are for --status done"},
		{line: "retry --local inbox --status done --warning red", code: usage, stderr: "unknown warning red"},
		{line: "retry --local inbox --newer-than soon --dry-run", code: usage,
			stderr: "write it as 90m or 7d (ago), 2026-11-24"},
		{line: "retry --local inbox --older-than 0s --dry-run", stdout: "selected       2"},
		{line: "retry --local inbox --rate 0 --dry-run", code: usage, stderr: "--rate must be positive"},
		{line: "retry --local inbox --all --now", code: usage, stderr: "bucketocr up is not running in this folder"},

		// watch
		{line: "watch inbox", code: usage, stderr: `unknown argument "inbox"`},
		{line: "watch --local inbox --status finished", code: usage, stderr: "unknown status finished"},

		// backfill and reconcile
		{line: "backfill --local inbox --dry-run",
			stdout: "listed      5|skipped     4|done or failed already|to deliver  1|GPU time|Dry run: nothing was delivered."},
		{line: "backfill --local inbox --dry-run --json", stdout: `"sum":{|"complete":true`},
		{line: "backfill --local inbox sub/ --dry-run", stdout: "listed      1|to deliver  0"},
		{line: "backfill --local inbox --dry-run --include '*.gif'", stdout: "to deliver  0"},
		{line: "backfill --local inbox --dry-run --figures missing.json", code: failed, stdout: "listed",
			stderr: "missing.json"},
		{line: "backfill --local inbox", code: usage, stderr: "bucketocr up is not running in this folder"},
		{line: "backfill --local inbox --to nowhere", code: usage, stderr: "nowhere"},
		{line: "backfill --local inbox --topic t", code: usage,
			stderr: "--topic cannot be combined with --to or --local"},
		{line: "backfill --local inbox gs://another --dry-run", code: usage,
			stderr: "the bucket of this folder is inbox"},
		{line: "backfill --local inbox a b", code: usage, stderr: "at most a prefix"},
		{line: "backfill", code: usage,
			stderr: "name one bucket: gs://BUCKET or gs://BUCKET/PREFIX; or a folder with --local"},
		{line: "backfill s3://scans", code: usage, stderr: "name one bucket"},
		{line: "backfill gs://scans --in-flight 0", code: usage, stderr: "--in-flight must be 1 to 1000"},
		{line: "backfill gs://scans --rate NaN", code: usage, stderr: "--limit and --rate must not be negative"},
		{line: "backfill gs://scans --exclude '{a,b}'", code: usage, stderr: "brace"},
		{line: "reconcile --local inbox --dry-run", stdout: "listed      5|to deliver"},
		{line: "reconcile --local inbox --dry-run --erase --older-than 0s",
			stdout: "to erase    2    documents without an object"},
		{line: "reconcile", code: usage, stderr: "name one bucket"},
		{line: "reconcile --local inbox", code: usage, stderr: "bucketocr up is not running in this folder"},

		// plan
		{line: "plan --gpu nvidia-h100 --burst 1000000",
			stdout: "figures  built in|nvidia-h100 reads 5.71 pages/s|GPU_MAX_INSTANCES=3"},
		{line: "plan --pages-per-second 1.5 --pages-per-hour 10000", stdout: "as given"},
		{line: "plan --pages-per-second 1.5 --burst 1 --json", stdout: `"Plan":{`},
		{line: "plan --gpu nvidia-h100 --burst 1000000 --max-gpus 1", code: failed,
			stdout: "The load cannot be handled"},
		{line: "plan --burst 10", code: usage,
			stderr: "the speed of nvidia-l4 with lightonai/LightOnOCR-2-1B is unknown|figures read: built in"},
		{line: "plan", code: usage, stderr: "give a load: --pages-per-hour or --burst"},
		{line: "plan now", code: usage, stderr: `unknown argument "now"`},
		{line: "plan --burst many", code: usage, stderr: "many"},
		{line: "plan --figures missing.json --burst 1", code: usage, stderr: "missing.json"},

		// serve and ui
		{line: "serve now", code: usage, stderr: `unknown argument "now"`},
		{line: "serve --port 80", code: usage, stderr: "no flag --port"},
		{line: "ui now", code: usage, stderr: `unknown argument "now"`},
		{line: "ui --local inbox --newest -1", code: usage, stderr: "--newest -1: must be 0 or more"},
		{line: "ui --local inbox --listen nowhere", code: usage, stderr: "cannot serve the page at nowhere"},
	}
	// Common to all commands, and to all that work on a folder.
	for _, c := range commands() {
		all = append(all,
			call{line: c.name + " --help", stdout: "Usage: bucketocr " + c.name + "|Example: |-h, --help"},
			call{line: c.name + " --no-such-flag", code: usage,
				stderr: "bucketocr " + c.name + ": no flag --no-such-flag|" + c.name + " --help says more"})
	}
	for name, line := range map[string]string{
		"list": "list", "show": "show a.png", "stats": "stats", "export": "export -", "delete": "delete --yes a.png",
		"retry": "retry --all", "watch": "watch",
		"ui": "ui", "backfill": "backfill --dry-run", "reconcile": "reconcile --dry-run",
	} {
		all = append(all,
			call{line: line + " --local none", code: usage,
				stderr: "bucketocr " + name + ": no records in |none: run bucketocr up there first"},
			call{line: line + " --local missing", code: usage, stderr: "bucketocr " + name + ": |missing"},
			call{line: line + " --local page.png", code: usage, stderr: "bucketocr " + name + ": |page.png"},
			call{line: line + " --local", code: usage, stderr: "flag needs an argument: --local"})
	}
	return all
}
