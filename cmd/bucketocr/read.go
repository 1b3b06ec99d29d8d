package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/bucketocr/bucketocr/internal/document"
)

const readHelp = `Reads images and PDFs and writes their text to standard output. Arguments are files, folders whose
images and PDFs are read, or - for standard input. Nothing is stored: no folder becomes a bucket
and no document is written. Progress and failures go to standard error.

OCR_URL names the OCR service. If it is not set, localocr is started, as by bucketocr up (in a
checkout it is built first; otherwise an earlier build or the one on PATH is used). The other
variables of bucketocr serve that concern reading apply as well; RETRY_WINDOW defaults to 5m.

The texts of several files are printed in order, each below a line ==> NAME <==; pages are
separated by a line with a form feed. --json writes one line per file instead: file, status,
pages, text, and each page's own text, warnings and errors. --out writes files instead: NAME.md,
or NAME.json with --json.

Exits with 1 if a file, or a page that was asked for, could not be read.

Example: bucketocr read scan.png > scan.md
         bucketocr read --pages 1,3-5 book.pdf
         bucketocr read --json --out texts scans/
         curl -s https://example.com/a.png | bucketocr read -
`

func readFlags(fs *pflag.FlagSet) action {
	c := &readCmd{}
	fs.Var(&c.pages, "pages",
		"read only these `PAGES` of each file: 1,3-5 or 7-; others are not sent to the OCR service")
	fs.BoolVar(&c.json, "json", false, "print a line of JSON for each file")
	fs.StringVar(&c.out, "out", "", "write each text to a file in the folder `DIR`")
	c.tables = tableFlag(fs)
	return c.run
}

// readCmd is one run of read.
type readCmd struct {
	pages  pageList
	json   bool
	out    string
	tables *choice

	sys      system
	progress *progress
	several  bool // several files: each gets a heading
	failed   bool
}

func (c *readCmd) run(ctx context.Context, sys system, args []string) int {
	if len(args) == 0 {
		return complain(sys, "read", errors.New("name files or folders, or - for standard input"))
	}
	files := findFiles(args)
	if err := c.checkTargets(files); err != nil {
		return complain(sys, "read", err)
	}
	c.sys, c.several = sys, len(files) > 1
	r, err := openRead(ctx, sys, files, c.pages)
	if err != nil {
		if errors.Is(err, errWrongSettings) {
			fmt.Fprintf(sys.stderr, "bucketocr read: %s\n", clean(err.Error()))
			return exitUsage
		}
		return fail(ctx, sys, "read", err)
	}
	c.progress = newProgress(sys, false)
	c.progress.of(int64(len(files)))
	err = errors.Join(r.all(ctx, c.ended), r.close())
	c.progress.finish()
	switch {
	case err != nil:
		return fail(ctx, sys, "read", err)
	case c.failed:
		return exitFailed
	}
	return exitGood
}

// checkTargets returns an error if the texts of two files would be written to the same file.
func (c *readCmd) checkTargets(files []file) error {
	if c.out == "" {
		return nil
	}
	of := map[string]string{}
	for _, f := range files {
		path := c.destination(f)
		if other, taken := of[path]; taken && f.err == nil {
			return fmt.Errorf("%s and %s would both be written to %s: read them into two folders", plain(other),
				plain(f.name), plain(path))
		}
		of[path] = f.name
	}
	return nil
}

// destination returns the file that the text of f is written to: f's path below the folder, or only its last part if
// the path leads out of it.
func (c *readCmd) destination(f file) string {
	name := filepath.Clean(f.name)
	switch {
	case f.name == standardInput:
		name = "stdin"
	case !filepath.IsLocal(name):
		name = filepath.Base(name)
	}
	if c.json {
		return filepath.Join(c.out, name+".json")
	}
	return filepath.Join(c.out, name+".md")
}

// ended writes the result for a file.
func (c *readCmd) ended(r fileRead) error {
	c.failed = c.failed || r.err != nil
	text, err := c.output(r)
	if err != nil {
		return err
	}
	to := ""
	if wanted := r.err == nil || r.record != nil && r.record.Status == document.StatusDone || c.json; wanted {
		if to, err = c.write(r, text); err != nil {
			return err
		}
	}
	c.progress.add("")
	switch name := plain(readableName(r.file)); {
	case r.err != nil:
		c.progress.printLine(c.sys.stderr, name+"  failed  "+oneLine(r.err.Error()))
	case c.out != "" || c.several:
		c.progress.printLine(c.sys.stderr, name+detail(r.record)+to)
	case len(r.record.Warnings) > 0:
		c.progress.printLine(c.sys.stderr, name+warnings(r.record))
	}
	return nil
}

func readableName(f file) string {
	if f.name == standardInput {
		return "standard input"
	}
	return f.name
}

// write writes a text to its destination, and returns the path if that is a file.
func (c *readCmd) write(r fileRead, text string) (to string, err error) {
	if c.out != "" {
		path := c.destination(r.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return "", err
		}
		return " → " + plain(path), os.WriteFile(path, []byte(text), 0o666)
	}
	c.progress.hide()
	if c.several && !c.json {
		text = fmt.Sprintf("==> %s <==\n%s", plain(readableName(r.file)), text)
	}
	if c.json {
		_, err = jsonTo(c.sys.stdout).Write([]byte(text))
	} else {
		_, err = c.sys.stdout.Write([]byte(text))
	}
	return "", err
}

// output returns the text of a file, or its line of JSON.
func (c *readCmd) output(r fileRead) (string, error) {
	for i := range r.pages {
		r.pages[i].Text = convertTables(r.pages[i].Text, tableFormat(c.tables.value))
	}
	text := document.JoinPages(r.pages)
	if c.json {
		return readJSON(r, text)
	}
	return withNewline(text), nil
}

// readLine is the line of JSON for a file.
type readLine struct {
	File     string          `json:"file"`
	Status   document.Status `json:"status"`
	Error    string          `json:"error,omitempty"` // human-readable
	Code     string          `json:"code,omitempty"`
	Pages    int             `json:"pages"` // in the file
	Text     string          `json:"text"`  // of the selected pages
	Warnings []string        `json:"warnings,omitempty"`
	Model    string          `json:"model,omitempty"`
	Page     []readPage      `json:"page"`
}

// readPage is a page in a readLine.
type readPage struct {
	Page     int              `json:"page"`
	Text     string           `json:"text"`
	Blank    bool             `json:"blank,omitempty"`
	Turned   int              `json:"turned,omitempty"`
	Warnings []string         `json:"warnings,omitempty"`
	Error    *document.Error  `json:"error,omitempty"`
	Width    int              `json:"width,omitempty"`
	Height   int              `json:"height,omitempty"`
	Blocks   []document.Block `json:"blocks,omitempty"`
}

func readJSON(r fileRead, text string) (string, error) {
	line := readLine{File: readableName(r.file), Status: document.StatusFailed, Text: text, Page: []readPage{}}
	if r.err != nil {
		line.Error = r.err.Error()
	}
	if rec := r.record; rec != nil {
		line.Status, line.Pages, line.Warnings, line.Model = rec.Status, rec.Pages, rec.Warnings, rec.Model
		if rec.Error != nil {
			line.Code = rec.Error.Code
		}
	}
	for _, pg := range r.pages {
		line.Page = append(line.Page, readPage{
			Page: pg.Page, Text: pg.Text, Blank: pg.Blank, Turned: pg.Turned, Warnings: pg.Warnings, Error: pg.Error,
			Width: pg.Width, Height: pg.Height, Blocks: pg.Blocks,
		})
	}
	b, err := json.Marshal(line)
	return string(b) + "\n", err
}
